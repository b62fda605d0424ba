package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// keepReceipts is how long it can be looked up what became of a logout.
const keepReceipts = 7 * 24 * time.Hour

const logoutCols = `id, session_id, client_id, user_id, state, attempts, status, fault, created_at, due_at, done_at`

func scanLogout(r sqldb.Row) (*idp.Logout, error) {
	var v idp.Logout
	var state string
	err := r.Scan(&v.ID, &v.SessionID, &v.ClientID, &v.UserID, &state, &v.Attempts, &v.Status, &v.Fault, &v.CreatedAt, &v.DueAt, &v.DoneAt)
	v.State = idp.LogoutState(state)
	return &v, err
}

// hearing (Back-Channel Logout 1.0 §2.3) lists which clients hear of the end of the user's sessions that keep names; living ones may be among them.
func (s *Store) hearing(ctx context.Context, userID string, keep func(sessionID string) bool) ([]idp.SessionClient, error) {
	// CROSS JOIN keeps SQLite from reading the clients first. Each pair comes as often as the client got a code.
	rows, err := s.db.Query(ctx, `SELECT a.session_id, a.client_id, c.logout_back, c.logout_front
			FROM authorizations a CROSS JOIN clients c WHERE a.user_id = $1 AND c.id = a.client_id AND (c.logout_back OR c.logout_front)
		UNION ALL SELECT k.session_id, k.client_id, c.logout_back, c.logout_front
			FROM session_clients k CROSS JOIN clients c WHERE k.user_id = $1 AND c.id = k.client_id AND (c.logout_back OR c.logout_front)`, userID)
	list, err := collect(rows, err, func(r sqldb.Row) (v idp.SessionClient, err error) {
		return v, r.Scan(&v.SessionID, &v.ClientID, &v.Back, &v.Front)
	})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(v idp.SessionClient) bool { return !keep(v.SessionID) })
	slices.SortFunc(list, func(a, b idp.SessionClient) int {
		return cmp.Or(cmp.Compare(a.SessionID, b.SessionID), cmp.Compare(a.ClientID, b.ClientID))
	})
	return slices.Compact(list), nil
}

