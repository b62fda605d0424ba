package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// populate writes people as they are after years: each with an address, a username, a password, a session and a refresh token that was rotated before.
func populate(t testing.TB, db sqldb.Engine, people int, now time.Time) {
	t.Helper()
	id, blob, later := `lpad(CAST(i AS TEXT), 26, '0')`, `BYTEA`, `CAST($1 AS TIMESTAMPTZ) + (i %% 2592000 + 7200) * INTERVAL '1 second'`
	if db.Name() == "sqlite" {
		id, blob, later = `printf('%026d', i)`, `BLOB`, `$1 + (i %% 2592000 + 7200) * 1000000`
	}
	words := strings.NewReplacer("{id}", id, "{digest}", `CAST('digest' || `+id+` AS `+blob+`)`, "{later}", strings.ReplaceAll(later, "%%", "%"),
		"{sealed}", `CAST('`+strings.Repeat("s", 92)+`' || `+id+` AS `+blob+`)`, "{hash}", `'$argon2id$v=19$m=19456,t=2,p=1$`+strings.Repeat("h", 66)+`'`)
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		for _, f := range []struct{ table, columns string }{
			{"users", `{id}, 'active', 'user' || i, 'user' || i || '@example.com', TRUE, '{"username":"user' || i || '","email":"user' || i ||
				'@example.com","email_verified":true,"profile":{"name":"Person Number ' || i || '","given_name":"Person","family_name":"Number ' || i || '","locale":"de-CH"},"updated_at":1764000000}', $1, $1`},
			{"identifiers", `'user' || i || '@example.com', 'email', {id}`},
			{"identifiers", `'user' || i, 'username', {id}`},
			{"credentials", `{id}, {id}, 'password', '', {hash}, $1, $1`},
			{"sessions", `{id}, {digest}, {id}, $1, 'pwd', '', '', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36', '203.0.113.7',
				$1, $1, {later}, {later}, NULL, NULL, NULL, {later}`},
			{"authorizations", `{id}, 'app' || (i % 40), {id}, {id}, TRUE, TRUE, 'openid profile email offline_access', '', 'https://app.example/callback', FALSE, '',
				'{"nonce":"n-0S6_WzA2Mj4Xc8","trace":"01k5zq8y3v7m2c9d4e6f8g0h1j"}', $1, 'pwd', '', $1, {digest}, $1, $1, {digest}, {digest}, {sealed}, $1, {later}, '', NULL, {later}`},
			{"grants", `{id}, 'app' || (i % 40), ' email  offline_access  openid  profile ', $1, $1`},
		} {
			sql := fmt.Sprintf(`INSERT INTO %s WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n WHERE $1 IS NOT NULL`, f.table, people, words.Replace(f.columns))
			if db.Name() == "postgres" {
				sql = strings.ReplaceAll(strings.ReplaceAll(sql, "CAST($1 AS TIMESTAMPTZ)", "$1"), "$1", "CAST($1 AS TIMESTAMPTZ)")
			}
			if _, err := db.Exec(ctx, sql, now); err != nil {
				return fmt.Errorf("%s: %w", f.table, err)
			}
		}
		return nil
	}))
	for _, sql := range []string{`VACUUM`, `ANALYZE`} {
		_, err := db.Exec(t.Context(), sql)
		if err != nil && db.Name() == "postgres" {
			t.Fatal(err)
		}
	}
}

