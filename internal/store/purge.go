package store

import (
	"context"
	"fmt"
	"time"
)

// purges are the tables that empty themselves, with their key and when a row goes.
var purges = []struct{ table, key, when string }{
	{"interactions", "id", "expires_at"},
	{"pushed_requests", "id", "expires_at"},
	{"pending_authorizations", "id", "purge_at"},
	{"upstream_logins", "state_digest", "expires_at"},
	{"logouts", "id", "expires_at"},
	{"access_tokens", "digest", "expires_at"},
	{"revoked_tokens", "jti", "expires_at"},
	{"traces", "id", "expires_at"},
	{"throttles", "key", "expires_at"},
	{"registration_tokens", "id", "expires_at"},
	{"once_tokens", "digest", "expires_at"},
	{"replays", "digest", "expires_at"},
}

// deleteUntil deletes at most batch rows of a table that go at $1 or before, the oldest first.
//
// The order makes both engines go by the index, even where nearly all has expired: a scan would read again and again what earlier batches emptied. The
// bound stands in the text because PostgreSQL, when it has one plan for all values, takes a parameter there for a tenth of the table, and reads all of it.
func deleteUntil(table, key, when string, batch int) string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s WHERE %[3]s <= $1 ORDER BY %[3]s LIMIT %[4]d)`, table, key, when, batch)
}

// deleteOrphans deletes what was kept for sessions that are gone. Each is looked for by itself: NOT EXISTS would let PostgreSQL read all sessions.
func deleteOrphans(batch int) string {
	return fmt.Sprintf(`DELETE FROM session_clients WHERE session_id IN (SELECT k.session_id FROM session_clients k
		WHERE k.expires_at <= $1 AND (SELECT s.id FROM sessions s WHERE s.id = k.session_id) IS NULL ORDER BY k.expires_at LIMIT %d)`, batch)
}

// deleteBeyond deletes at most batch rows of a table that has more than $1, the oldest first.
func deleteBeyond(table, key string, batch int) string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s
		WHERE expires_at <= (SELECT expires_at FROM %[1]s ORDER BY expires_at DESC LIMIT 1 OFFSET $1) ORDER BY expires_at LIMIT %[3]d)`, table, key, batch)
}

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
		n, err := s.db.Exec(ctx, deleteUntil(p.table, p.key, p.when, batch), now)
		if err != nil {
			return gone, fmt.Errorf("purge %s: %w", p.table, err)
		}
		gone[p.table] = n
	}
	if n, err = s.db.Exec(ctx, deleteOrphans(batch), now); err != nil {
		return gone, fmt.Errorf("purge session_clients: %w", err)
	}
	gone["session_clients"] = n
	n, err = s.purgeAuthorizations(ctx, batch, now)
	if err != nil {
		return gone, fmt.Errorf("purge authorizations: %w", err)
	}
	gone["authorizations"] = n
	err = s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, deleteUntil("signing_keys", "id", "expires_at", batch), now)
		gone["signing_keys"] = n
		if err != nil || n == 0 {
			return err
		}
		return s.changed(ctx, TopicKeys) // every replica takes them out of its JWKS
	})
	if err != nil {
		return gone, fmt.Errorf("purge signing_keys: %w", err)
	}
	if auditFrom.IsZero() { // they are kept for ever
		return gone, nil
	}
	n, err = s.db.Exec(ctx, deleteUntil("audit_events", "id", "at", batch), auditFrom.Add(-time.Microsecond))
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
		table, key string
		keep       int
	}{
		{"traces", "id", keep.Traces},
		{"interactions", "id", keep.Interactions},
		{"upstream_logins", "state_digest", keep.Logins},
		{"pushed_requests", "id", keep.Pushed},
	} {
		n, err := s.db.Exec(ctx, deleteBeyond(t.table, t.key, batch), t.keep)
		if err != nil {
			return gone, fmt.Errorf("trim %s: %w", t.table, err)
		}
		gone[t.table] = n
	}
	return gone, nil
}
