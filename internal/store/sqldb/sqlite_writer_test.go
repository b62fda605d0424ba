package sqldb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
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

// A full disk undoes the whole transaction at once. Who shares it hears that it failed, and then nothing of theirs is there, nor what
// was asked for after that moment.
func TestWriter_AFullDiskLeavesNothingOfWhatFailed(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, sql := range []string{`CREATE TABLE scratch (id TEXT PRIMARY KEY)`, `PRAGMA max_page_count = 3`} { // no page more than there are
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	insert := func(ctx context.Context, id string) error {
		_, err := db.Exec(ctx, `INSERT INTO scratch (id) VALUES ($1)`, id)
		return err
	}
	ids := []string{"before", strings.Repeat("large", 10_000), "after", "last"}
	outcomes := make([]error, len(ids))
	w := db.(*sqliteDB).write
	var wg sync.WaitGroup
	outcomes[0] = db.InTx(t.Context(), func(ctx context.Context) error {
		for i := 1; i < len(ids); i++ {
			wg.Go(func() { outcomes[i] = insert(t.Context(), ids[i]) })
			for len(w.jobs) < i {
				runtime.Gosched()
			}
		}
		return insert(ctx, ids[0])
	})
	wg.Wait()
	for i, id := range ids {
		var n int64
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM scratch WHERE id = $1`, id).Scan(&n); err != nil || (n == 1) != (outcomes[i] == nil) {
			t.Errorf("%.10s: told %v, and there are %d rows of it, %v", id, outcomes[i], n, err)
		}
	}
	if !errors.Is(outcomes[1], idp.ErrUnavailable) {
		t.Errorf("the large one: got %v, want idp.ErrUnavailable", outcomes[1])
	}
	if err := insert(t.Context(), "next"); err != nil {
		t.Errorf("the next one, for which there is room: %v", err)
	}
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
