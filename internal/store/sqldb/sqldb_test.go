package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// openScratch opens a database of the engine under test with one table that no package knows.
func openScratch(t *testing.T) sqldb.Engine {
	t.Helper()
	db := storetest.Open(t, 0)
	exec(t, db, `CREATE TABLE scratch (id TEXT PRIMARY KEY, n BIGINT, flag BOOLEAN, data BYTEA, at TIMESTAMPTZ, parent TEXT REFERENCES scratch (id))`)
	return db
}

func exec(t testing.TB, db sqldb.Engine, sql string, args ...any) int64 {
	t.Helper()
	n, err := db.Exec(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func rowsOf(t testing.TB, db sqldb.Engine) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM scratch`).Scan(&n); err != nil {
		t.Fatalf("count: %v", err)
	}
	return n
}

func TestScan_ValuesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	zone := time.FixedZone("far", 9*3600+1800)
	at := time.Date(2026, 11, 23, 23, 59, 59, 123456789, zone)
	exec(t, db, `INSERT INTO scratch (id, n, flag, data, at) VALUES ($1, $2, $3, $4, $5), ($6, $2, $3, $7, $8)`,
		"a", int64(1)<<62, true, []byte{0, 255, 0}, at, "b", []byte(nil), (*time.Time)(nil))

	var id string
	var n int64
	var flag bool
	var data []byte
	var got time.Time
	if err := db.QueryRow(t.Context(), `SELECT id, n, flag, data, at FROM scratch WHERE id = $1`, "a").Scan(&id, &n, &flag, &data, &got); err != nil {
		t.Fatal(err)
	}
	if n != 1<<62 || !flag || string(data) != "\x00\xff\x00" {
		t.Errorf("got %d %v %q, want %d true %q", n, flag, data, int64(1)<<62, "\x00\xff\x00")
	}
	if want := at.UTC().Truncate(time.Microsecond); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("got time %v, want %v in UTC", got, want)
	}
	var none *time.Time
	if err := db.QueryRow(t.Context(), `SELECT data, at FROM scratch WHERE id = 'b'`).Scan(&data, &none); err != nil || none != nil || data != nil {
		t.Errorf("NULLs: got %v %v %v, want nil nil", data, none, err)
	}
	// A time that is compared must be cut as the stored one was.
	var same bool
	if err := db.QueryRow(t.Context(), `SELECT at = $1 FROM scratch WHERE id = 'a'`, at).Scan(&same); err != nil || !same {
		t.Errorf("the time that was written is not equal to itself: %v %v", same, err)
	}
	for _, extreme := range []time.Time{{}, time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		exec(t, db, `UPDATE scratch SET at = $1 WHERE id = 'a'`, extreme)
		if err := db.QueryRow(t.Context(), `SELECT at FROM scratch WHERE id = 'a'`).Scan(&got); err != nil || !got.Equal(extreme) {
			t.Errorf("got %v %v, want %v", got, err, extreme)
		}
	}
}

func TestErrors_AreTheSentinelsOnBothEngines(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	exec(t, db, `INSERT INTO scratch (id) VALUES ('a')`)
	_, taken := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ('a')`)
	var id string
	missing := db.QueryRow(t.Context(), `SELECT id FROM scratch WHERE id = 'b'`).Scan(&id)
	_, orphan := db.Exec(t.Context(), `INSERT INTO scratch (id, parent) VALUES ('c', 'nobody')`)
	_, wrong := db.Exec(t.Context(), `INSERT INTO nowhere (id) VALUES ('c')`)
	for _, c := range []struct {
		name string
		err  error
		want idp.Kind
	}{
		{"a key that is taken", taken, idp.Conflict},
		{"no row", missing, idp.NotFound},
		{"a row that refers to one that is gone", orphan, idp.NotFound},
		{"a statement that is wrong", wrong, idp.Internal},
	} {
		if c.err == nil || idp.KindOf(c.err) != c.want {
			t.Errorf("%s: got %v of kind %d, want kind %d", c.name, c.err, idp.KindOf(c.err), c.want)
		}
	}
}

