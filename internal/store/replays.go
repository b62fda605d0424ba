package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"idp/internal/idp"
)

// FirstUse reports whether a value of a kind is used for the first time, on whichever replica, and remembers it until it expires. Kinds keep
// their values apart; a value names its maker too (a client's jti is "client id, space, jti"), or one could use up another's.
func (s *Store) FirstUse(ctx context.Context, kind, value string, expires, now time.Time) (bool, error) {
	digest := sha256.Sum256([]byte(kind + "\x00" + value))
	var first bool
	err := s.db.QueryRow(ctx, `INSERT INTO replays (digest, expires_at) VALUES ($1, $2)
		ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at WHERE replays.expires_at <= $3 RETURNING TRUE`,
		digest[:], expires, now).Scan(&first)
	if errors.Is(err, idp.ErrNotFound) {
		return false, nil
	}
	return first, err
}
