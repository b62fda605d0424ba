package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const authorizationTypeCols = `name, title, definition, created_at, updated_at`

func scanAuthorizationType(r sqldb.Row) (*idp.AuthorizationType, error) {
	var t idp.AuthorizationType
	var definition string
	err := r.Scan(&t.Name, &t.Title, &definition, &t.CreatedAt, &t.UpdatedAt)
	t.Schema = []byte(definition)
	return &t, err
}

// PutAuthorizationType writes a type of authorization details in the place of the one of its name, if there is one.
func (s *Store) PutAuthorizationType(ctx context.Context, t *idp.AuthorizationType, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `INSERT INTO authorization_types (`+authorizationTypeCols+`) VALUES ($1, $2, $3, $4, $4)
			ON CONFLICT (name) DO UPDATE SET title = excluded.title, definition = excluded.definition, updated_at = excluded.updated_at`, t.Name, t.Title, string(t.Schema), now)
		if err != nil {
			return err
		}
		return s.changed(ctx, TopicAuthorizationTypes)
	})
}

// AuthorizationType returns one type.
func (s *Store) AuthorizationType(ctx context.Context, name string) (*idp.AuthorizationType, error) {
	return scanAuthorizationType(s.db.QueryRow(ctx, `SELECT `+authorizationTypeCols+` FROM authorization_types WHERE name = $1`, name))
}

// AuthorizationTypes lists all types: an operator has a handful.
func (s *Store) AuthorizationTypes(ctx context.Context) ([]*idp.AuthorizationType, error) {
	rows, err := s.db.Query(ctx, `SELECT `+authorizationTypeCols+` FROM authorization_types ORDER BY name`)
	return collect(rows, err, scanAuthorizationType)
}

// DeleteAuthorizationType removes a type; idp.ErrNotFound if there is none.
func (s *Store) DeleteAuthorizationType(ctx context.Context, name string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `DELETE FROM authorization_types WHERE name = $1`, name)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicAuthorizationTypes)
	})
}
