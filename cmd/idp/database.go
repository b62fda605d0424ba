package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"idp/internal/config"
	"idp/internal/store"
	"idp/internal/store/sqldb"
)

// openDatabase opens the database that is configured. Only whoever may create one passes create: a command that is run in the
// wrong folder must not leave an empty database there.
func openDatabase(ctx context.Context, c *config.Config, create bool) (sqldb.Engine, error) {
	if !c.SQLite() {
		return sqldb.OpenPostgres(ctx, sqldb.PostgresConfig{URL: c.Database.URL.Reveal(), MaxConnections: int32(min(c.Database.MaxConnections, math.MaxInt32))})
	}
	path := sqlitePath(c)
	if create {
		if err := makeDataDir(c); err != nil {
			return nil, err
		}
		// SQLite would let the whole machine read it; its journals take the mode of the file.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, mendPermission(err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("create the database: %w", err)
		}
	} else if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil { // SQLite's own words would not say why
		_ = f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, mendPermission(err)
	} else {
		return nil, &mended{
			fmt.Errorf("there is no database at %s", path),
			"run this in the folder where the server runs, name its folder with --data-dir, or make a new one with `idp migrate up`",
		}
	}
	db, err := sqldb.OpenSQLite(ctx, sqldb.SQLiteConfig{Path: path})
	if err != nil && strings.Contains(err.Error(), "file is not a database") { // SQLite's words for SQLITE_NOTADB
		return nil, &mended{fmt.Errorf("%s is no SQLite database", path), "put the file back from its backup, or name another folder with --data-dir"}
	}
	return db, err
}

// mendPermission says what to do about a file of another user.
func mendPermission(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &mended{err, "run this as the user that the server runs as, or name another folder with --data-dir"}
}

// sqlitePath returns where the SQLite file is.
func sqlitePath(c *config.Config) string {
	return strings.TrimPrefix(c.Database.URL.Reveal(), "sqlite:")
}

// makeDataDir creates the folders of the data, for nobody else to look into.
func makeDataDir(c *config.Config) error {
	folders := []string{c.DataDir}
	if c.SQLite() {
		folders = append(folders, filepath.Dir(sqlitePath(c)))
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("make the data folder: %w: name another one with --data-dir", err)
		}
	}
	return nil
}

// answers returns why the database does not, and what to look at.
func answers(ctx context.Context, db sqldb.Engine) error {
	if err := db.Ping(ctx); err != nil {
		return &mended{fmt.Errorf("the database does not answer: %s", sqldb.Reason(err)), "check database.url, and that the database runs and lets this machine in"}
	}
	return nil
}

// orNewer returns err with its mend, if it is that the database is a newer program's.
func orNewer(err error) error {
	if newer := (*sqldb.NewerError)(nil); errors.As(err, &newer) {
		return &mended{newer, "run that version, or restore the backup from before the upgrade"}
	}
	return err
}

// pending lists the migrations that this binary has and the database has not.
func pending(ctx context.Context, s *store.Store) ([]string, error) {
	states, err := s.MigrationStatus(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range states {
		if m.AppliedAt.IsZero() {
			names = append(names, m.Name)
		}
	}
	return names, nil
}
