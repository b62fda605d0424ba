package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// SealedProvider is an upstream provider whose client secret is still sealed (secret.Binding: providers/secret/id).
type SealedProvider struct {
	*idp.Provider
	Secret string
}

func scanProvider(r sqldb.Row) (*SealedProvider, error) {
	var p idp.Provider
	var id, document, secret string
	var created, updated time.Time
	if err := r.Scan(&id, &document, &secret, &created, &updated); err != nil {
		return nil, err
	}
	if err := fromJSON(document, &p); err != nil {
		return nil, err
	}
	p.ID, p.CreatedAt, p.UpdatedAt = id, created, updated
	return &SealedProvider{Provider: &p, Secret: secret}, nil
}

// CreateProvider inserts a provider; idp.ErrConflict if its id is taken. The document never holds the secret (json:"-").
func (s *Store) CreateProvider(ctx context.Context, p *idp.Provider, sealed string) error {
	document, err := toJSON(p)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `INSERT INTO providers (id, document, secret, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)`,
			p.ID, document, sealed, p.CreatedAt, p.UpdatedAt)
		if err != nil {
			return err
		}
		return s.changed(ctx, TopicProviders)
	})
}

// UpdateProvider writes a provider and its sealed secret.
func (s *Store) UpdateProvider(ctx context.Context, p *idp.Provider, sealed string) error {
	document, err := toJSON(p)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE providers SET document = $2, secret = $3, updated_at = $4 WHERE id = $1`, p.ID, document, sealed, p.UpdatedAt)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicProviders)
	})
}

// DeleteProvider removes a provider; the links that people made through it stay, so that it can come back.
func (s *Store) DeleteProvider(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `DELETE FROM providers WHERE id = $1`, id)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicProviders)
	})
}

// Provider returns one provider.
func (s *Store) Provider(ctx context.Context, id string) (*SealedProvider, error) {
	return scanProvider(s.db.QueryRow(ctx, `SELECT id, document, secret, created_at, updated_at FROM providers WHERE id = $1`, id))
}

// Providers lists all providers: an operator has a handful.
func (s *Store) Providers(ctx context.Context) ([]*SealedProvider, error) {
	rows, err := s.db.Query(ctx, `SELECT id, document, secret, created_at, updated_at FROM providers ORDER BY id`)
	return collect(rows, err, scanProvider)
}
