package store

import (
	"context"
	"fmt"
	"time"
)

// purges are the tables that empty themselves, each with one bounded statement. $1 is now (for audit_events, the oldest time to
// keep), $2 how many rows at most.
var purges = []struct{ table, sql string }{
	{"interactions", `DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE expires_at <= $1 LIMIT $2)`},
	{"pushed_requests", `DELETE FROM pushed_requests WHERE id IN (SELECT id FROM pushed_requests WHERE expires_at <= $1 LIMIT $2)`},
	{"pending_authorizations", `DELETE FROM pending_authorizations WHERE id IN (SELECT id FROM pending_authorizations WHERE purge_at <= $1 LIMIT $2)`},
	{"upstream_logins", `DELETE FROM upstream_logins WHERE state_digest IN (SELECT state_digest FROM upstream_logins WHERE expires_at <= $1 LIMIT $2)`},
	{"session_clients", `DELETE FROM session_clients WHERE session_id IN (SELECT k.session_id FROM session_clients k
		WHERE k.expires_at <= $1 AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = k.session_id) LIMIT $2)`},
	{"logouts", `DELETE FROM logouts WHERE id IN (SELECT id FROM logouts WHERE expires_at <= $1 LIMIT $2)`},
	{"access_tokens", `DELETE FROM access_tokens WHERE digest IN (SELECT digest FROM access_tokens WHERE expires_at <= $1 LIMIT $2)`},
	{"revoked_tokens", `DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 LIMIT $2)`},
	{"traces", `DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE expires_at <= $1 LIMIT $2)`},
	{"throttles", `DELETE FROM throttles WHERE key IN (SELECT key FROM throttles WHERE expires_at <= $1 LIMIT $2)`},
	{"registration_tokens", `DELETE FROM registration_tokens WHERE id IN (SELECT id FROM registration_tokens WHERE expires_at <= $1 LIMIT $2)`},
	{"once_tokens", `DELETE FROM once_tokens WHERE digest IN (SELECT digest FROM once_tokens WHERE expires_at <= $1 LIMIT $2)`},
	{"replays", `DELETE FROM replays WHERE digest IN (SELECT digest FROM replays WHERE expires_at <= $1 LIMIT $2)`},
}

const purgeSigningKeys = `DELETE FROM signing_keys WHERE id IN (SELECT id FROM signing_keys WHERE expires_at <= $1 LIMIT $2)`

// Purge deletes at most batch expired rows of each table and returns how many of each went. What it costs depends on what
// expired, not on what lives. Rows that are needed to notice reuse live until the last token they could recognise has expired.
func (s *Store) Purge(ctx context.Context, batch int, now, auditFrom time.Time) (map[string]int64, error) {
	gone := map[string]int64{}
	n, err := s.purgeSessions(ctx, batch, now)
	if err != nil {
		return gone, fmt.Errorf("purge sessions: %w", err)
	}
	gone["sessions"] = n
	for _, p := range purges {
		n, err := s.db.Exec(ctx, p.sql, now, batch)
		if err != nil {
			return gone, fmt.Errorf("purge %s: %w", p.table, err)
		}
		gone[p.table] = n
	}
	n, err = s.purgeAuthorizations(ctx, batch, now)
	if err != nil {
		return gone, fmt.Errorf("purge authorizations: %w", err)
	}
	gone["authorizations"] = n
	err = s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, purgeSigningKeys, now, batch)
		gone["signing_keys"] = n
		if err != nil || n == 0 {
			return err
		}
		return s.changed(ctx, TopicKeys) // every replica takes them out of its JWKS
	})
	if err != nil {
		return gone, fmt.Errorf("purge signing_keys: %w", err)
	}
	n, err = s.db.Exec(ctx, `DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE at < $1 LIMIT $2)`, auditFrom, batch)
	if err != nil {
		return gone, fmt.Errorf("purge audit_events: %w", err)
	}
	gone["audit_events"] = n
	return gone, nil
}

// Caps say how many rows a table may keep that strangers can make grow.
type Caps struct {
	Traces       int
	Interactions int
	Logins       int // at upstream providers, under way
	Pushed       int // authorization requests, by public clients too
}

// Trim deletes at most batch rows of each table that has more than its cap, the oldest first, and returns how many went.
func (s *Store) Trim(ctx context.Context, keep Caps, batch int) (map[string]int64, error) {
	gone := map[string]int64{}
	for _, t := range []struct {
		table string
		keep  int
		sql   string
	}{
		{"traces", keep.Traces, `DELETE FROM traces WHERE id IN (SELECT id FROM traces
			WHERE expires_at <= (SELECT expires_at FROM traces ORDER BY expires_at DESC LIMIT 1 OFFSET $1) ORDER BY expires_at LIMIT $2)`},
		{"interactions", keep.Interactions, `DELETE FROM interactions WHERE id IN (SELECT id FROM interactions
			WHERE expires_at <= (SELECT expires_at FROM interactions ORDER BY expires_at DESC LIMIT 1 OFFSET $1) ORDER BY expires_at LIMIT $2)`},
		{"upstream_logins", keep.Logins, `DELETE FROM upstream_logins WHERE state_digest IN (SELECT state_digest FROM upstream_logins
			WHERE expires_at <= (SELECT expires_at FROM upstream_logins ORDER BY expires_at DESC LIMIT 1 OFFSET $1) ORDER BY expires_at LIMIT $2)`},
		{"pushed_requests", keep.Pushed, `DELETE FROM pushed_requests WHERE id IN (SELECT id FROM pushed_requests
			WHERE expires_at <= (SELECT expires_at FROM pushed_requests ORDER BY expires_at DESC LIMIT 1 OFFSET $1) ORDER BY expires_at LIMIT $2)`},
	} {
		n, err := s.db.Exec(ctx, t.sql, t.keep, batch)
		if err != nil {
			return gone, fmt.Errorf("trim %s: %w", t.table, err)
		}
		gone[t.table] = n
	}
	return gone, nil
}
