package sqldb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"idp/internal/idp"
)

// SQLiteConfig says where the file is.
type SQLiteConfig struct {
	Path    string
	Readers int // connections that read, 4 if 0; one more writes
}

// sqliteDB reads through a pool and writes through one goroutine (sqlite_writer.go), since SQLite has one writer anyway:
// waiting in our queue is fair and shares commits, waiting on the file's lock is neither.
type sqliteDB struct {
	read  *readers
	write *writer
}

type sqliteTx struct{}

// OpenSQLite opens, and creates if need be, a database file in WAL mode.
func OpenSQLite(ctx context.Context, c SQLiteConfig) (Engine, error) {
	if c.Readers <= 0 {
		c.Readers = 4
	}
	// Syncs that leave out the file's times: as durable, and half the work. Where the system has none the driver says so and syncs as before.
	_, _ = sqlite.Fdatasync(true)
	// FULL: an answered commit survives a power cut; the writer's grouping pays for it.
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)", "case_sensitive_like(1)"}}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: c.Path}).EscapedPath(), RawQuery: q.Encode()}).String()
	file, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	beside, err := sqlite.NewConnector(dsn + "&_pragma=query_only(1)") // a write that looks like a read fails instead of waiting for a lock
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	conn, err := openConn(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	return &sqliteDB{read: newReaders(beside, c.Readers), write: startWriter(file, conn)}, nil
}

// reads reports whether the statement only reads and may run beside the writer.
func reads(sql string) bool {
	s := strings.TrimLeft(sql, " \t\n")
	return len(s) >= 6 && strings.EqualFold(s[:6], "SELECT") || len(s) >= 4 && strings.EqualFold(s[:4], "WITH")
}

func (d *sqliteDB) Exec(ctx context.Context, sql string, args ...any) (n int64, err error) {
	count(ctx)
	if err := checkText(args); err != nil {
		return 0, err
	}
	err = d.onWriter(ctx, func(t *txn) error {
		n, err = t.exec(sql, args)
		return err
	})
	return n, err
}

func (d *sqliteDB) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	count(ctx)
	if err := checkText(args); err != nil {
		return nil, err
	}
	if _, inTx := ctx.Value(sqliteTx{}).(*txn); reads(sql) && !inTx {
		return d.read.query(ctx, sql, args)
	}
	var rows *bufferedRows
	err := d.onWriter(ctx, func(t *txn) (err error) {
		rows, err = t.query(sql, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (d *sqliteDB) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := d.Query(ctx, sql, args...)
	if err != nil {
		return failedRow{err}
	}
	return firstRow{rows}
}

// InTx runs fn in one transaction with its neighbours, but undone alone if it fails.
func (d *sqliteDB) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	if _, ok := ctx.Value(sqliteTx{}).(*txn); ok {
		return fn(ctx)
	}
	count(ctx)
	count(ctx)
	return d.write.transact(ctx, func(t *txn) error {
		return fn(context.WithValue(ctx, sqliteTx{}, t))
	})
}

func (d *sqliteDB) onWriter(ctx context.Context, stmt func(t *txn) error) error {
	if t, ok := ctx.Value(sqliteTx{}).(*txn); ok {
		return stmt(t)
	}
	return d.write.do(ctx, stmt)
}

func (d *sqliteDB) Listen(context.Context, func(string))   {}
func (d *sqliteDB) Announce(context.Context, string) error { return nil }

// Ping asks for a row, so that a file that is gone or broken is noticed.
func (d *sqliteDB) Ping(ctx context.Context) error {
	rows, err := d.read.query(ctx, `SELECT 1`, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	return rows.Err()
}

// Pool counts the connections that read; the one that writes is always in use.
func (d *sqliteDB) Pool() (used, idle, most int) { return d.read.counts() }

func (d *sqliteDB) Name() string { return "sqlite" }

func (d *sqliteDB) Close() error {
	return errors.Join(d.write.close(), d.read.close())
}

func sqliteError(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
			return retry(err)
		case sqlitelib.SQLITE_CONSTRAINT:
			if c := se.Code(); c == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || c == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY {
				return fmt.Errorf("%w: %w", idp.ErrConflict, err)
			}
			if se.Code() == sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY {
				return fmt.Errorf("%w: the row that this one belongs to: %w", idp.ErrNotFound, err)
			}
		case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY:
			return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
		}
	}
	return err
}

// undoes reports whether SQLite may have rolled back the whole transaction and not the statement alone: the disk is full or fails, or memory is short.
func undoes(err error) bool {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return false
	}
	switch se.Code() & 0xff {
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_NOMEM:
		return true
	}
	return false
}
