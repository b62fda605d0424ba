package store_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// recorder notes every statement that goes to the engine.
type recorder struct {
	sqldb.Engine
	mu   sync.Mutex
	seen []statement
}

type statement struct {
	sql  string
	args []any
}

func (r *recorder) note(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, statement{sql, args})
}

func (r *recorder) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	r.note(sql, args)
	return r.Engine.Exec(ctx, sql, args...)
}

func (r *recorder) Query(ctx context.Context, sql string, args ...any) (sqldb.Rows, error) {
	r.note(sql, args)
	return r.Engine.Query(ctx, sql, args...)
}

func (r *recorder) QueryRow(ctx context.Context, sql string, args ...any) sqldb.Row {
	r.note(sql, args)
	return r.Engine.QueryRow(ctx, sql, args...)
}

// fill writes ten thousand rows into every table that grows with the use of the server.
func fill(t *testing.T, db sqldb.Engine, now time.Time) {
	t.Helper()
	bytes := `CAST('d' || i AS BYTEA)`
	if db.Name() == "sqlite" {
		bytes = `CAST('d' || i AS BLOB)`
	}
	fills := []struct{ table, columns string }{ // users first: the others refer to them
		{"users", `'u' || i, 'active', '', '', TRUE, '{}', $1, $1`},
		{"identifiers", `'u' || i || '@example.com', 'email', 'u' || i`},
		{"user_roles", `'role' || i, 'u' || i`},
		{"credentials", `'c' || i, 'u' || i, 'password', '', 'h', $1, $1`},
		{"identities", `'i' || i, 'u' || i, 'g', 'https://i', 's' || i, '', $1, $1`},
		{"sessions", `'s' || i, ` + bytes + `, 'u' || i, $1, '', '', '', '', '', $1, $1, $1, $1, NULL, NULL, NULL, $1`},
		{"grants", `'u' || i, 'app', ' openid ', $1, $1`},
		{"authorizations", `'a' || i, 'app', 'u' || i, 's' || i, FALSE, TRUE, '', '', '', FALSE, '', '{}', $1, '', '', $1, ` + bytes + `, $1,
			NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, $1`},
		{"session_clients", `'s' || i, 'c' || i, 'u' || i, $1`},
		{"logouts", `'l' || i, 's' || i, 'c' || i, 'u' || i, CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'delivered' END, 0, 0, '', $1, $1, NULL, $1`},
		{"access_tokens", bytes + `, '', '{}', $1`},
		{"revoked_tokens", `'j' || i, $1`},
		{"interactions", `'x' || i, '', ` + bytes + `, 'app', '', '{}', '', $1, $1`},
		{"pushed_requests", `'p' || i, ` + bytes + `, 'app', '', $1, $1`},
		{"pending_authorizations", `'p' || i, 'device', ` + bytes + `, 'uc' || i, 'app' || i, '', '', '{}', 'pending', NULL, '', FALSE, NULL, '', '', 'l' || i, 0, 5000, FALSE, '', NULL, 0, $1, $1, $1`},
		{"upstream_logins", bytes + `, ` + bytes + `, '', '', '', $1, $1`},
		{"clients", `'c' || i, '{}', FALSE, '', $1, $1, 1, i % 100 = 0, i % 100 = 1`},
		{"audit_events", `'e' || i, $1, '', '', '', 'u' || i, '', '', '', '', '', '{}'`},
		{"traces", `'t' || i, $1, '', '', '', '[]', $1`},
		{"throttles", `'k' || i, 1, $1, NULL, $1`},
		{"once_tokens", bytes + `, 'p', 'u' || i, $1, $1`},
		{"replays", bytes + `, $1`},
	}
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		for _, f := range fills {
			const count = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) `
			// $1 may be nowhere in the columns of a table; PostgreSQL wants its type all the same.
			sql := `INSERT INTO ` + f.table + ` ` + count + `SELECT ` + f.columns + ` FROM n WHERE $1 IS NOT NULL`
			if db.Name() == "postgres" {
				sql = strings.ReplaceAll(sql, "$1", "$1::timestamptz")
			}
			if _, err := db.Exec(ctx, sql, now); err != nil {
				return fmt.Errorf("%s: %w", f.table, err)
			}
		}
		return nil
	}))
	_, err := db.Exec(t.Context(), `ANALYZE`)
	must(t, err)
}

// requests are the statements of requests: what a person or an application waits for. Errors do not matter here, plans do.
func requests(ctx context.Context, s *store.Store, now time.Time) {
	d, later := []byte("d77"), now.Add(time.Hour)
	session := &idp.Session{ID: "new", UserID: "u77", AuthTime: now, CreatedAt: now, LastSeenAt: now, IdleExpiresAt: later, ExpiresAt: later}
	_, _ = s.LiveSession(ctx, "s77", d, now)
	_, _ = s.SessionByDigest(ctx, "s77", d)
	_, _ = s.SessionByRemember(ctx, "s77", d)
	_ = s.RestoreSession(ctx, "s77", d, d, d, later, later, now)
	_ = s.TouchSession(ctx, "s77", later, now)
	_ = s.CreateSession(ctx, session, d, nil)
	_, _ = s.SurplusSessions(ctx, "u77", 100)
	_, _ = s.Session(ctx, "s77")
	_, _ = s.Grant(ctx, "u77", "app")
	_ = s.PutGrant(ctx, "u77", "app", []string{"openid"}, now)
	c := store.IssueConditions{SessionID: "s77", SessionDigest: d, RequiredScopes: []string{"openid"}}
	_, _ = s.IssueCode(ctx, &idp.Authorization{ID: "new", ClientID: "app", CodeExpires: later, ExpiresAt: later}, d, c, now.Add(-time.Second))
	_, _ = s.RedeemCode(ctx, store.Redemption{ID: "a77", CodeDigest: d, ClientID: "app"}, now)
	_, _ = s.FailCode(ctx, "a78", []byte("d78"), now)
	rotation := store.Rotation{ID: "a77", Old: d, New: d, ClientID: "app", Idle: later}
	_, _ = s.RotateRefreshToken(ctx, rotation, now)
	rotation.Static = true
	_, _ = s.RotateRefreshToken(ctx, rotation, now)
	_, _ = s.FailRefresh(ctx, store.Rotation{ID: "a79", Old: d, ClientID: "app"}, now)
	_, _ = s.RefreshTokenNow(ctx, "a77", d, now)
	_, _, _ = s.AuthorizationNow(ctx, "a77", "j77")
	_ = s.RevokeAuthorization(ctx, "a77", "app", now)
	_ = s.RevokeAccessToken(ctx, "new", later)
	_, _ = s.AccessTokenRevoked(ctx, "j77")
	_ = s.PutOpaqueToken(ctx, []byte("new"), "", "{}", later)
	_, _ = s.OpaqueToken(ctx, d, now)
	_, _ = s.Client(ctx, "c77")
	pending := &idp.PendingAuthorization{ID: "new", Kind: idp.PendingDevice, ClientID: "app77", Address: "l77", UserID: "u77", CreatedAt: now, ExpiresAt: later}
	_ = s.CreatePending(ctx, pending, store.PendingKeys{Digest: d, UserCode: "ucnew"}, store.PendingBounds{PerAddress: 10, PerUser: 10})
	_, _ = s.Pending(ctx, "p77", now.Add(-time.Second))
	_, _ = s.PendingByUserCode(ctx, "uc77", now.Add(-time.Second))
	_, _ = s.PollPending(ctx, idp.PendingDevice, "p77", d, "app77", now)
	_ = s.ApprovePending(ctx, "p77", []string{"openid"}, session, d, now.Add(-time.Second))
	_ = s.DenyPending(ctx, "p78", "u77", now.Add(-time.Second))
	_, _ = s.RedeemPending(ctx, store.PendingRedemption{ID: "p77", Kind: idp.PendingDevice, Digest: d, ClientID: "app77", Expires: later}, now.Add(-time.Second))
	_, _ = s.WhyNotRedeemed(ctx, "p77")
	_, _ = s.IssueAsserted(ctx, &idp.Authorization{ID: "asserted", ClientID: "app77", ExpiresAt: later}, d, store.AssertedSubject{Issuer: "x", Subject: "y"}, now)
	_, _ = s.PendingOf(ctx, "u77", now)
	_, _ = s.PendingByToken(ctx, idp.PendingBackchannel, "p77", d, now)
	_, _ = s.ClaimPings(ctx, store.Claim{Limit: 10, Lease: later, Now: now})
	_ = s.PutOffPing(ctx, &store.Ping{ID: "p77"}, now)
	_ = s.SettlePing(ctx, "p77", nil)
	i := &idp.Interaction{ID: "new", BrowserDigest: d, CreatedAt: now, ExpiresAt: later}
	_ = s.CreateInteraction(ctx, i, 16)
	_, _ = s.Interaction(ctx, "x77", d, now)
	_ = s.RecordSteps(ctx, "x77", idp.Steps{}, now)
	_ = s.ConsumeInteraction(ctx, "x77")
	_ = s.PutPushedRequest(ctx, &idp.PushedRequest{ID: "new", CreatedAt: now, ExpiresAt: later}, d)
	_, _ = s.PushedRequest(ctx, "p77", d, now)
	_ = s.DropPushedRequest(ctx, "p77")
	_, _ = s.TakeUpstreamLogin(ctx, d, d, now)
	_ = s.CreateUpstreamLogin(ctx, &store.UpstreamLogin{StateDigest: []byte("new"), BrowserDigest: d, CreatedAt: now, ExpiresAt: later})
	_, _ = s.PasswordLogin(ctx, "u77@example.com")
	_, _ = s.PasswordOf(ctx, "u77")
	_ = s.RehashPassword(ctx, "c77", "h", "h", now)
	_, _ = s.User(ctx, "u77")
	_, _ = s.LockUser(ctx, "u77")
	_, _ = s.UserByIdentifier(ctx, "u77@example.com")
	_, _ = s.IdentityBySubject(ctx, "https://i", "s77")
	_ = s.TouchIdentity(ctx, "i77", "", now)
	_, _, _ = s.Throttles(ctx, "k77", "k78", now)
	_, _ = s.CountFailure(ctx, "k77", now, later, now)
	_ = s.Block(ctx, "k77", later)
	_ = s.ClearThrottle(ctx, "k77")
	_ = s.PutOnceToken(ctx, []byte("new"), "p", "u77", later, now)
	_, _ = s.OnceTokenSubject(ctx, d, "p", now)
	_, _ = s.TakeOnceToken(ctx, d, "p", now)
	_, _ = s.FirstUse(ctx, "p", "new", later, now)
	_ = s.AppendAudit(ctx, &idp.AuditEvent{ID: "new", At: now})
	_ = s.PutTraces(ctx, []*idp.Trace{{ID: "new", At: now, ExpiresAt: later}})
	_, _ = s.Trace(ctx, "t77", now)
	_, _ = s.EndSession(ctx, "s79", now)
	_, _ = s.ClaimLogoutsOf(ctx, "s100", 16, later, now)
	_, _ = s.ClaimLogouts(ctx, store.Claim{Limit: 16, Lease: later, Now: now})
	_ = s.PutOffLogout(ctx, &idp.Logout{ID: "l200"}, now)
	_ = s.SettleLogout(ctx, &idp.Logout{ID: "l200", DueAt: now})
	_ = s.RenewSession(ctx, &idp.Session{ID: "s78", UserID: "u78"}, now, d, nil)
	_, _ = s.EndSessionsOf(ctx, "u78", "", now)
	_ = s.RevokeGrant(ctx, "u77", "app", now)
	_, _ = s.Users(ctx, store.Page{After: "u5"})
	_, _ = s.AuditEvents(ctx, "", store.Page{After: "e5"})
	_, _ = s.AuditEvents(ctx, "u77", store.Page{})
}

// plan returns how the engine would run a statement.
func plan(t *testing.T, db sqldb.Engine, st statement) string {
	t.Helper()
	explain, column := `EXPLAIN `, 1
	if db.Name() == "sqlite" {
		explain, column = `EXPLAIN QUERY PLAN `, 4
	}
	rows, err := db.Query(t.Context(), explain+st.sql, st.args...)
	if err != nil {
		t.Fatalf("explain %s: %v", st.sql, err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var id, parent, unused int64
		var line string
		dest := []any{&id, &parent, &unused, &line}
		must(t, rows.Scan(dest[4-column:]...))
		b.WriteString(line + "\n")
	}
	must(t, rows.Err())
	return b.String()
}

// slow is what no request may do: read a whole table, or sort.
var slow = map[string]*regexp.Regexp{
	"sqlite":   regexp.MustCompile(`(?m)^SCAN [a-z_]+|TEMP B-TREE`),
	"postgres": regexp.MustCompile(`Seq Scan|Sort\b`),
}

// Every statement of a request goes by an index, whatever the tables have grown to.
func TestPlans_RequestsNeitherScanNorSort(t *testing.T) {
	t.Parallel()
	db := &recorder{Engine: storetest.NewSized(t, 0).Engine()}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	fill(t, db, now)
	db.seen = nil
	requests(t.Context(), store.New(db), now)
	if len(db.seen) < 55 {
		t.Errorf("got %d statements, want all of them", len(db.seen))
	}
	checked := map[string]bool{}
	for _, st := range db.seen {
		if checked[st.sql] {
			continue
		}
		checked[st.sql] = true
		if p := plan(t, db.Engine, st); slow[db.Name()].MatchString(p) {
			t.Errorf("%s\n%s", st.sql, p)
		}
	}
}
