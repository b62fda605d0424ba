package registration

import (
	"context"
	"errors"
	"slices"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

const (
	maxTokenUses = 100_000
	maxTokenLife = 366 * 24 * time.Hour
)

// NewToken says what an initial access token is for.
type NewToken struct {
	Name   string
	Uses   int64
	Life   time.Duration
	Policy store.RegistrationPolicy
}

// Tokens is what operators do with initial access tokens. Safe for concurrent use.
type Tokens struct {
	Store   *store.Store
	Keyring *secret.Keyring
	Audit   *audit.Log
}

// Create makes an initial access token. Its text is told this once.
func (t *Tokens) Create(ctx context.Context, n NewToken) (*store.RegistrationToken, string, error) {
	var faults []error
	add := func(field, format string, args ...any) { faults = append(faults, idp.Invalidf(field, format, args...)) }
	if len(n.Name) > 200 {
		add("name", "The name is longer than 200 bytes.")
	}
	if n.Uses < 1 || n.Uses > maxTokenUses {
		add("uses", "The number of registrations is not between 1 and %d.", maxTokenUses)
	}
	if n.Life < time.Minute || n.Life > maxTokenLife {
		add("expires_in", "The token's life is not between a minute and %d days.", int(maxTokenLife.Hours()/24))
	}
	for _, scope := range n.Policy.Scopes {
		if scope == idp.ScopeAdmin || !idp.ValidScope(scope) {
			add("scopes", "%q is not a scope that an application may register itself for.", scope)
		}
	}
	for _, grant := range n.Policy.Grants {
		if !slices.Contains(idp.SupportedGrantTypes(), grant) {
			add("grant_types", "%q is not a grant type of this server.", grant)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, "", err
	}
	v := &store.RegistrationToken{ID: idp.NewID(), Name: n.Name, Policy: n.Policy, Most: n.Uses, CreatedAt: now()}
	v.ExpiresAt = v.CreatedAt.Add(n.Life)
	token := t.Keyring.NewToken(secret.TokenInitial, v.ID)
	err := t.Store.InTx(ctx, func(ctx context.Context) error {
		if err := t.Store.CreateRegistrationToken(ctx, v, token.Digest); err != nil {
			return err
		}
		return t.Audit.Write(ctx, audit.Event{Type: audit.RegistrationTokenCreated, Details: map[string]string{"id": v.ID, "name": v.Name}})
	})
	if err != nil {
		return nil, "", err
	}
	return v, token.Text, nil
}

// Revoke ends an initial access token. What was registered with it stays.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	return t.Store.InTx(ctx, func(ctx context.Context) error {
		err := t.Store.DeleteRegistrationToken(ctx, id)
		if errors.Is(err, idp.ErrNotFound) {
			return &idp.Error{Kind: idp.NotFound, Code: "registration_token_not_found", Message: "There is no such initial access token. `idp client registration-token list` shows all."}
		}
		if err != nil {
			return err
		}
		return t.Audit.Write(ctx, audit.Event{Type: audit.RegistrationTokenRevoked, Details: map[string]string{"id": id}})
	})
}
