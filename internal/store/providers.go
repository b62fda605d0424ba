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

// CreateProvider inserts a provider; idp.ErrConflict if its id is taken, or if another one of its issuer reads its subjects elsewhere: two people could be
// one. The document never holds the secret (json:"-").
func (s *Store) CreateProvider(ctx context.Context, p *idp.Provider, sealed string) error {
	document, err := toJSON(p)
	if err != nil {
		return err
	}
	return s.changeProviders(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `INSERT INTO providers (id, document, secret, created_at, updated_at, issuer, subjects)
			SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM providers WHERE issuer = $6 AND subjects <> $7)`,
			p.ID, document, sealed, p.CreatedAt, p.UpdatedAt, p.Issuer, p.SubjectsFrom())
		return changedOne(n, err, idp.ErrConflict)
	})
}

// UpdateProvider writes a provider and its sealed secret if the stored one was last changed at unless; idp.ErrConflict if it is gone, if somebody changed it
// since, or if another one of its issuer reads its subjects elsewhere.
func (s *Store) UpdateProvider(ctx context.Context, p *idp.Provider, sealed string, unless time.Time) error {
	document, err := toJSON(p)
	if err != nil {
		return err
	}
	return s.changeProviders(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE providers SET document = $2, secret = $3, updated_at = $4, issuer = $5, subjects = $6 WHERE id = $1 AND updated_at = $7
			AND NOT EXISTS (SELECT 1 FROM providers AS other WHERE other.issuer = $5 AND other.subjects <> $6 AND other.id <> $1)`,
			p.ID, document, sealed, p.UpdatedAt, p.Issuer, p.SubjectsFrom(), unless)
		return changedOne(n, err, idp.ErrConflict)
	})
}

// ResealProvider replaces the sealed secret, if nobody else did so first (key ring rotation).
func (s *Store) ResealProvider(ctx context.Context, id, old, sealed string) error {
	return s.changeProviders(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE providers SET secret = $3 WHERE id = $1 AND secret = $2`, id, old, sealed)
		return changedOne(n, err, idp.ErrConflict)
	})
}

// DeleteProvider removes a provider; the links that people made through it stay, so that it can come back.
func (s *Store) DeleteProvider(ctx context.Context, id string) error {
	return s.changeProviders(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `DELETE FROM providers WHERE id = $1`, id)
		return changedOne(n, err, idp.ErrNotFound)
	})
}

// changeProviders makes one change. Its first statement takes the lock of the topic's row: so writers of providers follow one another on PostgreSQL too, and
// the statement that looks at the other rows sees what the writer before it committed.
func (s *Store) changeProviders(ctx context.Context, write func(ctx context.Context) error) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if err := s.changed(ctx, TopicProviders); err != nil {
			return err
		}
		return write(ctx)
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
