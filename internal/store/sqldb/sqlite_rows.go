package sqldb

import (
	"database/sql"
	"fmt"
	"time"

	"idp/internal/idp"
)

// sqlRows reads rows from a reader's connection.
type sqlRows struct {
	rows *sql.Rows
	err  error
}

func (r *sqlRows) Next() bool { return r.rows.Next() }

func (r *sqlRows) Err() error {
	if r.err != nil {
		return r.err
	}
	return sqliteError(r.rows.Err())
}

func (r *sqlRows) Close() { _ = r.rows.Close() }

func (r *sqlRows) values() ([]any, error) {
	cols, err := r.rows.Columns()
	if err != nil {
		return nil, sqliteError(err)
	}
	v := make([]any, len(cols))
	p := make([]any, len(cols))
	for i := range v {
		p[i] = &v[i]
	}
	if err := r.rows.Scan(p...); err != nil {
		return nil, sqliteError(err)
	}
	return v, nil
}

func (r *sqlRows) Scan(dest ...any) error {
	v, err := r.values()
	if err != nil {
		return err
	}
	return assign(dest, v)
}

// bufferedRows are rows that were read on the writer's goroutine.
type bufferedRows struct {
	rows [][]any
	at   int
}

func (b *bufferedRows) Next() bool             { b.at++; return b.at <= len(b.rows) }
func (b *bufferedRows) Scan(dest ...any) error { return assign(dest, b.rows[b.at-1]) }
func (b *bufferedRows) Err() error             { return nil }
func (b *bufferedRows) Close()                 {}

type firstRow struct{ rows Rows }

func (r firstRow) Scan(dest ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return idp.ErrNotFound
	}
	return r.rows.Scan(dest...)
}

// assign copies SQLite's values (int64, float64, string, []byte, bool, nil) to where they are wanted, as pgx would.
func assign(dest, src []any) error {
	if len(dest) != len(src) {
		return fmt.Errorf("scan: %d columns into %d destinations", len(src), len(dest))
	}
	for i := range dest {
		if err := assignOne(dest[i], src[i]); err != nil {
			return fmt.Errorf("scan column %d: %w", i+1, err)
		}
	}
	return nil
}

func assignOne(dest, src any) error {
	switch d := dest.(type) {
	case *string:
		switch s := src.(type) {
		case string:
			*d = s
			return nil
		case []byte:
			*d = string(s)
			return nil
		}
	case *[]byte:
		switch s := src.(type) {
		case nil:
			*d = nil
			return nil
		case []byte:
			*d = append([]byte(nil), s...)
			return nil
		case string:
			*d = []byte(s)
			return nil
		}
	case *int64:
		if s, ok := src.(int64); ok {
			*d = s
			return nil
		}
	case *int:
		if s, ok := src.(int64); ok {
			*d = int(s)
			return nil
		}
	case *bool:
		switch s := src.(type) {
		case bool:
			*d = s
			return nil
		case int64:
			*d = s != 0
			return nil
		}
	case *time.Time:
		if s, ok := src.(int64); ok {
			*d = time.UnixMicro(s).UTC()
			return nil
		}
	case **time.Time:
		switch s := src.(type) {
		case nil:
			*d = nil
			return nil
		case int64:
			t := time.UnixMicro(s).UTC()
			*d = &t
			return nil
		}
	}
	return fmt.Errorf("cannot put %T into %T", src, dest)
}
