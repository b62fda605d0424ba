package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// MigrationState is one migration and when it was applied; zero if it is pending.
type MigrationState struct {
	Version   int64
	Name      string
	AppliedAt time.Time
}

// NewerError says that a newer program has brought the database up: nobody knows whether this one reads it rightly.
type NewerError struct{ Database, Program int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database is that of a newer idp: it has migration %d, and this program knows those up to %d", e.Database, e.Program)
}

// newer returns a [*NewerError] if the database has migrations that this program does not.
func newer(ctx context.Context, p *goose.Provider) error {
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources() // in their order
	if known := sources[len(sources)-1].Version; has > known {
		return &NewerError{Database: has, Program: known}
	}
	return nil
}

// Migrate applies every pending migration, each in a transaction of its own. On PostgreSQL an advisory lock makes replicas
// that start together wait for one another. It returns the names of what it applied. A newer database is left alone: [*NewerError].
func Migrate(ctx context.Context, e Engine, fsys fs.FS) ([]string, error) {
	var applied []string
	err := withGoose(e, fsys, func(p *goose.Provider) error {
		if err := newer(ctx, p); err != nil {
			return err
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, r.Source.Path)
		}
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// MigrationStatus lists all migrations that this binary knows, beside a [*NewerError] if the database has others too.
func MigrationStatus(ctx context.Context, e Engine, fsys fs.FS) ([]MigrationState, error) {
	var states []MigrationState
	err := withGoose(e, fsys, func(p *goose.Provider) error {
		list, err := p.Status(ctx)
		for _, s := range list {
			states = append(states, MigrationState{Version: s.Source.Version, Name: s.Source.Path, AppliedAt: s.AppliedAt})
		}
		if err != nil {
			return err
		}
		return newer(ctx, p)
	})
	if err != nil {
		return states, fmt.Errorf("migration status: %w", err)
	}
	return states, nil
}

// UpToDate reports whether all migrations, and no others, are known to be applied, at the cost of one read where goose takes a connection of its own and a lock. No
// means that goose is to look: there may be no table of versions yet.
func UpToDate(ctx context.Context, e Engine, fsys fs.FS) bool {
	files, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return false
	}
	pending := map[int64]bool{0: true} // goose's own beginning
	for _, f := range files {
		version, err := goose.NumericComponent(f.Name())
		if err != nil {
			return false
		}
		pending[version] = true
	}
	rows, err := e.Query(ctx, `SELECT version_id FROM goose_db_version WHERE is_applied`)
	if err != nil {
		return false
	}
	defer rows.Close()
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return false
		}
		if _, known := pending[version]; !known {
			return false
		}
		pending[version] = false
	}
	for _, waits := range pending {
		if waits {
			return false
		}
	}
	return rows.Err() == nil
}

func withGoose(e Engine, fsys fs.FS, fn func(*goose.Provider) error) error {
	switch d := e.(type) {
	case *postgres:
		db := stdlib.OpenDB(*d.conf)
		defer func() { _ = db.Close() }()
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		return run(goose.DialectPostgres, db, fsys, fn, goose.WithSessionLocker(locker))
	case *sqliteDB:
		// The writer lends its connection: nothing else runs meanwhile, and an in-process lock is all SQLite needs.
		return d.write.lend(func(db *sql.DB) error { return run(goose.DialectSQLite3, db, fsys, fn) })
	}
	return fmt.Errorf("no migrations for engine %s", e.Name())
}

func run(dialect goose.Dialect, db *sql.DB, fsys fs.FS, fn func(*goose.Provider) error, opts ...goose.ProviderOption) error {
	p, err := goose.NewProvider(dialect, db, fsys, append(opts, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return err
	}
	return fn(p)
}
