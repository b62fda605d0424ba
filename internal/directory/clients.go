package directory

import (
	"context"
	"errors"
	"sync"

	"idp/internal/idp"
	"idp/internal/store"
)

// most bounds the clients in memory; when it is reached the memory is emptied, which costs one read for each client in use.
const most = 20_000

// Clients answers look-ups of clients from memory. Safe for concurrent use.
type Clients struct {
	store *store.Store

	mu      sync.RWMutex
	entries map[string]*idp.Client // nil = known not to exist
	epoch   int64                  // counts invalidations, so that a read that began before one is not kept
}

// NewClients returns an empty memory that forgets when w says so.
func NewClients(s *store.Store, w *Watcher) *Clients {
	c := &Clients{store: s, entries: map[string]*idp.Client{}}
	w.Subscribe(store.TopicClients, func(context.Context) { c.Forget() })
	return c
}

// Get returns a client that may be used: idp.ErrNotFound if there is none or it is disabled.
func (c *Clients) Get(ctx context.Context, id string) (*idp.Client, error) {
	if id == "" || len(id) > 255 {
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
	if client == nil || client.Disabled {
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
}

// AllowsOrigin reports whether some client that is in memory or in the database may call us from a browser at origin (CORS).
func (c *Clients) AllowsOrigin(ctx context.Context, origin string) (bool, error) {
	after := ""
	for {
		list, err := c.store.Clients(ctx, store.Page{After: after, Limit: 500})
		if err != nil {
			return false, err
		}
		for _, client := range list {
			if !client.Disabled && client.AllowsOrigin(origin) {
				return true, nil
			}
		}
		if len(list) < 500 {
			return false, nil
		}
		after = list[len(list)-1].ID
	}
}
