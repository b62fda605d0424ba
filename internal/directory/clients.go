package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"idp/internal/idp"
	"idp/internal/store"
)

// most bounds the clients in memory, and the origins; when it is reached the memory is emptied, which costs one read for each one in use.
const most = 20_000

// Clients answers look-ups of clients from memory. Safe for concurrent use.
type Clients struct {
	refused func(*idp.Client) bool
	store   *store.Store
	watcher *Watcher
	version int64 // of the last change that was heard of; used by changed alone

	mu      sync.RWMutex
	entries map[string]*idp.Client // nil = known not to exist
	origins map[string]bool        // whether some client has it
	epoch   int64                  // counts invalidations, so that a read that began before one is not kept
}

// NewClients returns an empty memory that forgets when w says so. refused reports whether the settings have no room for a client that the database holds; nil for
// none.
func NewClients(s *store.Store, w *Watcher, refused func(*idp.Client) bool) *Clients {
	c := &Clients{refused: refused, store: s, watcher: w, entries: map[string]*idp.Client{}, origins: map[string]bool{}}
	w.Subscribe(store.TopicClients, c.changed)
	return c
}

// changed forgets the clients that changed, and all of them if it cannot be told which: where applications register themselves all day, the others
// stay in memory.
func (c *Clients) changed(ctx context.Context) error {
	if !c.watcher.Anew(store.TopicClients) {
		ids, version, known, err := c.store.ClientChanges(ctx, c.version)
		if err != nil {
			return fmt.Errorf("read which clients changed: %w", err)
		}
		if known {
			c.Forget(ids...)
			c.version = version
			return nil
		}
	}
	// The version first: what changes afterwards is told the next time.
	version, err := c.store.ClientVersion(ctx)
	if err != nil {
		return fmt.Errorf("read how often clients changed: %w", err)
	}
	c.Forget()
	c.version = version
	return nil
}

// usable reports whether anybody may use a client.
func (c *Clients) usable(client *idp.Client) bool {
	return client != nil && !client.Disabled && !client.Pending && (c.refused == nil || !c.refused(client))
}

// Get returns a client that may be used: idp.ErrNotFound if there is none, it is disabled, it waits for approval, or the settings refuse it.
func (c *Clients) Get(ctx context.Context, id string) (*idp.Client, error) {
	if !idp.ValidClientID(id) { // what cannot be one reaches neither the database, which takes no zero byte for text, nor the memory
		return nil, idp.ErrNotFound
	}
	c.mu.RLock()
	client, known := c.entries[id]
	epoch := c.epoch
	c.mu.RUnlock()
	if !known {
		var err error
		client, err = c.store.Client(ctx, id)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return nil, err
		}
		if err != nil {
			client = nil
		}
		c.keep(id, client, epoch)
	}
	if !c.usable(client) {
		return nil, idp.ErrNotFound
	}
	return client, nil
}

func (c *Clients) keep(id string, client *idp.Client, epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	if len(c.entries) >= most { // made-up ids end here too
		clear(c.entries)
	}
	c.entries[id] = client
}

// Forget drops the named clients, or all if none is named, and what is known of origins: this replica or another one changed them.
func (c *Clients) Forget(ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.origins)
	if len(ids) == 0 {
		clear(c.entries)
	}
	for _, id := range ids {
		delete(c.entries, id)
	}
}

// AllowsOrigin reports whether some enabled client may call us from a browser at origin (CORS).
func (c *Clients) AllowsOrigin(ctx context.Context, origin string) (bool, error) {
	if origin == "" || len(origin) > idp.MaxOrigin {
		return false, nil
	}
	c.mu.RLock()
	allowed, known := c.origins[origin]
	epoch := c.epoch
	c.mu.RUnlock()
	if known {
		return allowed, nil
	}
	allowed, err := c.hasOrigin(ctx, origin)
	if err != nil {
		return false, fmt.Errorf("look for a client at an origin: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch {
		if len(c.origins) >= most {
			clear(c.origins)
		}
		c.origins[origin] = allowed
	}
	return allowed, nil
}

func (c *Clients) hasOrigin(ctx context.Context, origin string) (bool, error) {
	const batch = 50
	for after := ""; ; {
		list, err := c.store.ClientsAtOrigin(ctx, origin, store.Page{After: after, Limit: batch})
		if err != nil || len(list) == 0 {
			return false, err
		}
		if slices.ContainsFunc(list, c.usable) {
			return true, nil
		}
		if len(list) < batch {
			return false, nil
		}
		after = list[len(list)-1].ID
	}
}
