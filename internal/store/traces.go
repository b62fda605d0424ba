package store

import (
	"context"
	"time"

	"idp/internal/idp"
)

// PutTraces writes traces, in one transaction.
func (s *Store) PutTraces(ctx context.Context, traces []*idp.Trace) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		for _, t := range traces {
			checks, err := toJSON(t.Checks)
			if err != nil {
				return err
			}
			_, err = s.db.Exec(ctx, `INSERT INTO traces (id, at, endpoint, client_id, outcome, checks, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, checks = excluded.checks, client_id = excluded.client_id`,
				t.ID, t.At, t.Endpoint, t.ClientID, t.Outcome, checks, t.ExpiresAt)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Trace returns one trace.
func (s *Store) Trace(ctx context.Context, id string, now time.Time) (*idp.Trace, error) {
	var t idp.Trace
	var checks string
	err := s.db.QueryRow(ctx, `SELECT id, at, endpoint, client_id, outcome, checks, expires_at FROM traces WHERE id = $1 AND expires_at > $2`, id, now).
		Scan(&t.ID, &t.At, &t.Endpoint, &t.ClientID, &t.Outcome, &checks, &t.ExpiresAt)
	if err != nil {
		return nil, err
	}
	return &t, fromJSON(checks, &t.Checks)
}
