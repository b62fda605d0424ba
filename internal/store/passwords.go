package store

import (
	"context"
	"time"

	"idp/internal/idp"
)

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

// LockUser returns a user and, inside a transaction, keeps everybody else from changing the row until it ends: what is read
// here, changed and written by UpdateUser cannot undo another's change.
func (s *Store) LockUser(ctx context.Context, id string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING `+userCols, id))
}

// DropOnceTokens forgets the tokens of a purpose that wait for a subject.
func (s *Store) DropOnceTokens(ctx context.Context, purpose, subject string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM once_tokens WHERE purpose = $1 AND subject = $2`, purpose, subject)
	return err
}

// OnceTokenSubject returns whom an unexpired token is for, without spending it.
func (s *Store) OnceTokenSubject(ctx context.Context, digest []byte, purpose string, now time.Time) (subject string, err error) {
	err = s.db.QueryRow(ctx, `SELECT subject FROM once_tokens WHERE digest = $1 AND purpose = $2 AND expires_at > $3`, digest, purpose, now).Scan(&subject)
	return subject, err
}
