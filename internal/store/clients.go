package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

func scanClient(r sqldb.Row) (*idp.Client, error) {
	var c idp.Client
	var id, document string
	var created, updated time.Time
	if err := r.Scan(&id, &document, &created, &updated); err != nil {
		return nil, err
	}
	if err := fromJSON(document, &c); err != nil {
		return nil, err
	}
	c.ID, c.CreatedAt, c.UpdatedAt = id, created, updated
	return &c, nil
}

// CreateClient inserts a client; idp.ErrConflict if its id is taken (RFC 6749 §2.2), also by a user (RFC 9068 §5, RFC 9700 §4.15.1): a client's own access token has the client's id as
// its sub, and no resource server may take it for a person's (RFC 9700 §4.15.1).
func (s *Store) CreateClient(ctx context.Context, c *idp.Client) error {
	document, err := toJSON(c)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `INSERT INTO clients (id, document, disabled, managed_by, created_at, updated_at, version, logout_back, logout_front)
			SELECT $1, $2, $3, $4, $5, $6, 1, $7, $8 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1)`,
			c.ID, document, c.Disabled, c.ManagedBy, c.CreatedAt, c.UpdatedAt, c.BackchannelLogoutURI != "", c.FrontchannelLogoutURI != "")
		if err := changedOne(n, err, idp.ErrConflict); err != nil {
			return err
		}
		return s.clientMade(ctx, c)
	})
}

// clientMade writes down beside a new client, or a changed one whose origins are gone, where its pages come from, and that it changed.
func (s *Store) clientMade(ctx context.Context, c *idp.Client) error {
	for _, origin := range c.Origins() {
		if len(origin) > idp.MaxOrigin {
			continue // no browser is asked about it
		}
		if _, err := s.db.Exec(ctx, `INSERT INTO client_origins (origin, client_id) VALUES ($1, $2) ON CONFLICT (origin, client_id) DO NOTHING`, origin, c.ID); err != nil {
			return err
		}
	}
	return s.clientChanged(ctx, c.ID)
}

// UpdateClient writes c if the stored one was last changed at unless; idp.ErrConflict if somebody changed it since.
func (s *Store) UpdateClient(ctx context.Context, c *idp.Client, unless time.Time) error {
	document, err := toJSON(c)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE clients SET document = $2, disabled = $3, managed_by = $4, updated_at = $5, version = version + 1,
			logout_back = $7, logout_front = $8 WHERE id = $1 AND updated_at = $6`,
			c.ID, document, c.Disabled, c.ManagedBy, c.UpdatedAt, unless, c.BackchannelLogoutURI != "", c.FrontchannelLogoutURI != "")
		if err := changedOne(n, err, idp.ErrConflict); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, `DELETE FROM client_origins WHERE client_id = $1`, c.ID); err != nil {
			return err
		}
		return s.clientMade(ctx, c)
	})
}

// DeleteClient removes a client and revokes all it was given.
func (s *Store) DeleteClient(ctx context.Context, id string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `DELETE FROM clients WHERE id = $1`, id)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		if err := s.RevokeClient(ctx, id, now); err != nil {
			return err
		}
		return s.clientChanged(ctx, id)
	})
}

// Client returns one client from the database. Requests use package directory's memory instead.
func (s *Store) Client(ctx context.Context, id string) (*idp.Client, error) {
	return scanClient(s.db.QueryRow(ctx, `SELECT id, document, created_at, updated_at FROM clients WHERE id = $1`, id))
}

// Clients lists clients by id.
func (s *Store) Clients(ctx context.Context, p Page) ([]*idp.Client, error) {
	rows, err := s.db.Query(ctx, `SELECT id, document, created_at, updated_at FROM clients WHERE id > $1 ORDER BY id LIMIT $2`, p.After, p.limit())
	return collect(rows, err, scanClient)
}

// ClientsManagedBy lists the clients that are kept in files of a given name.
func (s *Store) ClientsManagedBy(ctx context.Context, source string) ([]*idp.Client, error) {
	rows, err := s.db.Query(ctx, `SELECT id, document, created_at, updated_at FROM clients WHERE managed_by = $1 ORDER BY id`, source)
	return collect(rows, err, scanClient)
}

// ClientsAtOrigin lists, by id, clients whose pages come from an origin and that are not disabled.
func (s *Store) ClientsAtOrigin(ctx context.Context, origin string, p Page) ([]*idp.Client, error) {
	rows, err := s.db.Query(ctx, `SELECT c.id, c.document, c.created_at, c.updated_at FROM client_origins o JOIN clients c ON c.id = o.client_id
		WHERE o.origin = $1 AND o.client_id > $2 AND NOT c.disabled ORDER BY o.client_id LIMIT $3`, origin, p.After, p.limit())
	return collect(rows, err, scanClient)
}
