package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"idp/internal/idp"
	"idp/internal/panics"
)

// groupMost bounds how many callers share one commit.
const groupMost = 128

// writer owns the one connection that writes. Callers queue; whoever waits while a commit is on its way shares the next one
// (group commit), so that 64 callers cost a few syncs of the disk, not 64.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // of the one connection; only the writer's goroutine looks
	jobs  chan *job
	lends chan func()
	quit  chan struct{}
	ended chan struct{}

	closing sync.Once
	closed  error
}

// job is what one caller wants of the writer. A statement runs on the writer's goroutine. A transaction runs on the caller's own,
// while the writer waits for it: so a panic in it, or runtime.Goexit, is the caller's and not everybody's.
type job struct {
	ctx  context.Context
	stmt func(ctx context.Context, t *txn) error // one statement; nil for a transaction
	turn chan *txn                               // for a transaction: the caller may begin
	over chan error                              // for a transaction: the caller has ended
	err  error
	done chan struct{}
}

// txn is the open transaction, valid for the job whose turn it is.
type txn struct{ w *writer }

func startWriter(db *sql.DB, conn *sql.Conn) *writer {
	w := &writer{
		db: db, conn: conn, stmts: map[string]*sql.Stmt{},
		jobs: make(chan *job, groupMost), lends: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w
}

// do runs one statement in a transaction that it may share with others.
func (w *writer) do(ctx context.Context, stmt func(ctx context.Context, t *txn) error) error {
	j := &job{ctx: ctx, stmt: stmt, done: make(chan struct{})}
	if err := w.queue(j); err != nil {
		return err
	}
	return w.answer(j)
}

// transact runs fn, which is undone alone if it fails, panics or does not return.
func (w *writer) transact(ctx context.Context, fn func(t *txn) error) error {
	j := &job{ctx: ctx, turn: make(chan *txn), over: make(chan error, 1), done: make(chan struct{})}
	if err := w.queue(j); err != nil {
		return err
	}
	select {
	case t := <-j.turn:
		j.take(t, fn)
	case <-j.done:
	case <-w.ended:
	}
	return w.answer(j)
}

// take runs fn in the caller's turn and tells the writer how it ended, however it ends.
func (j *job) take(t *txn, fn func(t *txn) error) {
	err := errAbandoned
	defer func() {
		j.over <- err
		<-j.done
	}()
	err = fn(t)
}

// errAbandoned is the outcome of a transaction whose function panicked; nobody sees it but the rollback.
var errAbandoned = errors.New("transaction abandoned")

func (w *writer) queue(j *job) error {
	select {
	case w.jobs <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	case <-w.quit:
		return errClosed()
	}
}

// answer waits for the commit, also when the caller's context has ended: only the writer knows whether the job was committed.
func (w *writer) answer(j *job) error {
	select {
	case <-j.done:
		return j.err
	case <-w.ended:
		select {
		case <-j.done:
			return j.err
		default:
			return errClosed()
		}
	}
}

func errClosed() error { return fmt.Errorf("%w: the database is closed", idp.ErrUnavailable) }

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case j := <-w.jobs:
			w.group(j)
		case borrow := <-w.lends:
			borrow()
		case <-w.quit:
			return
		}
	}
}

// group runs first and whoever waits behind it in one transaction, and answers all of them after the commit.
func (w *writer) group(first *job) {
	bg := context.WithoutCancel(first.ctx)
	group := []*job{first}
	err := w.begin(bg)
	if err == nil {
		first.err = w.runJob(first)
	}
	for err == nil && len(group) < groupMost {
		select {
		case j := <-w.jobs:
			group = append(group, j)
			j.err = w.runJob(j)
			continue
		default:
		}
		break
	}
	if err == nil {
		if err = w.control(bg, "COMMIT"); err != nil {
			_ = w.control(bg, "ROLLBACK")
		}
	}
	for _, j := range group {
		if err != nil && j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}

// begin takes the file's write lock, waiting for other processes (the CLI) to give it up.
func (w *writer) begin(ctx context.Context) error {
	var err error
	for range 6 { // each attempt waits busy_timeout
		if err = w.control(ctx, "BEGIN IMMEDIATE"); !errors.Is(err, ErrRetry) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%w: another process keeps the database file locked: %w", idp.ErrUnavailable, err)
}

func (w *writer) runJob(j *job) error {
	if err := j.ctx.Err(); err != nil {
		return err // nobody waits for it any more, and nothing was written
	}
	ctx := context.WithoutCancel(j.ctx) // an interrupt would hurt the neighbours
	if j.stmt != nil {
		return panics.Call(func() error { return j.stmt(ctx, &txn{w}) }) // the writer is everybody's
	}
	if err := w.control(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	j.turn <- &txn{w} // the caller waits for it, whatever became of its context
	err := <-j.over
	if err != nil {
		err = errors.Join(err, w.control(ctx, "ROLLBACK TO job"))
	}
	return errors.Join(err, w.control(ctx, "RELEASE job"))
}

func (w *writer) control(ctx context.Context, text string) error {
	_, err := (&txn{w}).exec(ctx, text, nil)
	return err
}

func (w *writer) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := w.stmts[text]; ok {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, sqliteError(err)
	}
	w.stmts[text] = st
	return st, nil
}

func (t *txn) exec(ctx context.Context, text string, args []any) (int64, error) {
	st, err := t.w.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, sqliteArgs(args)...)
	if err != nil {
		return 0, sqliteError(err)
	}
	return res.RowsAffected()
}

// query reads all rows at once: the connection is shared with the next job.
func (t *txn) query(ctx context.Context, text string, args []any) (*bufferedRows, error) {
	st, err := t.w.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, sqliteArgs(args)...)
	if err != nil {
		return nil, sqliteError(err)
	}
	defer func() { _ = rows.Close() }()
	b := &bufferedRows{}
	live := &sqlRows{rows: rows}
	for live.Next() {
		v, err := live.values()
		if err != nil {
			return nil, err
		}
		b.rows = append(b.rows, v)
	}
	return b, live.Err()
}

// lend gives fn the database handle while no job runs. It is for migrations: prepared statements are dropped before, and the
// connection is taken back after.
func (w *writer) lend(fn func(db *sql.DB) error) error {
	var ferr error
	done := make(chan struct{})
	select {
	case w.lends <- func() {
		defer close(done)
		for text, st := range w.stmts {
			_ = st.Close()
			delete(w.stmts, text)
		}
		_ = w.conn.Close()
		ferr = fn(w.db)
		var err error
		if w.conn, err = w.db.Conn(context.Background()); err != nil {
			ferr = errors.Join(ferr, err)
		}
	}:
	case <-w.quit:
		return errClosed()
	}
	<-done
	return ferr
}

// close ends the writer when the commit that is under way is done. Whoever still waits hears that the database is closed.
func (w *writer) close() error {
	w.closing.Do(func() {
		close(w.quit)
		<-w.ended
		for _, st := range w.stmts {
			_ = st.Close()
		}
		w.closed = errors.Join(w.conn.Close(), w.db.Close())
	})
	return w.closed
}
