package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// SealedKey is a signing key whose private half is still sealed (secret.Binding: signing_keys/private/id).
type SealedKey struct {
	*idp.SigningKey
	Sealed string
}

func scanSigningKey(r sqldb.Row) (*SealedKey, error) {
	k := SealedKey{SigningKey: &idp.SigningKey{}}
	err := r.Scan(&k.ID, &k.Algorithm, &k.Sealed, &k.CreatedAt, &k.ActiveAt, &k.RetiredAt, &k.ExpiresAt)
	return &k, err
}

// SigningKeys lists the keys that the JWKS must hold at now, oldest first.
func (s *Store) SigningKeys(ctx context.Context, now time.Time) ([]*SealedKey, error) {
	rows, err := s.db.Query(ctx, `SELECT id, algorithm, private, created_at, active_at, retired_at, expires_at FROM signing_keys
		WHERE expires_at IS NULL OR expires_at > $1 ORDER BY active_at, id`, now)
	return collect(rows, err, scanSigningKey)
}

// CreateSigningKey inserts a key.
func (s *Store) CreateSigningKey(ctx context.Context, k *idp.SigningKey, sealed string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `INSERT INTO signing_keys (id, algorithm, private, created_at, active_at, retired_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			k.ID, k.Algorithm, sealed, k.CreatedAt, k.ActiveAt, k.RetiredAt, k.ExpiresAt)
		if err != nil {
			return err
		}
		return s.changed(ctx, TopicKeys)
	})
}

// RetireSigningKey says when a key stops signing and when it leaves the JWKS, if that is not settled yet.
func (s *Store) RetireSigningKey(ctx context.Context, id string, retired, expires time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE signing_keys SET retired_at = $2, expires_at = $3 WHERE id = $1 AND retired_at IS NULL`, id, retired, expires)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicKeys)
	})
}

// ActivateSigningKey lets a key that is only published sign from a moment on; idp.ErrNotFound if it signs already or never will.
func (s *Store) ActivateSigningKey(ctx context.Context, id string, at time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE signing_keys SET active_at = $2 WHERE id = $1 AND active_at > $2 AND retired_at IS NULL`, id, at)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicKeys)
	})
}

// ResealSigningKey replaces the sealed private half, if nobody else did so first (key ring rotation).
func (s *Store) ResealSigningKey(ctx context.Context, id, old, sealed string) error {
	n, err := s.db.Exec(ctx, `UPDATE signing_keys SET private = $3 WHERE id = $1 AND private = $2`, id, old, sealed)
	return changedOne(n, err, idp.ErrConflict)
}

// ReplaceRetirement says anew when a key stops signing and when it leaves the JWKS: never later than was settled before.
func (s *Store) ReplaceRetirement(ctx context.Context, id string, retired, expires time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE signing_keys SET
				retired_at = CASE WHEN retired_at < $2 THEN retired_at ELSE $2 END,
				expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END WHERE id = $1`, id, retired, expires)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.changed(ctx, TopicKeys)
	})
}
