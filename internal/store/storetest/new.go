package storetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"idp/internal/store"
	"idp/internal/store/migrations"
	"idp/internal/store/sqldb"
)

// New returns a store over a fresh, migrated database that goes away with the test. The engine is the one that
// IDP_TEST_ENGINE names; SQLite without it.
func New(t testing.TB) *store.Store { return NewSized(t, 0) }

// NewSized is New with a pool of maxConnections (PostgreSQL), 0 for the default.
func NewSized(t testing.TB, maxConnections int32) *store.Store {
	t.Helper()
	db := Open(t, maxConnections)
	s := store.New(db)
	if db.Name() == "sqlite" {
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatalf("migrate: %v", err)
		}
	}
	return s
}

// Open returns the engine of a fresh database: empty on SQLite, migrated on PostgreSQL (it comes from a migrated template).
func Open(t testing.TB, maxConnections int32) sqldb.Engine {
	t.Helper()
	var db sqldb.Engine
	var err error
	switch engine := os.Getenv("IDP_TEST_ENGINE"); engine {
	case "", "sqlite":
		db, err = sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: filepath.Join(t.TempDir(), "idp.db")})
	case "postgres":
		fsys, ferr := migrations.For("postgres")
		if ferr != nil {
			t.Fatalf("read migrations: %v", ferr)
		}
		db, err = sqldb.OpenPostgres(t.Context(), sqldb.PostgresConfig{URL: postgresDSN(t, fsys, migrate), MaxConnections: maxConnections})
	default:
		t.Fatalf("IDP_TEST_ENGINE=%q: want sqlite or postgres", engine)
	}
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

func migrate(ctx context.Context, dsn string) error {
	db, err := sqldb.OpenPostgres(ctx, sqldb.PostgresConfig{URL: dsn, MaxConnections: 2})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = store.New(db).Migrate(ctx)
	return err
}
