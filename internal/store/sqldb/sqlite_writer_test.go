package sqldb

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Whoever waits while a transaction runs shares its commit: when it is answered, their rows are there too.
func TestWriter_WaitingCallersShareOneCommit(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(t.Context(), `CREATE TABLE scratch (id TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	const waiting = 20
	w := db.(*sqliteDB).write
	var wg sync.WaitGroup
	err = db.InTx(t.Context(), func(context.Context) error {
		for i := range waiting {
			wg.Go(func() {
				if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ($1)`, fmt.Sprint(i)); err != nil {
					t.Errorf("a caller that waited: %v", err)
				}
			})
		}
		for len(w.jobs) < waiting {
			runtime.Gosched()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM scratch`).Scan(&n); err != nil || n != waiting {
		t.Errorf("got %d rows, %v, when the first was answered; want all %d", n, err, waiting)
	}
	wg.Wait()
}

// A caller that gave up while it waited wrote nothing, and whoever stands behind it is served.
func TestWriter_CallerThatGaveUpIsPassedOver(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(t.Context(), `CREATE TABLE scratch (id TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	w := db.(*sqliteDB).write
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	err = db.InTx(t.Context(), func(context.Context) error {
		wg.Go(func() {
			if _, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ('gone')`); err == nil {
				t.Error("whoever gave up was told of success")
			}
		})
		wg.Go(func() {
			if err := db.InTx(ctx, func(context.Context) error { t.Error("a transaction that nobody waits for ran"); return nil }); err == nil {
				t.Error("whoever gave up was told of success")
			}
		})
		for len(w.jobs) < 2 {
			runtime.Gosched()
		}
		cancel()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ('served')`); err != nil {
		t.Error(err)
	}
	var n int64
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM scratch`).Scan(&n); err != nil || n != 1 {
		t.Errorf("got %d rows, %v, want the one of whoever stayed", n, err)
	}
}
