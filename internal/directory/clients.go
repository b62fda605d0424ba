package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"idp/internal/idp"
	"idp/internal/store"
)

// most bounds the clients in memory; when it is reached the memory is emptied, which costs one read for each client in use.
const most = 20_000

// Clients answers look-ups of clients from memory. Safe for concurrent use.
type Clients struct {
	// Refused reports whether the settings have no room for a client that the database holds; nil for none. Set before the first use.
	Refused func(*idp.Client) bool

	store *store.Store

	mu      sync.RWMutex
	entries map[string]*idp.Client // nil = known not to exist
	epoch   int64                  // counts invalidations, so that a read that began before one is not kept
	origins map[string]struct{}    // of all clients; nil = not read yet

	reading sync.Mutex // held while origins are read
}

// NewClients returns an empty memory that forgets when w says so.
func NewClients(s *store.Store, w *Watcher) *Clients {
	c := &Clients{store: s, entries: map[string]*idp.Client{}}
	w.Subscribe(store.TopicClients, func(context.Context) error { c.Forget(); return nil })
	return c
}

// usable reports whether anybody may use a client.
func (c *Clients) usable(client *idp.Client) bool {
	return client != nil && !client.Disabled && !client.Pending && (c.Refused == nil || !c.Refused(client))
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

// Forget drops everything: this replica, or another one, changed a client.
func (c *Clients) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.entries)
	c.origins = nil
}

// AllowsOrigin reports whether some enabled client may call us from a browser at origin (CORS). The origins of all clients are
// read once after each change, so that whoever makes up origins reaches no database.
func (c *Clients) AllowsOrigin(ctx context.Context, origin string) (bool, error) {
	c.mu.RLock()
	origins, epoch := c.origins, c.epoch
	c.mu.RUnlock()
	if origins == nil {
		c.reading.Lock() // one reads, the others wait for it
		defer c.reading.Unlock()
		c.mu.RLock()
		origins, epoch = c.origins, c.epoch
		c.mu.RUnlock()
	}
	if origins == nil {
		var err error
		if origins, err = c.readOrigins(ctx); err != nil {
			return false, err
		}
		c.mu.Lock()
		if c.epoch == epoch {
			c.origins = origins
		}
		c.mu.Unlock()
	}
	_, ok := origins[origin]
	return ok, nil
}

func (c *Clients) readOrigins(ctx context.Context) (map[string]struct{}, error) {
	origins := map[string]struct{}{}
	const batch = 500
	after := ""
	for {
		list, err := c.store.Clients(ctx, store.Page{After: after, Limit: batch})
		if err != nil {
			return nil, fmt.Errorf("read the origins of clients: %w", err)
		}
		for _, client := range list {
			if !c.usable(client) {
				continue
			}
			for _, origin := range client.Origins() {
				origins[origin] = struct{}{}
			}
		}
		if len(list) < batch {
			return origins, nil
		}
		after = list[len(list)-1].ID
	}
}
