package store

import (
	"context"
	"time"
)

// WithLease runs fn in a transaction if nobody else holds the lease; held is false if somebody does. It serialises
// the replicas' rare common works, such as rotating keys, and never touches a request.
func (s *Store) WithLease(ctx context.Context, name, holder string, until, now time.Time, fn func(ctx context.Context) error) (held bool, err error) {
	err = s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE leases.until <= $4 OR leases.holder = $2`,
			name, holder, until, now)
		if err != nil || n == 0 {
			return err
		}
		held = true
		return fn(ctx)
	})
	return held, err
}
