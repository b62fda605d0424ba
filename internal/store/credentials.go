package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const credentialCols = `id, user_id, kind, scheme, secret, created_at, updated_at`

func scanCredential(r sqldb.Row) (*idp.Credential, error) {
	var c idp.Credential
	var kind string
	if err := r.Scan(&c.ID, &c.UserID, &kind, &c.Scheme, &c.Secret, &c.CreatedAt, &c.UpdatedAt); err != nil {
		return nil, err
	}
	c.Kind = idp.CredentialKind(kind)
	return &c, nil
}

// PutPassword sets the user's password hash, in place of any other.
func (s *Store) PutPassword(ctx context.Context, c *idp.Credential) error {
	_, err := s.db.Exec(ctx, `INSERT INTO credentials (`+credentialCols+`) VALUES ($1, $2, 'password', $3, $4, $5, $6)
		ON CONFLICT (user_id) WHERE kind = 'password' DO UPDATE SET scheme = excluded.scheme, secret = excluded.secret, updated_at = excluded.updated_at`,
		c.ID, c.UserID, c.Scheme, c.Secret, c.CreatedAt, c.UpdatedAt)
	return err
}

// RehashPassword replaces the hash only if it is still the one that was verified, so that it cannot undo a change of password.
func (s *Store) RehashPassword(ctx context.Context, id, old, hash string, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE credentials SET scheme = '', secret = $3, updated_at = $4 WHERE id = $1 AND secret = $2`, id, old, hash, now)
	return changedOne(n, err, idp.ErrConflict)
}

// PasswordLogin is what a password sign-in needs to know, in one read.
type PasswordLogin struct {
	User       *idp.User
	Credential *idp.Credential // nil if the user has no password
}

// PasswordLogin returns the user whom a canonical identifier finds and their password, in one statement.
func (s *Store) PasswordLogin(ctx context.Context, canonical string) (*PasswordLogin, error) {
	var u idp.User
	var c idp.Credential
	var state, claims string
	err := s.db.QueryRow(ctx, `SELECT u.id, u.state, u.claims, u.created_at, u.updated_at, coalesce(c.id, ''), coalesce(c.scheme, ''), coalesce(c.secret, '')
		FROM identifiers i JOIN users u ON u.id = i.user_id LEFT JOIN credentials c ON c.user_id = u.id AND c.kind = 'password'
		WHERE i.value = $1`, canonical).Scan(&u.ID, &state, &claims, &u.CreatedAt, &u.UpdatedAt, &c.ID, &c.Scheme, &c.Secret)
	if err != nil {
		return nil, err
	}
	if err := decodeUser(&u, state, claims); err != nil {
		return nil, err
	}
	l := &PasswordLogin{User: &u}
	if c.ID != "" {
		c.UserID, c.Kind = u.ID, idp.CredentialPassword
		l.Credential = &c
	}
	return l, nil
}

// PasswordOf returns a user as they are now and their password, for whoever is known already and must prove it again.
func (s *Store) PasswordOf(ctx context.Context, userID string) (*PasswordLogin, error) {
	var l PasswordLogin
	u, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	l.User = u
	rows, err := s.db.Query(ctx, `SELECT `+credentialCols+` FROM credentials WHERE user_id = $1 AND kind = 'password'`, userID)
	list, err := collect(rows, err, scanCredential)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		l.Credential = list[0]
	}
	return &l, nil
}

// DeleteCredentials removes every credential of a user.
func (s *Store) DeleteCredentials(ctx context.Context, userID string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM credentials WHERE user_id = $1`, userID)
	return err
}
