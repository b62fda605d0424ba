package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const identityCols = `id, user_id, provider_id, issuer, subject, email, created_at, last_used_at`

func scanIdentity(r sqldb.Row) (*idp.Identity, error) {
	var i idp.Identity
	err := r.Scan(&i.ID, &i.UserID, &i.ProviderID, &i.Issuer, &i.Subject, &i.Email, &i.CreatedAt, &i.LastUsedAt)
	return &i, err
}

// CreateIdentity links a user to an upstream account; idp.ErrConflict says that the account is linked already.
func (s *Store) CreateIdentity(ctx context.Context, i *idp.Identity) error {
	_, err := s.db.Exec(ctx, `INSERT INTO identities (`+identityCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		i.ID, i.UserID, i.ProviderID, i.Issuer, i.Subject, i.Email, i.CreatedAt, i.LastUsedAt)
	return err
}

// IdentityBySubject finds the link by (issuer, subject), byte for byte.
func (s *Store) IdentityBySubject(ctx context.Context, issuer, subject string) (*idp.Identity, error) {
	return scanIdentity(s.db.QueryRow(ctx, `SELECT `+identityCols+` FROM identities WHERE issuer = $1 AND subject = $2`, issuer, subject))
}

// IdentitiesOf lists a user's links.
func (s *Store) IdentitiesOf(ctx context.Context, userID string) ([]*idp.Identity, error) {
	rows, err := s.db.Query(ctx, `SELECT `+identityCols+` FROM identities WHERE user_id = $1 ORDER BY id`, userID)
	return collect(rows, err, scanIdentity)
}

// TouchIdentity notes a sign-in through the link.
func (s *Store) TouchIdentity(ctx context.Context, id, email string, now time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE identities SET email = $2, last_used_at = $3 WHERE id = $1`, id, email, now)
	return err
}

// DeleteIdentity removes one link of a user.
func (s *Store) DeleteIdentity(ctx context.Context, userID, id string) error {
	n, err := s.db.Exec(ctx, `DELETE FROM identities WHERE id = $1 AND user_id = $2`, id, userID)
	return changedOne(n, err, idp.ErrNotFound)
}

// DeleteIdentities removes every link of a user.
func (s *Store) DeleteIdentities(ctx context.Context, userID string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM identities WHERE user_id = $1`, userID)
	return err
}
