package sqldb

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
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

// Where several shared the last commit, the first of the next waits for as many; a caller who came alone the last time does not.
func TestWriter_WaitsForThoseWhoSharedTheLastCommit(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	w := db.(*sqliteDB).write
	w.patience = time.Hour // whoever waited for nobody would never be answered
	insert := func(id string) {
		if _, err := db.Exec(t.Context(), `INSERT INTO scratch (id) VALUES ($1)`, id); err != nil {
			t.Error(err)
		}
	}
	if _, err := db.Exec(t.Context(), `CREATE TABLE scratch (id TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	insert("alone")

	w.company = 3
	first := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { insert("first"); close(first) })
	for range 1000 {
		runtime.Gosched()
	}
	select {
	case <-first:
		t.Error("the first was answered before the others came")
	default:
	}
	wg.Go(func() { insert("second") })
	wg.Go(func() { insert("third") })
	wg.Wait()
}
