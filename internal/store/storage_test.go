package store_test

import (
	"fmt"
	"testing"
	"time"

	"idp/internal/store/storetest"
)

// What a person and a live refresh token take on the disk of PostgreSQL, indexes included. An access token takes nothing.
func TestStorage_OfPeopleAndTokensIsBounded(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if s.Engine().Name() != "postgres" {
		return // SQLite's pages are not counted by table
	}
	const people = 10_000
	populate(t, s.Engine(), people, time.Now())
	size := func(kind, table string) (bytes int64) {
		must(t, s.Engine().QueryRow(t.Context(), fmt.Sprintf(`SELECT pg_%s_size('%s')`, kind, table)).Scan(&bytes))
		return bytes / people
	}
	for _, one := range []struct {
		what   string
		tables []string
		most   int64
	}{
		{"a person", []string{"users", "identifiers", "credentials"}, 1100},
		{"a session", []string{"sessions"}, 500},
		{"a live refresh token", []string{"authorizations"}, 740},
		{"a consent", []string{"grants"}, 300},
	} {
		total := int64(0)
		for _, table := range one.tables {
			rows, indexes := size("table", table), size("indexes", table)
			if testing.Verbose() {
				t.Logf("%s: %d bytes in rows, %d in indexes", table, rows, indexes)
			}
			total += rows + indexes
		}
		if total > one.most {
			t.Errorf("%s takes %d bytes, want %d at most", one.what, total, one.most)
		}
	}
}
