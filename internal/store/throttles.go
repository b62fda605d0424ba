package store

import (
	"context"
	"time"
)

// Throttle is the count of failures under one key.
type Throttle struct {
	Failures     int64
	BlockedUntil *time.Time
}

// Throttles returns the throttles of the given two keys in that order; a key that is not there is a zero Throttle.
func (s *Store) Throttles(ctx context.Context, first, second string, now time.Time) (a, b Throttle, err error) {
	rows, err := s.db.Query(ctx, `SELECT key, failures, blocked_until FROM throttles WHERE key IN ($1, $2) AND expires_at > $3`, first, second, now)
	if err != nil {
		return a, b, err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var t Throttle
		if err := rows.Scan(&key, &t.Failures, &t.BlockedUntil); err != nil {
			return a, b, err
		}
		if key == first {
			a = t
		}
		if key == second {
			b = t
		}
	}
	return a, b, rows.Err()
}

// CountFailure counts one failure under a key in one statement and returns the count. A count whose window began before
// windowFrom starts anew.
func (s *Store) CountFailure(ctx context.Context, key string, windowFrom, expires, now time.Time) (failures int64, err error) {
	err = s.db.QueryRow(ctx, `INSERT INTO throttles (key, failures, window_at, expires_at) VALUES ($1, 1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET
			failures = CASE WHEN throttles.window_at > $4 THEN throttles.failures + 1 ELSE 1 END,
			window_at = CASE WHEN throttles.window_at > $4 THEN throttles.window_at ELSE $2 END,
			expires_at = $3
		RETURNING failures`, key, now, expires, windowFrom).Scan(&failures)
	return failures, err
}

// Block refuses a key until a time; a later block that stands already is kept.
func (s *Store) Block(ctx context.Context, key string, until time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE throttles SET blocked_until = $2, expires_at = CASE WHEN expires_at < $2 THEN $2 ELSE expires_at END
		WHERE key = $1 AND (blocked_until IS NULL OR blocked_until < $2)`, key, until)
	return err
}

// ClearThrottle forgets a key.
func (s *Store) ClearThrottle(ctx context.Context, key string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM throttles WHERE key = $1`, key)
	return err
}
