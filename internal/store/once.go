package store

import (
	"context"
	"time"
)

// PutOnceToken keeps the digest of a token that may be used once for a purpose, in place of all others of that purpose and subject.
func (s *Store) PutOnceToken(ctx context.Context, digest []byte, purpose, subject string, expires, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.db.Exec(ctx, `DELETE FROM once_tokens WHERE purpose = $1 AND subject = $2`, purpose, subject); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `INSERT INTO once_tokens (digest, purpose, subject, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			digest, purpose, subject, now, expires)
		return err
	})
}

// OnceTokenSubject returns whom an unexpired token is for, without spending it.
func (s *Store) OnceTokenSubject(ctx context.Context, digest []byte, purpose string, now time.Time) (subject string, err error) {
	err = s.db.QueryRow(ctx, `SELECT subject FROM once_tokens WHERE digest = $1 AND purpose = $2 AND expires_at > $3`, digest, purpose, now).Scan(&subject)
	return subject, err
}

// TakeOnceToken spends a token; idp.ErrNotFound if it is unknown, spent or expired.
func (s *Store) TakeOnceToken(ctx context.Context, digest []byte, purpose string, now time.Time) (subject string, err error) {
	err = s.db.QueryRow(ctx, `DELETE FROM once_tokens WHERE digest = $1 AND purpose = $2 AND expires_at > $3 RETURNING subject`,
		digest, purpose, now).Scan(&subject)
	return subject, err
}

// DropOnceTokens forgets the tokens of a purpose that wait for a subject.
func (s *Store) DropOnceTokens(ctx context.Context, purpose, subject string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM once_tokens WHERE purpose = $1 AND subject = $2`, purpose, subject)
	return err
}