// tellClients writes an entry of the outbox for each client with a back channel that got a code in one of the sessions, which
// have ended in this transaction, and returns all clients that hear of it. Those of earlier sessions were told when these ended.
func (s *Store) tellClients(ctx context.Context, userID string, ended []string, now time.Time) ([]idp.SessionClient, error) {
	if len(ended) == 0 {
		return nil, nil
	}
	list, err := s.hearing(ctx, userID, func(id string) bool { return slices.Contains(ended, id) })
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if !v.Back {
			continue
		}
		if _, err := s.db.Exec(ctx, `INSERT INTO logouts (id, session_id, client_id, user_id, state, attempts, status, fault, created_at, due_at, expires_at)
			VALUES ($1, $2, $3, $4, 'waiting', 0, 0, '', $5, $5, $6)`,
			idp.NewID(), v.SessionID, v.ClientID, userID, now, now.Add(keepReceipts)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// keepClient writes down that a client knows a session.
func (s *Store) keepClient(ctx context.Context, sessionID, clientID string) error {
	_, err := s.db.Exec(ctx, `INSERT INTO session_clients (session_id, client_id, user_id, expires_at)
		SELECT id, $2, user_id, purge_at FROM sessions WHERE id = $1
		ON CONFLICT (session_id, client_id) DO NOTHING`, sessionID, clientID)
	return err
}

// purgeAtOnce is how many sessions are purged in one transaction while clients are to hear of it.
const purgeAtOnce = 50

// purgeSessions deletes sessions that nothing can bring back, and writes down for each which clients are to be told: who asked to hear of a
// session's end hears of this one too.
func (s *Store) purgeSessions(ctx context.Context, batch int, now time.Time) (n int64, err error) {
	rows, err := s.db.Query(ctx, `SELECT id FROM clients WHERE logout_back LIMIT 1`)
	hearing, err := collect(rows, err, scanID)
	if err != nil {
		return 0, err
	}
	if len(hearing) == 0 {
		return s.db.Exec(ctx, deleteUntil("sessions", "id", "purge_at", batch), now)
	}
	type sessionKey struct{ id, user string }
	for n < int64(batch) {
		limit := min(batch-int(n), purgeAtOnce)
		var gone []sessionKey
		err := s.InTx(ctx, func(ctx context.Context) error {
			rows, err := s.db.Query(ctx, deleteUntil("sessions", "id", "purge_at", limit)+` RETURNING id, user_id`, now)
			gone, err = collect(rows, err, func(r sqldb.Row) (k sessionKey, err error) { return k, r.Scan(&k.id, &k.user) })
			if err != nil {
				return err
			}
			ended := map[string][]string{}
			for _, k := range gone {
				ended[k.user] = append(ended[k.user], k.id)
			}
			for userID, ids := range ended {
				if _, err := s.tellClients(ctx, userID, ids, now); err != nil {
					return err
				}
			}
			return nil
		})
		if n += int64(len(gone)); err != nil || len(gone) < limit {
			return n, err
		}
	}
	return n, nil
}

// purgeAuthorizations deletes expired authorizations. What they said about clients that hear of the end of a session that still lives
// is kept in a row for each.
func (s *Store) purgeAuthorizations(ctx context.Context, batch int, now time.Time) (int64, error) {
	expired := deleteUntil("authorizations", "id", "expires_at", batch)
	rows, err := s.db.Query(ctx, `SELECT id FROM clients WHERE logout_back OR logout_front LIMIT 1`)
	hearing, err := collect(rows, err, scanID)
	if err != nil {
		return 0, err
	}
	if len(hearing) == 0 {
		return s.db.Exec(ctx, expired, now)
	}
	type part struct{ session, client string }
	var n int64
	var heard bool
	err = s.InTx(ctx, func(ctx context.Context) error {
		rows, err := s.db.Query(ctx, expired+` RETURNING session_id, client_id`, now)
		gone, err := collect(rows, err, func(r sqldb.Row) (p part, err error) { return p, r.Scan(&p.session, &p.client) })
		if err != nil {
			return err
		}
		n = int64(len(gone))
		kept, hears := map[part]bool{}, map[string]bool{}
		for _, p := range gone {
			if _, asked := hears[p.client]; !asked {
				// One by one: of a hundred thousand clients that hear, a batch knows a few.
				err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM clients WHERE id = $1 AND (logout_back OR logout_front))`, p.client).Scan(&heard)
				if err != nil {
					return err
				}
				hears[p.client] = heard
			}
			if !hears[p.client] || kept[p] {
				continue
			}
			kept[p] = true
			if err := s.keepClient(ctx, p.session, p.client); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// Claim bounds what a sender takes of an outbox at once.
type Claim struct {
	Limit      int
	Busy       []string  // clients that get nothing now
	Lease, Now time.Time // what is claimed at Now is nobody else's until Lease
}

// busy is a list in which no client's id stands that may be claimed: no id has a space. SQL looks with replace(), because LIKE would take _ and % in an id for a
// pattern, and in SQLite small letters for capitals.
func (c Claim) busy() string { return " " + strings.Join(c.Busy, " ") + " " }

// limit is written into the statement, as deleteUntil says.
func (c Claim) limit() string { return strconv.Itoa(c.Limit) }

// ClaimLogouts takes entries that are due: each counts an attempt, and is nobody else's until the lease ends. One statement, so that of several
// replicas one has the entry.
func (s *Store) ClaimLogouts(ctx context.Context, c Claim) ([]*idp.Logout, error) {
	rows, err := s.db.Query(ctx, `UPDATE logouts SET attempts = attempts + 1, due_at = $2
		WHERE id IN (SELECT id FROM logouts WHERE state = 'waiting' AND due_at <= $1 AND replace($3, ' ' || client_id || ' ', '') = $3 ORDER BY due_at LIMIT `+c.limit()+`)
			AND state = 'waiting' AND due_at <= $1
		RETURNING `+logoutCols, c.Now, c.Lease, c.busy())
	return collect(rows, err, scanLogout)
}

// ClaimLogoutsOf takes at most limit entries of one session in the same way. The state is an expression, so that the index of all that waits is not taken
// for that of the session.
func (s *Store) ClaimLogoutsOf(ctx context.Context, sessionID string, limit int, lease, now time.Time) ([]*idp.Logout, error) {
	rows, err := s.db.Query(ctx, `UPDATE logouts SET attempts = attempts + 1, due_at = $2
		WHERE id IN (SELECT id FROM logouts WHERE session_id = $3 AND state || '' = 'waiting' AND due_at <= $1 LIMIT `+strconv.Itoa(limit)+`) AND state || '' = 'waiting' AND due_at <= $1
		RETURNING `+logoutCols, now, lease, sessionID)
	return collect(rows, err, scanLogout)
}

// PutOffLogout gives back an entry that was claimed and not tried: it is due at due, and counts one attempt less.
func (s *Store) PutOffLogout(ctx context.Context, v *idp.Logout, due time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE logouts SET attempts = attempts - 1, due_at = $3 WHERE id = $1 AND attempts = $2 AND state = 'waiting'`, v.ID, v.Attempts, due)
	return err
}

// SettleLogout writes down what came of an attempt: v's state, status and fault, and when it is due again if it still waits.
// idp.ErrNotFound says that the lease had ended and somebody else tries.
func (s *Store) SettleLogout(ctx context.Context, v *idp.Logout) error {
	n, err := s.db.Exec(ctx, `UPDATE logouts SET state = $3, status = $4, fault = $5, due_at = $6, done_at = $7
		WHERE id = $1 AND attempts = $2 AND state = 'waiting'`, v.ID, v.Attempts, string(v.State), v.Status, v.Fault, v.DueAt, v.DoneAt)
	return changedOne(n, err, idp.ErrNotFound)
}

// LogoutsOf says which logouts are asked for; what is empty does not matter.
type LogoutsOf struct{ UserID, SessionID, ClientID string }

// Logouts lists what clients were told of ended sessions, the newest first.
func (s *Store) Logouts(ctx context.Context, of LogoutsOf, p Page) ([]*idp.Logout, error) {
	sql, args := `SELECT `+logoutCols+` FROM logouts WHERE TRUE`, []any{p.limit()}
	// Only what is asked for stands in the statement: no index helps where a parameter may mean that all is wanted.
	for _, c := range []struct{ condition, value string }{
		{` AND user_id = `, of.UserID}, {` AND session_id = `, of.SessionID}, {` AND client_id = `, of.ClientID}, {` AND id < `, p.After},
	} {
		if c.value != "" {
			args = append(args, c.value)
			sql += c.condition + `$` + strconv.Itoa(len(args))
		}
	}
	rows, err := s.db.Query(ctx, sql+` ORDER BY id DESC LIMIT $1`, args...)
	return collect(rows, err, scanLogout)
}