// PostgreSQL refuses bytes that are no text. An outsider's bytes must be their fault and not ours, on both engines alike.
func TestErrors_BytesThatAreNoTextAreInvalid(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	for name, text := range map[string]string{"NUL": "a\x00b", "not UTF-8": "a\xffb"} {
		var id string
		err := db.QueryRow(t.Context(), `SELECT id FROM scratch WHERE id = $1`, text).Scan(&id)
		if idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s in a read: got %v, want kind invalid", name, err)
		}
		if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ($1)`, text); idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s in a write: got %v, want kind invalid", name, err)
		}
		err = db.InTx(t.Context(), func(ctx context.Context) error {
			_, err := db.Query(ctx, `SELECT id FROM scratch WHERE id = $1`, text)
			return err
		})
		if idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s in a transaction: got %v, want kind invalid", name, err)
		}
	}
}

func TestInTx_RollsBackAndJoins(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	fault := errors.New("fault")
	insert := func(ctx context.Context, id string) error {
		_, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ($1)`, id)
		return err
	}
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		if err := insert(ctx, "outer"); err != nil {
			return err
		}
		if err := db.InTx(ctx, func(ctx context.Context) error { return insert(ctx, "inner") }); err != nil {
			return err
		}
		var n int64
		if err := db.QueryRow(ctx, `SELECT count(*) FROM scratch`).Scan(&n); err != nil || n != 2 {
			t.Errorf("inside: got %d rows, %v, want the transaction's own 2", n, err)
		}
		return fault
	})
	if !errors.Is(err, fault) || rowsOf(t, db) != 0 {
		t.Errorf("after a fault: got %v and %d rows, want the fault and 0", err, rowsOf(t, db))
	}
	err = db.InTx(t.Context(), func(ctx context.Context) error {
		if err := insert(ctx, "outer"); err != nil {
			return err
		}
		return db.InTx(ctx, func(ctx context.Context) error { return errors.Join(insert(ctx, "inner"), fault) })
	})
	if !errors.Is(err, fault) || rowsOf(t, db) != 0 {
		t.Errorf("after an inner fault: got %v and %d rows, want the fault and 0", err, rowsOf(t, db))
	}
	if err := db.InTx(t.Context(), func(ctx context.Context) error { return insert(ctx, "kept") }); err != nil || rowsOf(t, db) != 1 {
		t.Errorf("got %v and %d rows, want nil and 1", err, rowsOf(t, db))
	}
}

// A bug inside a transaction is its caller's: it is seen where it was made, and nothing of it is written.
func TestInTx_PanicReachesItsCaller(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	func() {
		defer func() {
			if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "a bug") {
				t.Errorf("got panic %v, want the one of the transaction", r)
			}
		}()
		_ = db.InTx(t.Context(), func(ctx context.Context) error {
			if _, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('a')`); err != nil {
				return err
			}
			panic("a bug")
		})
	}()
	if n := rowsOf(t, db); n != 0 {
		t.Errorf("got %d rows, want 0", n)
	}
	exec(t, db, `INSERT INTO scratch (id) VALUES ('b')`)
}

// A goroutine that ends inside a transaction, as t.FailNow ends it, must not take the engine along.
func TestInTx_GoexitLeavesTheEngineWhole(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.InTx(t.Context(), func(ctx context.Context) error {
			_, _ = db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('a')`)
			runtime.Goexit()
			return nil
		})
		t.Error("the goroutine went on")
	}()
	<-ended
	exec(t, db, `INSERT INTO scratch (id) VALUES ('b')`)
	if n := rowsOf(t, db); n != 1 {
		t.Errorf("got %d rows, want 1", n)
	}
}

