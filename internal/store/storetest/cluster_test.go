package storetest

import (
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
)

// needsServer ends the test early where only SQLite is tested; in CI, where scripts/with-postgres is always around, the
// missing server is a failure.
func needsServer(t *testing.T) {
	t.Helper()
	if os.Getenv(clusterVariable) == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set", clusterVariable)
		}
		t.Skip("no PostgreSQL: run through scripts/with-postgres")
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connect to %s: %v", dsn, err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestPostgres_EachTestHasItsOwnCopyOfOneTemplate(t *testing.T) {
	t.Parallel()
	needsServer(t)
	// The text is new at each run, so that the template is too.
	schema := fstest.MapFS{"0001_first.sql": {Data: []byte("CREATE TABLE copies (n BIGINT) -- " + t.TempDir())}}
	var migrated atomic.Int32
	migrate := func(ctx context.Context, dsn string) error {
		migrated.Add(1)
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, string(schema["0001_first.sql"].Data)); err != nil {
			return err
		}
		return conn.Close(ctx)
	}

	var copies sync.WaitGroup
	addresses := make([]string, 8)
	for i := range addresses {
		copies.Go(func() { addresses[i] = postgresDSN(t, schema, migrate) })
	}
	copies.Wait()

	if got := migrated.Load(); got != 1 {
		t.Errorf("migrated %d times, want once", got)
	}
	for _, dsn := range addresses {
		conn := connect(t, dsn)
		if _, err := conn.Exec(t.Context(), "INSERT INTO copies VALUES (1)"); err != nil {
			t.Fatalf("insert: %v", err)
		}
		var got int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM copies").Scan(&got); err != nil || got != 1 {
			t.Errorf("rows in the copy = %d, %v, want only its own", got, err)
		}
	}

	template, err := ensureTemplate(schema, migrate)
	if err != nil {
		t.Fatalf("ensureTemplate: %v", err)
	}
	err = inMaintenance(func(ctx context.Context, conn *pgx.Conn, _ string) error {
		if _, err := conn.Exec(ctx, "ALTER DATABASE "+quote(template)+" WITH IS_TEMPLATE false"); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "DROP DATABASE "+quote(template))
		return err
	})
	if err != nil {
		t.Errorf("drop the template: %v", err)
	}
}

func TestPostgres_DatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	needsServer(t)
	var dsn string
	t.Run("inner", func(t *testing.T) {
		dsn = EmptyPostgres(t)
		connect(t, dsn)
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		_ = conn.Close(t.Context())
		t.Errorf("connect to %s after its test: no error, want the database gone", dsn)
	}
}

func TestServer_KeepsWhatWasCommittedOverAStop(t *testing.T) {
	t.Parallel()
	needsServer(t)
	server := StartServer(t)
	before := connect(t, server.URL())
	if _, err := before.Exec(t.Context(), "CREATE TABLE kept (n BIGINT); INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatalf("write: %v", err)
	}

	server.Stop(t)
	if conn, err := pgx.Connect(t.Context(), server.URL()); err == nil {
		_ = conn.Close(t.Context())
		t.Fatal("connect to a stopped server: no error, want one")
	}

	server.Start(t)
	var got int
	if err := connect(t, server.URL()).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&got); err != nil || got != 7 {
		t.Errorf("row after the restart = %d, %v, want 7", got, err)
	}
}

func TestWithDatabase_TakesBothSpellingsOfAnAddress(t *testing.T) {
	t.Parallel()
	tests := []struct{ dsn, wantHost string }{
		{"postgres://idp@/postgres?host=/tmp/idp-pg.x", "/tmp/idp-pg.x"},
		{"postgres://idp:s%20cret@127.0.0.1:5433/postgres?sslmode=disable", "127.0.0.1"},
		{"host=/tmp/idp-pg.x user=idp dbname=postgres", "/tmp/idp-pg.x"},
	}
	for _, test := range tests {
		got, err := withDatabase(test.dsn, "idp_test_1")
		if err != nil {
			t.Fatalf("withDatabase(%q): %v", test.dsn, err)
		}
		conf, err := pgx.ParseConfig(got)
		if err != nil {
			t.Fatalf("ParseConfig(%q): %v", got, err)
		}
		if conf.Database != "idp_test_1" || conf.User != "idp" || conf.Host != test.wantHost {
			t.Errorf("withDatabase(%q) = %q, which is database %s of %s at %s", test.dsn, got, conf.Database, conf.User, conf.Host)
		}
	}
}

func TestDigestOf_ChangesWithNameAndText(t *testing.T) {
	t.Parallel()
	schemas := []fstest.MapFS{
		{"a.sql": {Data: []byte("x")}},
		{"a.sql": {Data: []byte("y")}},
		{"b.sql": {Data: []byte("x")}},
		{"a.sql": {Data: []byte("x")}, "b.sql": {Data: []byte("")}},
	}
	seen := map[string]int{}
	for i, schema := range schemas {
		digest, err := digestOf(schema)
		if err != nil {
			t.Fatalf("digestOf: %v", err)
		}
		if first, taken := seen[digest]; taken {
			t.Errorf("schemas %d and %d have the digest %s, want two", first, i, digest)
		}
		seen[digest] = i
		if strings.ToLower(digest) != digest {
			t.Errorf("digest %s has capitals, want a name that needs no quoting", digest)
		}
	}
}
