package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"idp/internal/idp"
)

// ErrRetry says that the database gave up a transaction that may succeed if it is run again (serialisation failure, deadlock,
// busy file).
var ErrRetry = errors.New("transaction must be run again")

// Row is the answer to QueryRow. Scan returns idp.ErrNotFound if there is no row.
type Row interface {
	Scan(dest ...any) error
}

// Rows is the answer to Query; the caller closes it. Err is to be asked after the last Next.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Querier runs statements. Inside InTx the context carries the transaction, and every statement given that context joins it.
// Destinations of Scan: *string, *[]byte, *int64, *int, *bool, *time.Time, **time.Time (nil for NULL).
type Querier interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// QueryRow runs a short statement that finds its rows by key, when its answer is scanned. Statements that wait at the same time may go to the
	// database and be committed together: each still decides by itself and as if it were alone, and Scan returns after the commit.
	QueryRow(ctx context.Context, sql string, args ...any) Row
}

// retry marks err as ErrRetry, and as unavailable for whoever does not run it again.
func retry(err error) error { return fmt.Errorf("%w: %w: %w", ErrRetry, idp.ErrUnavailable, err) }

// checkText refuses bytes that PostgreSQL does not take as text, on both engines alike: they are an outsider's, and no row
// has them.
func checkText(args []any) error {
	for i, a := range args {
		if s, ok := a.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			return &idp.Error{Kind: idp.Invalid, Code: "invalid_text", Message: fmt.Sprintf("Value %d is not text: it holds a zero byte or is not UTF-8.", i+1)}
		}
	}
	return nil
}

// Engine is a database. Two implementations: OpenPostgres, OpenSQLite. Safe for concurrent use. Errors are idp.ErrConflict for
// a taken key, idp.ErrNotFound for a row that refers to one that is gone, idp.ErrUnavailable if the database does not answer,
// an *idp.Error of kind Invalid for text that is none, ErrRetry as said there.
type Engine interface {
	Querier
	// InTx runs fn in a transaction, commits if it returns nil and rolls back otherwise. A nested call joins. fn may be
	// run again after ErrRetry, so it must not change anything but the database. A panic rolls back and goes on.
	InTx(ctx context.Context, fn func(ctx context.Context) error) error
	// Listen calls heard whenever some replica announced a topic, until ctx ends. It may miss announcements while the
	// connection is away; the caller polls beside it. SQLite has nothing to listen to and returns at once.
	Listen(ctx context.Context, heard func(topic string))
	// Announce tells listeners, once the transaction commits. SQLite does nothing.
	Announce(ctx context.Context, topic string) error
	Ping(ctx context.Context) error
	// Pool says how many connections are in use and idle, and how many there can be.
	Pool() (used, idle, most int)
	Name() string
	Close() error
}

type counterKey struct{}

// Counter counts round trips to the database made with a context. A transaction's BEGIN and COMMIT count one each on both
// engines, so that a test's figure does not depend on the engine.
type Counter struct{ n atomic.Int64 }

// Trips returns the count so far.
func (c *Counter) Trips() int64 { return c.n.Load() }

// WithCounter returns a context whose round trips are counted.
func WithCounter(ctx context.Context) (context.Context, *Counter) {
	c := new(Counter)
	return context.WithValue(ctx, counterKey{}, c), c
}

func count(ctx context.Context) {
	if c, ok := ctx.Value(counterKey{}).(*Counter); ok {
		c.n.Add(1)
	}
}

// failedRow is a Row whose statement could not be run.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

const txAttempts = 5
