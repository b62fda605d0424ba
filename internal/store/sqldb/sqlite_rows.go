package sqldb

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"idp/internal/idp"
)

// liveRows are read from a connection that is held until Close.
type liveRows struct {
	rows   driver.Rows
	values []driver.Value
	err    error
	done   func()
}

func newLiveRows(rows driver.Rows, done func()) *liveRows {
	return &liveRows{rows: rows, values: make([]driver.Value, len(rows.Columns())), done: done}
}

func (r *liveRows) Next() bool {
	if r.err == nil {
		r.err = r.rows.Next(r.values)
	}
	return r.err == nil
}

func (r *liveRows) Scan(dest ...any) error { return assign(dest, r.values) }

func (r *liveRows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return sqliteError(r.err)
}

func (r *liveRows) Close() {
	if r.done != nil {
		_ = r.rows.Close()
		r.done()
		r.done = nil
	}
}

// bufferedRows are rows that were read on the writer's goroutine.
type bufferedRows struct {
	rows [][]driver.Value
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
func assign(dest []any, src []driver.Value) error {
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
