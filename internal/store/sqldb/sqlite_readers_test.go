package sqldb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"idp/internal/idp"
)

// With every connection in use a reader waits until one is given back, or gives up with its context.
func TestReaders_WaitForAConnection(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db"), Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	held, err := db.Query(t.Context(), `SELECT 1`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		var n int64
		gaveUp <- db.QueryRow(ctx, `SELECT 2`).Scan(&n)
	}()
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("a reader whose context ended: %v, want that it gives up", err)
	}
	served := make(chan error)
	go func() {
		var n int64
		served <- db.QueryRow(t.Context(), `SELECT 3`).Scan(&n)
	}()
	held.Close()
	held.Close() // a second time harms nobody
	if err := <-served; err != nil {
		t.Error(err)
	}
	if used, idle, most := db.Pool(); used != 0 || idle != 1 || most != 1 {
		t.Errorf("in use %d, idle %d, at most %d; want 0, 1, 1", used, idle, most)
	}
}

// Rows that are still read when the database is closed stay readable; who comes later hears that it is closed.
func TestReaders_CloseLetsOpenRowsEnd(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(t.Context(), `SELECT 1 UNION ALL SELECT 2`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 2 {
		t.Errorf("got %d rows and %v, want both", n, err)
	}
	rows.Close()
	var one int64
	if err := db.QueryRow(t.Context(), `SELECT 1`).Scan(&one); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("after the end: %v, want idp.ErrUnavailable", err)
	}
}
