package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/upstream"
)

const codeChanged = "changed_meanwhile" // somebody else wrote between our reading and our writing

// Config is what a Service needs; every field but Contexts is required.
type Config struct {
	Store    *store.Store
	Keyring  *secret.Keyring
	Audit    *audit.Log
	Upstream *upstream.Registry
	// Contexts are the authentication contexts that providers may vouch for.
	Contexts idp.AuthenticationContexts
}

// Service is the use cases. It is safe for concurrent use.
type Service struct{ Config }

// New returns the use cases over a store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keyring == nil || c.Audit == nil || c.Upstream == nil {
		return nil, errors.New("provider: Store, Keyring, Audit and Upstream are needed")
	}
	return &Service{c}, nil
}

// List lists all providers by id, without their secrets.
func (s *Service) List(ctx context.Context) ([]*idp.Provider, error) {
	rows, err := s.Store.Providers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	list := make([]*idp.Provider, len(rows))
	for i, row := range rows {
		list[i] = row.Provider
	}
	return list, nil
}

// Get returns one provider without its secret; idp.ErrNotFound if there is none.
func (s *Service) Get(ctx context.Context, id string) (*idp.Provider, error) {
	row, err := s.Store.Provider(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get provider %s: %w", id, err)
	}
	return row.Provider, nil
}

// Create adds a provider under its id, with the defaults of its type.
func (s *Service) Create(ctx context.Context, p *idp.Provider) (*idp.Provider, error) {
	made := *p
	made.CreatedAt = now()
	made.UpdatedAt = made.CreatedAt
	sealed, err := s.seal(&made)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateProvider(ctx, &made, sealed); err != nil {
			return err
		}
		return s.write(ctx, audit.ProviderCreated, &made)
	})
	if errors.Is(err, idp.ErrConflict) {
		err = s.refusal(ctx, &made, &idp.Error{Kind: idp.Conflict, Code: "provider_exists", Field: "id", Message: fmt.Sprintf("There is a provider %s already. Choose another id, or change that one.", made.ID), Err: err})
	}
	if err != nil {
		return nil, fmt.Errorf("create provider %s: %w", made.ID, err)
	}
	return &made, nil
}

// Update changes a provider: change gets a copy with its secret in clear, and may alter all but its id and its times. If somebody else changes the provider
// meanwhile, change is called again with what it is now.
func (s *Service) Update(ctx context.Context, id string, change func(*idp.Provider) error) (*idp.Provider, error) {
	const most = 5
	for attempt := 1; ; attempt++ {
		next, err := s.update(ctx, id, change)
		if e := new(idp.Error); errors.As(err, &e) && e.Code == codeChanged && attempt < most {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("update provider %s: %w", id, err)
		}
		return next, nil
	}
}

func (s *Service) update(ctx context.Context, id string, change func(*idp.Provider) error) (*idp.Provider, error) {
	old, err := s.open(ctx, id)
	if err != nil {
		return nil, err
	}
	copied := *old
	next := &copied
	if err := change(next); err != nil {
		return nil, err
	}
	next.ID, next.CreatedAt, next.UpdatedAt = old.ID, old.CreatedAt, now()
	if !next.UpdatedAt.After(old.UpdatedAt) {
		next.UpdatedAt = old.UpdatedAt.Add(time.Microsecond) // it is the version that writers compare
	}
	sealed, err := s.seal(next)
	if err != nil {
		return nil, err
	}
	if err := upstream.CheckIdentities(next, []*idp.Provider{old}); err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.UpdateProvider(ctx, next, sealed, old.UpdatedAt); err != nil {
			return err
		}
		return s.write(ctx, audit.ProviderUpdated, next)
	})
	if errors.Is(err, idp.ErrConflict) {
		err = s.refusal(ctx, next, &idp.Error{Kind: idp.Conflict, Code: codeChanged, Message: fmt.Sprintf("Somebody else changed the provider %s at the same time. Read it again, and repeat the change.", id), Err: err})
	}
	return next, err
}

// Delete removes a provider; people's links to it stay.
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.Store.Provider(ctx, id)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteProvider(ctx, id); err != nil {
			return err
		}
		return s.write(ctx, audit.ProviderDeleted, row.Provider)
	})
	if err != nil {
		return fmt.Errorf("delete provider %s: %w", id, err)
	}
	return nil
}

// Test looks at a provider without signing in: at its row, and over the network.
func (s *Service) Test(ctx context.Context, id string) ([]upstream.Finding, error) {
	p, err := s.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("test provider %s: %w", id, err)
	}
	return append(s.Upstream.Test(ctx, *p), s.checkContexts(p)...), nil
}

func (s *Service) open(ctx context.Context, id string) (*idp.Provider, error) {
	row, err := s.Store.Provider(ctx, id)
	if err != nil {
		return nil, err
	}
	return directory.Open(row, s.Keyring)
}

// seal validates a provider, fills in its defaults, and seals its secret.
func (s *Service) seal(p *idp.Provider) (string, error) {
	if err := upstream.Validate(p); err != nil {
		return "", err
	}
	for i, v := range p.Vouchers {
		if !s.Contexts.Has(v.Context) {
			return "", idp.Invalidf(fmt.Sprintf("vouches_for[%d].context", i), "There is no context %s here. The setting authentication_contexts has: %s.", v.Context, strings.Join(s.Contexts.Values(), ", "))
		}
	}
	sealed, err := s.Keyring.Seal([]byte(p.ClientSecret), directory.ProviderBinding(p.ID))
	if err != nil {
		return "", fmt.Errorf("seal the secret of provider %s: %w", p.ID, err)
	}
	return sealed, nil
}

// refusal says why the store did not take a provider: what stands beside it, or else otherwise.
func (s *Service) refusal(ctx context.Context, p *idp.Provider, otherwise error) error {
	list, err := s.List(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(list, func(one *idp.Provider) bool { return one.ID == p.ID })
	if err := upstream.CheckIdentities(p, others); err != nil {
		return err
	}
	return otherwise
}

// checkContexts names the contexts that a provider vouches for and that the settings do not have any more.
func (s *Service) checkContexts(p *idp.Provider) (out []upstream.Finding) {
	for _, context := range p.Vouchable() {
		if !s.Contexts.Has(context) {
			out = append(out, upstream.Finding{
				Check: "contexts", Level: upstream.LevelWarning, Cause: "It vouches for " + context + ", which is no authentication context here: nobody gets it.",
				Mend: "Add it to the setting authentication_contexts, or `idp provider update " + p.ID + " --vouches-for …` without it.",
			})
		}
	}
	return out
}

func (s *Service) write(ctx context.Context, t audit.Type, p *idp.Provider) error {
	return s.Audit.Write(ctx, audit.Event{Type: t, Details: map[string]string{"provider_id": p.ID, "type": p.Type, "issuer": p.Issuer}})
}

// now is the time at the precision that both databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
