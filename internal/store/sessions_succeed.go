package store

import (
	"context"

	"idp/internal/idp"
)

// SessionByDigest returns the session of a cookie, live or not; idp.ErrNotFound if the cookie was replaced.
func (s *Store) SessionByDigest(ctx context.Context, id string, digest []byte) (*idp.Session, error) {
	return scanSession(s.db.QueryRow(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id = $1 AND s.digest = $2`, id, digest))
}

// SessionByRemember returns the session of a remember cookie, live or not; idp.ErrNotFound if the cookie was replaced.
func (s *Store) SessionByRemember(ctx context.Context, id string, remember []byte) (*idp.Session, error) {
	return scanSession(s.db.QueryRow(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id = $1 AND s.remember_digest = $2`, id, remember))
}

// SucceedSession deletes a session of a user and hands its authorizations over to the one that took its place.
func (s *Store) SucceedSession(ctx context.Context, id, successor, userID string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.db.Exec(ctx, `DELETE FROM sessions WHERE id = $1 AND user_id = $2`, id, userID); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `UPDATE authorizations SET session_id = $2 WHERE user_id = $3 AND session_id = $1 AND revoked_at IS NULL`,
			id, successor, userID)
		return err
	})
}
