package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"idp/internal/store/sqldb"
)

// fill writes so many rows into every table that grows with the use of the server.
func fill(t testing.TB, db sqldb.Engine, rows int, now time.Time) {
	t.Helper()
	// Users first: the others refer to them.
	bytes := `CAST('d' || i AS BYTEA)`
	if db.Name() == "sqlite" {
		bytes = `CAST('d' || i AS BLOB)`
	}
	fills := []struct{ table, columns string }{
		{"users", `'u' || i, 'active', '', '', TRUE, '{}', $1, $1`},
		{"identifiers", `'u' || i || '@example.com', 'email', 'u' || i`},
		{"user_roles", `'role' || i, 'u' || i`},
		{"credentials", `'c' || i, 'u' || i, 'password', '', 'h', $1, $1`},
		{"identities", `'i' || i, 'u' || i, 'g', 'https://i', 's' || i, '', $1, $1`},
		{"sessions", `'s' || i, ` + bytes + `, 'u' || i, $1, '', '', '', '', '', $1, $1, $2, $2, NULL, NULL, NULL, $2`},
		{"grants", `'u' || i, CASE WHEN i % 50 < 2 THEN 'c' || i ELSE 'app' END, ' openid ', $1, $1`},
		{"authorizations", `'a' || i, CASE WHEN i % 50 < 2 THEN 'c' || i ELSE 'app' END, 'u' || i, 's' || i, FALSE, TRUE, '', '', '', FALSE, '', '{}', $1, '', '', $1, ` + bytes + `, $1,
			NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, $2`},
		{"session_clients", `'s' || i, 'c' || i, 'u' || i, $2`},
		{"logouts", `'l' || i, 's' || i, 'c' || i, 'u' || i, CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'delivered' END, 0, 0, '', $1, $1, NULL, $2`},
		{"access_tokens", bytes + `, '', '{}', $2`},
		{"revoked_tokens", `'j' || i, $2`},
		{"interactions", `'x' || i, '', ` + bytes + `, 'app', '', '{}', '', $1, $2`},
		{"pushed_requests", `'p' || i, ` + bytes + `, 'app', '', $1, $2`},
		{"pending_authorizations", `'p' || i, 'device', ` + bytes + `, 'uc' || i, 'app' || i, '', '', '{}', 'pending', NULL, '', FALSE, NULL, '', '', 'l' || i, 0, 5000, FALSE, '', NULL, 0, $1, $2, $2`},
		{"pairwise_subjects", `'q' || i, 'u' || i`},
		{"registration_tokens", `'r' || i, ` + bytes + `, '', '{}', 9, 0, $1, $2`},
		{"upstream_logins", bytes + `, ` + bytes + `, '', '', '', $1, $2`},
		{"clients", `'c' || i, '{}', FALSE, CASE WHEN i % 2 = 0 THEN 'open' ELSE '' END, $1, $1, 1, i % 100 = 0, i % 100 = 1`},
		{"client_origins", `'https://' || i || '.example', 'c' || i`},
		{"client_changes", `-i, 'c' || i`},
		{"audit_events", `'e' || i, $2, '', '', '', 'u' || i, '', '', '', '', '', '{}'`},
		{"traces", `'t' || i, $1, '', '', '', '[]', $2`},
		{"throttles", `'k' || i, 1, $1, NULL, $2`},
		{"once_tokens", bytes + `, 'p', 'u' || i, $1, $2`},
		{"replays", bytes + `, $2`},
	}
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		for _, f := range fills {
			count := fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, rows)
			// $1 is now, $2 a moment of the row's own, a few before now. PostgreSQL wants the type of $1, wherever it is.
			moment := `$1 + (i - 50) * 1000000`
			if db.Name() == "postgres" {
				moment = `$1::timestamptz + (i - 50) * interval '1 second'`
			}
			sql := `INSERT INTO ` + f.table + ` ` + count + `SELECT ` + strings.ReplaceAll(f.columns, "$2", moment) + ` FROM n WHERE $1 IS NOT NULL`
			if db.Name() == "postgres" {
				sql = strings.ReplaceAll(strings.ReplaceAll(sql, "$1::timestamptz", "$1"), "$1", "$1::timestamptz")
			}
			if _, err := db.Exec(ctx, sql, now); err != nil {
				return fmt.Errorf("%s: %w", f.table, err)
			}
		}
		return nil
	}))
}

func analyze(t testing.TB, db sqldb.Engine) {
	t.Helper()
	_, err := db.Exec(t.Context(), `ANALYZE`)
	must(t, err)
}
