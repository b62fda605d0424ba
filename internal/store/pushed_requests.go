package store

import (
	"context"
	"time"

	"idp/internal/idp"
)

// PutPushedRequest keeps an authorization request that a client pushed.
func (s *Store) PutPushedRequest(ctx context.Context, r *idp.PushedRequest, digest []byte) error {
	_, err := s.db.Exec(ctx, `INSERT INTO pushed_requests (id, digest, client_id, params, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		r.ID, digest, r.ClientID, r.Params, r.CreatedAt, r.ExpiresAt)
	return err
}

// PushedRequest returns a request that has not expired, and whether an authorization followed from it. Reading does not use it up: who
// loads the page again gets it again. IssueCode with its id does, because no two authorizations have one id.
func (s *Store) PushedRequest(ctx context.Context, id string, digest []byte, now time.Time) (*idp.PushedRequest, error) {
	r := &idp.PushedRequest{ID: id}
	err := s.db.QueryRow(ctx, `SELECT client_id, params, created_at, expires_at, EXISTS (SELECT 1 FROM authorizations a WHERE a.id = pushed_requests.id)
		FROM pushed_requests WHERE id = $1 AND digest = $2 AND expires_at > $3`, id, digest, now).
		Scan(&r.ClientID, &r.Params, &r.CreatedAt, &r.ExpiresAt, &r.Used)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// DropPushedRequest forgets a request that was answered without an authorization. None is no error.
func (s *Store) DropPushedRequest(ctx context.Context, id string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM pushed_requests WHERE id = $1`, id)
	return err
}