func TestContext_CancelledBeforeWritesNothing(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('a')`); !errors.Is(err, context.Canceled) {
		t.Errorf("Exec: got %v, want %v", err, context.Canceled)
	}
	if err := db.InTx(ctx, func(context.Context) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("InTx: got %v, want %v", err, context.Canceled)
	}
	if n := rowsOf(t, db); n != 0 {
		t.Errorf("got %d rows, want 0", n)
	}
}

func TestInTx_CancelledInsideRollsBackOrCommitsWhole(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('a'), ('b')`); err != nil {
			return err
		}
		cancel()
		_, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('c')`)
		return err
	})
	want := int64(3)
	if err != nil {
		want = 0
	}
	if n := rowsOf(t, db); n != want {
		t.Errorf("got %d rows after %v, want %d", n, err, want)
	}
}

func TestWriters_ManyAtOnceIsolateTheirFailures(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	exec(t, db, `INSERT INTO scratch (id, n) VALUES ('taken', 0), ('sum', 0)`)
	const callers = 64
	var wg sync.WaitGroup
	var conflicts, panics, sums atomic.Int64
	for i := range callers {
		wg.Go(func() {
			defer func() {
				if recover() != nil {
					panics.Add(1)
				}
			}()
			switch i % 4 {
			case 0: // a single statement that fails
				if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ('taken')`); errors.Is(err, idp.ErrConflict) {
					conflicts.Add(1)
				}
			case 1: // a transaction that fails after its first statement
				err := db.InTx(t.Context(), func(ctx context.Context) error {
					if _, err := db.Exec(ctx, `UPDATE scratch SET n = n + 1000 WHERE id = 'sum'`); err != nil {
						return err
					}
					_, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('taken')`)
					return err
				})
				if errors.Is(err, idp.ErrConflict) {
					conflicts.Add(1)
				}
			case 2: // one that panics
				_ = db.InTx(t.Context(), func(ctx context.Context) error {
					if _, err := db.Exec(ctx, `UPDATE scratch SET n = n + 1000 WHERE id = 'sum'`); err != nil {
						return err
					}
					panic("a bug")
				})
			case 3: // and the neighbours who did nothing wrong
				var n int64
				if err := db.QueryRow(t.Context(), `UPDATE scratch SET n = n + 1 WHERE id = 'sum' RETURNING n`).Scan(&n); err != nil {
					t.Errorf("neighbour: %v", err)
				}
				sums.Add(1)
			}
		})
	}
	wg.Wait()
	var sum int64
	if err := db.QueryRow(t.Context(), `SELECT n FROM scratch WHERE id = 'sum'`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if conflicts.Load() != callers/2 || panics.Load() != callers/4 || sum != sums.Load() {
		t.Errorf("got %d conflicts, %d panics and the sum %d, want %d, %d and %d", conflicts.Load(), panics.Load(), sum, callers/2, callers/4, sums.Load())
	}
}

func TestClose_WhileBusyAnswersEverybody(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	var wg sync.WaitGroup
	var written atomic.Int64
	started := make(chan struct{})
	var once sync.Once
	for i := range 32 {
		wg.Go(func() {
			for j := range 200 {
				_, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ($1)`, fmt.Sprintf("%d-%d", i, j))
				if err != nil {
					return
				}
				written.Add(1)
				once.Do(func() { close(started) })
			}
		})
	}
	<-started
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	wg.Wait()
	if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ('late')`); err == nil {
		t.Error("write after close: no error")
	}
	if err := db.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if written.Load() == 0 {
		t.Error("nothing was written before the close")
	}
}

func TestPool_SaysHowMany(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	if used, _, most := db.Pool(); used != 0 || most < 1 {
		t.Errorf("got %d of %d in use, want 0 of at least 1", used, most)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func needsPostgres(t *testing.T) {
	t.Helper()
	if os.Getenv("IDP_TEST_ENGINE") != "postgres" {
		t.Skip("about PostgreSQL")
	}
}

func needsSQLite(t *testing.T) {
	t.Helper()
	if e := os.Getenv("IDP_TEST_ENGINE"); e != "" && e != "sqlite" {
		t.Skip("about SQLite")
	}
}

// PS-19: a server that is away is "unavailable", whatever was under way, and service resumes by itself.
func TestPostgres_AwayIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	server := storetest.StartServer(t)
	db, err := sqldb.OpenPostgres(t.Context(), sqldb.PostgresConfig{URL: server.URL(), MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec(t, db, `CREATE TABLE scratch (id TEXT PRIMARY KEY)`)
	inside := db.InTx(t.Context(), func(ctx context.Context) error {
		if _, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('a')`); err != nil {
			return err
		}
		server.Stop(t)
		_, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('b')`)
		return err
	})
	_, outside := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ('c')`)
	_, query := db.Query(t.Context(), `SELECT id FROM scratch`)
	for name, err := range map[string]error{
		"a transaction that was open": inside, "a write": outside, "a read": query, "a ping": db.Ping(t.Context()),
		"a new transaction": db.InTx(t.Context(), func(context.Context) error { return nil }),
	} {
		if !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("%s: got %v, want unavailable", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "password") {
			t.Errorf("%s: the error names a password: %v", name, err)
		}
	}
	server.Start(t)
	for attempt := 0; ; attempt++ { // a connection of before may be found dead once
		if err = db.Ping(t.Context()); err == nil || attempt == 8 {
			break
		}
	}
	if n := rowsOf(t, db); n != 0 {
		t.Errorf("got %d rows, want none of what was not answered", n)
	}
	exec(t, db, `INSERT INTO scratch (id) VALUES ('d')`)
}

