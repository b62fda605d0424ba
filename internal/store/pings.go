package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// PendingOf lists what waits for a person's answer, the oldest first.
func (s *Store) PendingOf(ctx context.Context, userID string, now time.Time) ([]*idp.PendingAuthorization, error) {
	rows, err := s.db.Query(ctx, `SELECT `+pendingCols+` FROM pending_authorizations WHERE user_id = $1 AND state = 'pending' AND expires_at > $2 LIMIT 100`, userID, now)
	return collect(rows, err, scanPending)
}

// PendingByToken returns what waits for an answer under its client's device_code or auth_req_id.
func (s *Store) PendingByToken(ctx context.Context, kind idp.PendingKind, id string, digest []byte, now time.Time) (*idp.PendingAuthorization, error) {
	return scanPending(s.db.QueryRow(ctx, `SELECT `+pendingCols+` FROM pending_authorizations
		WHERE id = $1 AND kind = $2 AND digest = $3 AND state = 'pending' AND expires_at > $4`, id, string(kind), digest, now))
}

// Ping is a client that is to be told that a person has decided.
type Ping struct {
	ID       string // of the pending authorization
	ClientID string
	Notify   string // sealed
	Tries    int    // with this one
	Expires  time.Time
}

func scanPing(r sqldb.Row) (*Ping, error) {
	var p Ping
	return &p, r.Scan(&p.ID, &p.ClientID, &p.Notify, &p.Tries, &p.Expires)
}

// ClaimPings takes pings that are due: whoever claims one tries it and settles it, and if that process dies another one tries after the lease.
func (s *Store) ClaimPings(ctx context.Context, c Claim) ([]*Ping, error) {
	rows, err := s.db.Query(ctx, `UPDATE pending_authorizations SET ping_at = $2, ping_tries = ping_tries + 1
		WHERE id IN (SELECT id FROM pending_authorizations WHERE ping_at IS NOT NULL AND ping_at <= $1 AND replace($3, ' ' || client_id || ' ', '') = $3 ORDER BY ping_at LIMIT `+c.limit()+`)
			AND ping_at <= $1
		RETURNING id, client_id, notify, ping_tries, expires_at`, c.Now, c.Lease, c.busy())
	return collect(rows, err, scanPing)
}

// PutOffPing gives back a ping that was claimed and not tried.
func (s *Store) PutOffPing(ctx context.Context, p *Ping, due time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET ping_at = $3, ping_tries = ping_tries - 1 WHERE id = $1 AND ping_tries = $2`, p.ID, p.Tries, due)
	return err
}

// SettlePing says when a ping is due again; nil: never.
func (s *Store) SettlePing(ctx context.Context, id string, again *time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET ping_at = $2 WHERE id = $1`, id, again)
	return err
}
