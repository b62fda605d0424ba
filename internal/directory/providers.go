package directory

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// Providers answers look-ups of upstream providers from memory, with their secrets opened. Safe for concurrent use.
type Providers struct {
	store   *store.Store
	keyring *secret.Keyring
	logger  *slog.Logger

	mu     sync.Mutex
	loaded bool
	list   []*idp.Provider
}

// ProviderBinding is where a provider's client secret is sealed.
func ProviderBinding(id string) secret.Binding {
	return secret.Binding{Table: "providers", Column: "secret", Row: id}
}

// NewProviders returns an empty memory that forgets when w says so.
func NewProviders(s *store.Store, ring *secret.Keyring, w *Watcher, logger *slog.Logger) *Providers {
	p := &Providers{store: s, keyring: ring, logger: logger}
	w.Subscribe(store.TopicProviders, func(context.Context) error { p.Forget(); return nil })
	return p
}

// Enabled lists the providers that people may sign in with, by id.
func (p *Providers) Enabled(ctx context.Context) ([]*idp.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded {
		return p.list, nil
	}
	rows, err := p.store.Providers(ctx)
	if err != nil {
		return nil, fmt.Errorf("load providers: %w", err)
	}
	var list []*idp.Provider
	for _, row := range rows {
		if row.Disabled {
			continue
		}
		opened, err := Open(row, p.keyring)
		if err != nil { // one broken row must not take the others' buttons away
			p.logger.ErrorContext(ctx, "provider left out", slog.String("provider_id", row.ID), slog.Any("error", err))
			continue
		}
		list = append(list, opened)
	}
	p.list, p.loaded = list, true
	return list, nil
}

// Open returns the provider of a row with its client secret in clear.
func Open(row *store.SealedProvider, ring *secret.Keyring) (*idp.Provider, error) {
	opened := *row.Provider
	if row.Secret != "" {
		text, err := ring.Open(row.Secret, ProviderBinding(row.ID))
		if err != nil {
			return nil, fmt.Errorf("open the secret of provider %s (is its encryption key still in the key ring?): %w", row.ID, err)
		}
		opened.ClientSecret = string(text)
	}
	return &opened, nil
}

// Get returns one enabled provider; idp.ErrNotFound if there is none.
func (p *Providers) Get(ctx context.Context, id string) (*idp.Provider, error) {
	list, err := p.Enabled(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if v.ID == id {
			return v, nil
		}
	}
	return nil, idp.ErrNotFound
}

// Forget drops everything.
func (p *Providers) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded, p.list = false, nil
}