func TestPostgres_DeadlockIsRunAgainAndNeverInternal(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	db := openScratch(t)
	exec(t, db, `INSERT INTO scratch (id, n) VALUES ('a', 0), ('b', 0)`)
	both := func(first, second string, mine, other chan struct{}) error {
		var once sync.Once
		return db.InTx(t.Context(), func(ctx context.Context) error {
			if _, err := db.Exec(ctx, `UPDATE scratch SET n = n + 1 WHERE id = $1`, first); err != nil {
				return err
			}
			once.Do(func() { close(mine); <-other })
			_, err := db.Exec(ctx, `UPDATE scratch SET n = n + 1 WHERE id = $1`, second)
			return err
		})
	}
	x, y := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := both("a", "b", x, y); err != nil {
			t.Errorf("first: %v", err)
		}
	})
	wg.Go(func() {
		if err := both("b", "a", y, x); err != nil {
			t.Errorf("second: %v", err)
		}
	})
	wg.Wait()
	var sum int64
	if err := db.QueryRow(t.Context(), `SELECT coalesce(sum(n), 0)::bigint FROM scratch`).Scan(&sum); err != nil || sum != 4 {
		t.Errorf("got sum %d, %v, want 4: each transaction once", sum, err)
	}
	// Outside InTx nobody runs it again, so it is "try again later" and not "server error".
	_, err := db.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$`)
	if !errors.Is(err, sqldb.ErrRetry) || !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("got %v, want both ErrRetry and unavailable", err)
	}
}

func TestPostgres_ListenHearsCommittedAnnouncements(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	db := openScratch(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan string, 16)
	done := make(chan struct{})
	go func() { defer close(done); db.Listen(ctx, func(topic string) { heard <- topic }) }()
	if first := <-heard; first != "" {
		t.Errorf("got %q first, want the empty topic: something may have been missed", first)
	}
	_ = db.InTx(t.Context(), func(ctx context.Context) error {
		return errors.Join(db.Announce(ctx, "undone"), errors.New("roll back"))
	})
	if err := db.Announce(t.Context(), "clients"); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "clients" {
		t.Errorf("got %q, want clients", got)
	}
	cancel()
	<-done
}

func TestSQLite_ReadersCannotWrite(t *testing.T) {
	t.Parallel()
	needsSQLite(t)
	db := openScratch(t)
	rows, err := db.Query(t.Context(), `WITH x AS (SELECT 'a' AS id) INSERT INTO scratch (id) SELECT id FROM x RETURNING id`)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		rows.Close()
	}
	if n := rowsOf(t, db); err == nil || n != 0 {
		t.Errorf("a write that looks like a read: got %v and %d rows, want it refused", err, n)
	}
}

func TestSQLite_PathMayHoldAnything(t *testing.T) {
	t.Parallel()
	needsSQLite(t)
	path := filepath.Join(t.TempDir(), "a b?c#d%20e&f=g.db")
	db, err := sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, `CREATE TABLE scratch (id TEXT PRIMARY KEY)`)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

// 64 callers and another process's writer on one file: whoever must wait waits, and nobody hears "database is locked".
func TestSQLite_NeverLocked(t *testing.T) {
	t.Parallel()
	needsSQLite(t)
	path := filepath.Join(t.TempDir(), "idp.db")
	open := func() sqldb.Engine {
		db, err := sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	server, command := open(), open() // two engines on one file are two processes to SQLite
	exec(t, server, `CREATE TABLE scratch (id TEXT PRIMARY KEY, n BIGINT)`)
	exec(t, server, `INSERT INTO scratch (id, n) VALUES ('sum', 0)`)
	var wg sync.WaitGroup
	add := func(db sqldb.Engine) {
		for range 10 {
			if _, err := db.Exec(t.Context(), `UPDATE scratch SET n = n + 1 WHERE id = 'sum'`); err != nil {
				t.Errorf("write: %v", err)
			}
			var n int64
			if err := db.QueryRow(t.Context(), `SELECT n FROM scratch WHERE id = 'sum'`).Scan(&n); err != nil || n == 0 {
				t.Errorf("read: %d %v", n, err)
			}
		}
	}
	for range 64 {
		wg.Go(func() { add(server) })
	}
	wg.Go(func() { add(command) })
	wg.Wait()
	var sum int64
	if err := server.QueryRow(t.Context(), `SELECT n FROM scratch WHERE id = 'sum'`).Scan(&sum); err != nil || sum != 650 {
		t.Errorf("got %d, %v, want 650", sum, err)
	}
}
