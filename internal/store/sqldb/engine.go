package sqldb

import (
	"context"
	"errors"
	"sync/atomic"
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
	QueryRow(ctx context.Context, sql string, args ...any) Row
}

// Engine is a database. Two implementations: OpenPostgres, OpenSQLite. Safe for concurrent use. Errors are idp.ErrConflict for
// a taken key, idp.ErrUnavailable if the database does not answer, ErrRetry as said there.
type Engine interface {
	Querier
	// InTx runs fn in a transaction, commits if it returns nil and rolls back otherwise. A nested call joins. fn may be
	// run again after ErrRetry, so it must not change anything but the database.
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
