package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

func scanResource(r sqldb.Row) (*idp.Resource, error) {
	var v idp.Resource
	var id, document string
	var created, updated time.Time
	if err := r.Scan(&id, &document, &created, &updated); err != nil {
		return nil, err
	}
	if err := fromJSON(document, &v); err != nil {
		return nil, err
	}
	v.ID, v.CreatedAt, v.UpdatedAt = id, created, updated
	return &v, nil
}

// CreateResource inserts a protected resource; idp.ErrConflict if its id or its identifier is taken.
func (s *Store) CreateResource(ctx context.Context, v *idp.Resource) error {
	document, err := toJSON(v)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `INSERT INTO resources (id, identifier, document, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)`,
			v.ID, v.Identifier, document, v.CreatedAt, v.UpdatedAt)
		if err != nil {
			return err
		}
		return s.changed(ctx, TopicResources)
	})
}

// UpdateResource writes v if the stored one was last changed at unless; idp.ErrConflict if somebody changed it since, or if another one has the
// identifier.
func (s *Store) UpdateResource(ctx context.Context, v *idp.Resource, unless time.Time) error {
	document, err := toJSON(v)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE resources SET identifier = $2, document = $3, updated_at = $4 WHERE id = $1 AND updated_at = $5`,
			v.ID, v.Identifier, document, v.UpdatedAt, unless)
		if err := changedOne(n, err, idp.ErrConflict); err != nil {
			return err
		}
		return s.changed(ctx, TopicResources)
	})
}

// DeleteResource removes a protected resource. Access tokens for it stay good until they expire.
func (s *Store) DeleteResource(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `DELETE FROM resources WHERE id = $1`, id)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicResources)
	})
}

// Resource returns one protected resource by its id.
func (s *Store) Resource(ctx context.Context, id string) (*idp.Resource, error) {
	return scanResource(s.db.QueryRow(ctx, `SELECT id, document, created_at, updated_at FROM resources WHERE id = $1`, id))
}

// Resources lists protected resources by id.
func (s *Store) Resources(ctx context.Context, p Page) ([]*idp.Resource, error) {
	rows, err := s.db.Query(ctx, `SELECT id, document, created_at, updated_at FROM resources WHERE id > $1 ORDER BY id LIMIT $2`, p.After, p.limit())
	return collect(rows, err, scanResource)
}