// BenchmarkGrowth measures the statements of the hot paths, each for another person, beside so many people as -rows says.
func BenchmarkGrowth(b *testing.B) {
	s := storetest.New(b)
	now := time.Now().UTC().Truncate(time.Microsecond)
	people := *planRows
	populate(b, s.Engine(), people, now)
	later := now.Add(time.Hour)
	n := 0
	// somebody goes through all people in no order that a disk or a cache would like.
	somebody := func() (id string, digest []byte, number int) {
		n++
		number = (n*7919)%people + 1
		id = fmt.Sprintf("%026d", number)
		return id, []byte("digest" + id), number
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"refresh", func() error {
			id, digest, i := somebody()
			_, err := s.RotateRefreshToken(b.Context(), store.Rotation{ID: id, Old: digest, New: digest, Sealed: make([]byte, 118), ClientID: fmt.Sprintf("app%d", i%40), Idle: later}, now)
			return err
		}},
		{"code", func() error {
			id, digest, i := somebody()
			a := &idp.Authorization{
				ID: idp.NewID(), ClientID: fmt.Sprintf("app%d", i%40), Scopes: []string{"openid"}, RedirectURI: "https://app.example/callback", Refreshable: true,
				CodeExpires: later, ExpiresAt: later,
			}
			_, err := s.IssueCode(b.Context(), a, digest, store.IssueConditions{SessionID: id, SessionDigest: digest, RequiredScopes: []string{"openid"}}, now)
			if err != nil {
				return err
			}
			_, err = s.RedeemCode(b.Context(), store.Redemption{ID: a.ID, CodeDigest: digest, ClientID: a.ClientID, RedirectURI: a.RedirectURI, RefreshDigest: digest, RefreshIdle: later, RefreshExpires: later}, now)
			return err
		}},
		{"introspect", func() error { id, _, _ := somebody(); _, _, err := s.AuthorizationNow(b.Context(), id, id); return err }},
		{"session", func() error {
			id, digest, _ := somebody()
			_, err := s.LiveSession(b.Context(), id, digest, now)
			return err
		}},
		{"login_name", func() error {
			_, _, i := somebody()
			_, err := s.PasswordLogin(b.Context(), fmt.Sprintf("user%d@example.com", i))
			return err
		}},
		{"users_page", func() error {
			id, _, _ := somebody()
			list, err := s.Users(b.Context(), store.Page{After: id})
			if len(list) == 0 && id < fmt.Sprintf("%026d", people) {
				return errors.New("an empty page")
			}
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				must(b, c.do())
			}
		})
	}
}

// BenchmarkPurge measures how long rotations wait while as many expired rows as -rows says are deleted beside them, batch by batch as the server does.
func BenchmarkPurge(b *testing.B) {
	s := storetest.New(b)
	now := time.Now().UTC().Truncate(time.Microsecond)
	const people = 5000
	populate(b, s.Engine(), people, now)
	expired := now.Add(-time.Hour)
	sql := fmt.Sprintf(`INSERT INTO revoked_tokens WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'jti' || i, $1 FROM n`, *planRows)
	if s.Engine().Name() == "postgres" {
		sql = strings.ReplaceAll(sql, "$1", "CAST($1 AS TIMESTAMPTZ)")
	}
	_, err := s.Engine().Exec(b.Context(), sql, expired)
	must(b, err)
	n := 0
	for b.Loop() {
		// rotations until done, the slowest of a hundred and the median
		rotations := func(done func() bool) (p50, p99 time.Duration) {
			var took []time.Duration
			for !done() {
				n++
				number := (n*7919)%people + 1
				id := fmt.Sprintf("%026d", number)
				digest := []byte("digest" + id)
				began := time.Now()
				_, err := s.RotateRefreshToken(b.Context(), store.Rotation{ID: id, Old: digest, New: digest, Sealed: make([]byte, 118), ClientID: fmt.Sprintf("app%d", number%40), Idle: now.Add(time.Hour)}, now)
				must(b, err)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			return took[len(took)/2], took[len(took)*99/100]
		}
		until := time.Now().Add(3 * time.Second)
		p50, p99 := rotations(func() bool { return time.Now().After(until) })
		b.ReportMetric(p50.Seconds()*1e6, "alone-p50-µs")
		b.ReportMetric(p99.Seconds()*1e6, "alone-p99-µs")
		finished := make(chan error, 1)
		began := time.Now()
		go func() {
			for {
				gone, err := s.Purge(b.Context(), 500, now, time.Time{})
				if err != nil || gone["revoked_tokens"] < 500 {
					finished <- err
					return
				}
			}
		}()
		p50, p99 = rotations(func() bool {
			select {
			case err = <-finished:
				return true
			default:
				return false
			}
		})
		must(b, err)
		b.ReportMetric(p50.Seconds()*1e6, "beside-p50-µs")
		b.ReportMetric(p99.Seconds()*1e6, "beside-p99-µs")
		b.ReportMetric(float64(*planRows)/time.Since(began).Seconds(), "purged/s")
	}
}
