package sqldb

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"idp/internal/idp"
)

const (
	// convoyLeaders is how many convoys are under way before statements wait for company.
	convoyLeaders = 2
	// convoyMost bounds a convoy.
	convoyMost = 64
	// convoyPatience is how long a statement waits before it goes by itself: some convoy met a lock, or a slow disk.
	convoyPatience = 5 * time.Millisecond
	// convoyLockWait is how long a convoy waits for a row that somebody holds, in the words of PostgreSQL. Then it is undone, and who wants the row waits alone.
	// Two convoys that want the same row are done far sooner, and a deadlock is looked for later.
	convoyLockWait = "250ms"
	// convoyTime bounds a convoy whose statements name no deadline.
	convoyTime = 30 * time.Second
)

// convoy lets short statements that wait at the same time travel together: sent at once, run in one implicit transaction, committed by one
// sync of the disk. It is for PostgreSQL what the writer's group commit is for SQLite (ADR 11). Whoever finds fewer than convoyLeaders on their way goes at
// once, so that a lone request waits for nobody; whoever does not is taken along by the next one that leaves.
type convoy struct {
	pool  *pgxpool.Pool
	most  int  // leaders, whatever the others do
	locks bool // its statements lock rows

	mu      sync.Mutex
	leaders int
	waiting []*ride
}

// ride is one statement and where its row goes.
type ride struct {
	ctx   context.Context
	sql   string
	args  []any
	dest  []any
	err   error
	turn  chan turn
	alone bool // the convoy was undone because of another's statement: to be run by itself
	panic any  // of a destination; its owner's, and nobody else's
}

// turn tells somebody who waits what has become of the statement.
type turn int

const (
	turnDone turn = iota
	turnLead      // take whoever waits along
)

func newConvoy(pool *pgxpool.Pool, locks bool) *convoy {
	return &convoy{pool: pool, locks: locks, most: int(pool.Config().MaxConns)}
}

// do runs the statement of r, with others or alone, and returns after its commit. A caller whose context ends while its statement is under way waits
// for the outcome all the same: only the convoy knows it.
func (c *convoy) do(r *ride) error {
	c.mu.Lock()
	if c.leaders < min(convoyLeaders, c.most) {
		c.leaders++
		c.mu.Unlock()
		c.lead(r)
		return c.outcome(r)
	}
	r.turn = make(chan turn, 1)
	c.waiting = append(c.waiting, r)
	c.mu.Unlock()

	patience := time.NewTimer(convoyPatience)
	defer patience.Stop()
	given := r.ctx.Done()
	for {
		select {
		case t := <-r.turn:
			if t == turnLead {
				c.lead(r)
			}
			return c.outcome(r)
		case <-given:
			if c.leave(r, false) {
				return pgError(context.Cause(r.ctx))
			}
			given = nil
		case <-patience.C:
			if c.leave(r, true) {
				c.lead(r)
				return c.outcome(r)
			}
		}
	}
}

// outcome is what r has come to, after a run by itself where the convoy was undone.
func (c *convoy) outcome(r *ride) error {
	if r.alone {
		return c.single(r)
	}
	if r.panic != nil {
		panic(r.panic)
	}
	return r.err
}

// leave takes r from those who wait, to lead a further convoy if it may; false if it was taken along already, or may not.
func (c *convoy) leave(r *ride, toLead bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, r)
	if i < 0 || toLead && c.leaders >= c.most {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	if toLead {
		c.leaders++
	}
	return true
}

// lead runs r with whoever waits, tells them, and hands on to the next.
func (c *convoy) lead(r *ride) {
	runtime.Gosched() // whoever is about to ask can come along; where nobody is ready to run, this is nothing
	c.mu.Lock()
	n := min(len(c.waiting), convoyMost-1)
	rides := append(make([]*ride, 0, n+1), r)
	rides = append(rides, c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	c.mu.Unlock()
	defer c.handOn(rides)
	if n == 0 {
		r.err = c.single(r)
		return
	}
	c.together(rides)
}

// handOn is run also when the leader's own destination panicked.
func (c *convoy) handOn(rides []*ride) {
	for _, r := range rides[1:] {
		r.turn <- turnDone
	}
	c.mu.Lock()
	if len(c.waiting) == 0 {
		c.leaders--
		c.mu.Unlock()
		return
	}
	next := c.waiting[0]
	c.waiting = slices.Delete(c.waiting, 0, 1)
	c.mu.Unlock()
	next.turn <- turnLead
}

// single runs one statement in a transaction of its own.
func (c *convoy) single(r *ride) error {
	rows, err := c.pool.Query(r.ctx, r.sql, r.args...)
	if err != nil {
		return pgError(err)
	}
	return pgRow{pgRows{rows}}.Scan(r.dest...)
}

// together runs the statements as one batch. They go in the same order everywhere, so that two convoys do not wait for each other's rows. If the
// database refuses one of them, or one cannot be sent, none has happened and each is run alone.
func (c *convoy) together(rides []*ride) {
	order := slices.Clone(rides)
	slices.SortStableFunc(order, compareRides)
	ctx, cancel := whileAnyoneWaits(rides)
	defer cancel()
	var batch pgx.Batch
	if c.locks {
		batch.Queue(`SELECT set_config('lock_timeout', $1, true)`, convoyLockWait) // until the end of this transaction
	}
	for _, r := range order {
		batch.Queue(r.sql, r.args...)
	}
	answers := c.pool.SendBatch(ctx, &batch)
	var fault error
	if c.locks {
		_, fault = answers.Exec()
	}
	for _, r := range order {
		if fault != nil {
			break
		}
		rows, _ := answers.Query() // its error is that of the rows
		r.take(rows)
		rows.Close()
		fault = rows.Err()
	}
	// Nothing has happened before this: the answers come before the commit.
	if err := answers.Close(); fault == nil {
		fault = err
	}
	if fault == nil {
		return
	}
	refused := (*pgconn.PgError)(nil)
	for _, r := range rides {
		if r.alone = errors.As(fault, &refused) || unsent(fault); !r.alone {
			r.err = pgError(fault)
		}
	}
}

// unsent reports whether a batch came to nothing over a value of one statement, before any was sent. pgx has no name for that error.
func unsent(fault error) bool { return strings.HasPrefix(fault.Error(), "error preprocessing batch") }

// take reads the row of r. It goes around rows.Scan, after whose error pgx reads no more answers of the batch: what does not fit one destination, or
// panics there, is no fault of the others, whose statements are committed.
func (r *ride) take(rows pgx.Rows) {
	defer func() { r.panic = recover() }()
	if !rows.Next() {
		r.err = idp.ErrNotFound
		return
	}
	r.err = pgx.ScanRow(rows.Conn().TypeMap(), rows.FieldDescriptions(), rows.RawValues(), r.dest...)
}

// whileAnyoneWaits is a context that ends when the last of the callers stops waiting.
func whileAnyoneWaits(rides []*ride) (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(rides[0].ctx)
	var last time.Time
	for _, r := range rides {
		d, ok := r.ctx.Deadline()
		if !ok {
			return context.WithTimeout(ctx, convoyTime)
		}
		if d.After(last) {
			last = d
		}
	}
	return context.WithDeadline(ctx, last)
}

// compareRides orders by statement, then by its first value, which is the key of the row.
func compareRides(a, b *ride) int {
	return cmp.Or(cmp.Compare(a.sql, b.sql), cmp.Compare(a.key(), b.key()))
}

func (r *ride) key() string {
	if len(r.args) > 0 {
		switch k := r.args[0].(type) {
		case string:
			return k
		case []byte:
			return string(k)
		}
	}
	return ""
}
