package directory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"idp/internal/idp"
	"idp/internal/store"
)

// Resources answers look-ups of the operator's protected resources from memory. Safe for concurrent use.
type Resources struct {
	store *store.Store

	mu     sync.Mutex
	loaded bool
	list   []*idp.Resource
}

// NewResources returns an empty memory that forgets when w says so.
func NewResources(s *store.Store, w *Watcher) *Resources {
	r := &Resources{store: s}
	w.Subscribe(store.TopicResources, func(context.Context) error { r.Forget(); return nil })
	return r
}

// All lists the protected resources by id. Nobody changes what it returns.
func (r *Resources) All(ctx context.Context) ([]*idp.Resource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded {
		return r.list, nil
	}
	const batch = 500
	var list []*idp.Resource
	for after := ""; ; {
		more, err := r.store.Resources(ctx, store.Page{After: after, Limit: batch})
		if err != nil {
			return nil, fmt.Errorf("load protected resources: %w", err)
		}
		list = append(list, more...)
		if len(more) < batch {
			break
		}
		after = more[len(more)-1].ID
	}
	r.list, r.loaded = list, true
	return list, nil
}

// Has reports whether a resource has the identifier, to the letter. It looks at what is in memory, which whoever watches the resources keeps there.
func (r *Resources) Has(identifier string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.list, func(one *idp.Resource) bool { return one.Identifier == identifier })
}

// Foreign returns those of the scopes that belong to a resource, and to none that a token for the audience is for: what is asked of one resource is
// none of another's business (RFC 8707 §2). Whoever is no resource here may take any scope, but for issuer: then there are none.
// As Has, it looks at what is in memory.
func (r *Resources) Foreign(scopes, audience []string, issuer string) (foreign []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 || len(audience) == 0 {
		return nil
	}
	for _, aud := range audience {
		if aud != issuer && !slices.ContainsFunc(r.list, func(one *idp.Resource) bool { return one.Identifier == aud }) {
			return nil
		}
	}
	for _, scope := range scopes {
		known, own := false, false
		for _, one := range r.list {
			if slices.Contains(one.Scopes, scope) {
				known, own = true, own || slices.Contains(audience, one.Identifier)
			}
		}
		if known && !own {
			foreign = append(foreign, scope)
		}
	}
	return foreign
}

// Scopes lists the scopes of all resources, each once.
func (r *Resources) Scopes(ctx context.Context) ([]string, error) {
	list, err := r.All(ctx)
	if err != nil {
		return nil, err
	}
	var scopes []string
	seen := map[string]bool{}
	for _, one := range list {
		for _, scope := range one.Scopes {
			if !seen[scope] {
				seen[scope] = true
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes, nil
}

// Forget has everything read again: this replica, or another one, changed a resource. Has goes by what was known until then.
func (r *Resources) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded = false
}
