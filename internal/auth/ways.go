package auth

import (
	"context"
	"fmt"
	"slices"

	"idp/internal/idp"
	"idp/internal/store"
)

// Ways says by which ways people could sign in, and what a sign-in by each can prove. Safe for concurrent use.
type Ways struct {
	Store     *store.Store
	Providers func(context.Context) ([]*idp.Provider, error) // that people may sign in with
}

// Of lists the ways, with a mark at those that a person has already. An empty userID asks for nobody in particular, and costs no statement.
func (w *Ways) Of(ctx context.Context, userID string) ([]idp.Way, error) {
	providers, err := w.Providers(ctx)
	if err != nil {
		return nil, err
	}
	password, linked := true, func(string) bool { return true }
	if userID != "" {
		login, err := w.Store.PasswordOf(ctx, userID)
		if err != nil {
			return nil, fmt.Errorf("look for a password of user %s: %w", userID, err)
		}
		password = login.Credential != nil
		identities, err := w.Store.IdentitiesOf(ctx, userID)
		if err != nil {
			return nil, fmt.Errorf("look for identities of user %s: %w", userID, err)
		}
		linked = func(issuer string) bool {
			return slices.ContainsFunc(identities, func(i *idp.Identity) bool { return i.Issuer == issuer })
		}
	}
	ways := []idp.Way{{AMR: []string{idp.MethodPassword}, Theirs: password}}
	for _, p := range providers {
		ways = append(ways, idp.Way{ProviderID: p.ID, Contexts: p.Vouchable(), Theirs: linked(p.Issuer)})
	}
	return ways, nil
}
