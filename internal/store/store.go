package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"idp/internal/store/migrations"
	"idp/internal/store/sqldb"
)

// Store is the database in terms of idp's nouns.
type Store struct {
	db     sqldb.Engine
	claims claimsCache
}

// New returns a store over an open database. Close the database, not the store.
func New(db sqldb.Engine) *Store { return &Store{db: db} }

// Engine returns the database underneath, for health checks and migrations.
func (s *Store) Engine() sqldb.Engine { return s.db }

// InTx runs fn in one transaction; store calls made with fn's context join it. fn may run twice, so it changes nothing else.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.db.InTx(ctx, fn)
}

// Migrate brings the schema up to date and returns the names of the migrations it applied.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	fsys, err := migrations.For(s.db.Name())
	if err != nil {
		return nil, err
	}
	return sqldb.Migrate(ctx, s.db, fsys)
}

// UpToDate reports whether the database has every migration of this binary and no other; it is what a start and each command ask first.
func (s *Store) UpToDate(ctx context.Context) bool {
	fsys, err := migrations.For(s.db.Name())
	return err == nil && sqldb.UpToDate(ctx, s.db, fsys)
}

// MigrationStatus lists the migrations this binary knows and when each was applied, beside a [*sqldb.NewerError] if the database has others too.
func (s *Store) MigrationStatus(ctx context.Context) ([]sqldb.MigrationState, error) {
	fsys, err := migrations.For(s.db.Name())
	if err != nil {
		return nil, err
	}
	return sqldb.MigrationStatus(ctx, s.db, fsys)
}

// Page says which part of a list is wanted: at most Limit rows (50 if 0, 500 at most) whose id comes after After.
type Page struct {
	After string
	Limit int
}

func (p Page) limit() int {
	switch {
	case p.Limit <= 0:
		return 50
	case p.Limit > 500:
		return 500
	}
	return p.Limit
}

// changedOne turns "no row" into err: the row was not there, or another writer was first.
func changedOne(n int64, err, none error) error {
	if err != nil {
		return err
	}
	if n == 0 {
		return none
	}
	return nil
}

// words joins a list of words that hold no space for a column; split undoes it.
func words(list []string) string { return strings.Join(list, " ") }

func split(column string) []string { return strings.Fields(column) }

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(b), nil
}

func fromJSON(column string, v any) error {
	if err := json.Unmarshal([]byte(column), v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// collect reads all rows with scan and closes them.
func collect[T any](rows sqldb.Rows, err error, scan func(sqldb.Row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
