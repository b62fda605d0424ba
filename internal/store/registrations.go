package store

import (
	"context"
	"strconv"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// CreateClientWithin inserts a client that registered itself if fewer than most have its source (ManagedBy); idp.ErrConflict if there are as many, or if
// its id is taken. Several that are inserted at the same moment may exceed the number by as many as there are connections.
func (s *Store) CreateClientWithin(ctx context.Context, c *idp.Client, most int) error {
	document, err := toJSON(c)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `INSERT INTO clients (id, document, disabled, managed_by, created_at, updated_at, version, logout_back, logout_front)
			SELECT $1, $2, $3, $4, $5, $6, 1, $8, $9 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1)
			AND (SELECT COUNT(*) FROM clients WHERE managed_by = $4) < $7`,
			c.ID, document, c.Disabled, c.ManagedBy, c.CreatedAt, c.UpdatedAt, most, c.BackchannelLogoutURI != "", c.FrontchannelLogoutURI != "")
		if err := changedOne(n, err, idp.ErrConflict); err != nil {
			return err
		}
		return s.clientMade(ctx, c)
	})
}

// SweepClients deletes at most batch clients of a source that nobody has changed since before and that nobody allowed anything, and returns their
// ids. That somebody allowed something is in the row of the grant: so no row is written when a client is used.
func (s *Store) SweepClients(ctx context.Context, source string, before time.Time, batch int) (ids []string, err error) {
	err = s.InTx(ctx, func(ctx context.Context) error {
		rows, err := s.db.Query(ctx, `DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE managed_by = $1 AND updated_at < $2
			AND NOT EXISTS (SELECT 1 FROM grants WHERE client_id = clients.id) ORDER BY updated_at LIMIT `+strconv.Itoa(batch)+`) RETURNING id`, source, before)
		ids, err = collect(rows, err, func(r sqldb.Row) (id string, err error) { return id, r.Scan(&id) })
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.clientChanged(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}

// RegistrationToken is an initial access token (RFC 7591 §3): it lets applications register themselves. Its text is kept nowhere.
type RegistrationToken struct {
	ID        string
	Name      string
	Policy    RegistrationPolicy
	Most      int64 // registrations
	Used      int64
	CreatedAt time.Time
	ExpiresAt time.Time
}

// RegistrationPolicy says what a registration may ask for. Lists that are nil are as the server's settings say.
type RegistrationPolicy struct {
	Scopes []string `json:"scopes,omitempty"`
	Grants []string `json:"grant_types,omitempty"`
}

const registrationTokenCols = `id, name, policy, most, used, created_at, expires_at`

func scanRegistrationToken(r sqldb.Row) (*RegistrationToken, error) {
	var v RegistrationToken
	var policy string
	if err := r.Scan(&v.ID, &v.Name, &policy, &v.Most, &v.Used, &v.CreatedAt, &v.ExpiresAt); err != nil {
		return nil, err
	}
	return &v, fromJSON(policy, &v.Policy)
}

// CreateRegistrationToken keeps an initial access token by its digest.
func (s *Store) CreateRegistrationToken(ctx context.Context, v *RegistrationToken, digest []byte) error {
	policy, err := toJSON(v.Policy)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO registration_tokens (id, digest, name, policy, most, used, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7)`,
		v.ID, digest, v.Name, policy, v.Most, v.CreatedAt, v.ExpiresAt)
	return err
}

// RegistrationToken returns an initial access token that is good, without using it.
func (s *Store) RegistrationToken(ctx context.Context, id string, digest []byte, now time.Time) (*RegistrationToken, error) {
	return scanRegistrationToken(s.db.QueryRow(ctx, `SELECT `+registrationTokenCols+` FROM registration_tokens
		WHERE id = $1 AND digest = $2 AND expires_at > $3 AND used < most`, id, digest, now))
}

// UseRegistrationToken counts one registration and returns the token; idp.ErrNotFound if it is unknown, has expired or is used up.
func (s *Store) UseRegistrationToken(ctx context.Context, id string, digest []byte, now time.Time) (*RegistrationToken, error) {
	return scanRegistrationToken(s.db.QueryRow(ctx, `UPDATE registration_tokens SET used = used + 1
		WHERE id = $1 AND digest = $2 AND expires_at > $3 AND used < most RETURNING `+registrationTokenCols, id, digest, now))
}

// RegistrationTokens lists the initial access tokens that have not expired, by id.
func (s *Store) RegistrationTokens(ctx context.Context, p Page, now time.Time) ([]*RegistrationToken, error) {
	rows, err := s.db.Query(ctx, `SELECT `+registrationTokenCols+` FROM registration_tokens WHERE id > $1 AND expires_at > $2 ORDER BY id LIMIT $3`, p.After, now, p.limit())
	return collect(rows, err, scanRegistrationToken)
}

// DeleteRegistrationToken ends an initial access token. What was registered with it stays.
func (s *Store) DeleteRegistrationToken(ctx context.Context, id string) error {
	n, err := s.db.Exec(ctx, `DELETE FROM registration_tokens WHERE id = $1`, id)
	return changedOne(n, err, idp.ErrNotFound)
}
