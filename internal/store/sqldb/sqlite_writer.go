package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"idp/internal/idp"
	"idp/internal/panics"
)

// groupMost bounds how many callers share one commit.
const groupMost = 128

// companyPatience is how long a commit waits for as many as shared the last one: about what a commit takes on a good disk.
const companyPatience = time.Millisecond

// writer owns the one connection that writes. Callers queue; whoever waits while a commit is on its way shares the next one
// (group commit), so that 64 callers cost a few syncs of the disk, not 64.
type writer struct {
	file  driver.Connector
	jobs  chan *job
	lends chan func()
	quit  chan struct{}
	ended chan struct{}

	// Only the writer's goroutine looks at these.
	conn     *sqliteConn
	undone   error         // what undid the open transaction as a whole; nil while it stands
	company  int           // how many shared the last commit
	patience time.Duration // how long to wait for as many
	late     *time.Timer

	closing sync.Once
	closed  error
}

// job is what one caller wants of the writer. A statement runs on the writer's goroutine. A transaction runs on the caller's own,
// while the writer waits for it: so a panic in it, or runtime.Goexit, is the caller's and not everybody's.
type job struct {
	ctx  context.Context
	stmt func(t *txn) error // one statement; nil for a transaction
	turn chan *txn          // for a transaction: the caller may begin
	over chan error         // for a transaction: the caller has ended
	err  error
	done chan struct{}
}

// txn is the open transaction, valid for the job whose turn it is.
type txn struct{ w *writer }

func startWriter(file driver.Connector, conn *sqliteConn) *writer {
	w := &writer{
		file: file, conn: conn, late: time.NewTimer(0), patience: companyPatience,
		jobs: make(chan *job, groupMost), lends: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w
}

// do runs one statement in a transaction that it may share with others.
func (w *writer) do(ctx context.Context, stmt func(t *txn) error) error {
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
	group := []*job{first}
	err := w.begin()
	if err == nil {
		first.err = w.runJob(first)
	}
	if w.company > 1 {
		w.late.Reset(w.patience)
	}
	for err == nil && w.undone == nil && len(group) < groupMost {
		j := w.another(len(group))
		if j == nil {
			break
		}
		group = append(group, j)
		j.err = w.runJob(j)
	}
	w.company = len(group)
	switch {
	case err != nil:
	case w.undone != nil: // who would come now would write outside of any transaction, and what came before is gone
		err = fmt.Errorf("the transaction was undone: %w", w.undone)
		_ = w.control("ROLLBACK")
	default:
		if err = w.control("COMMIT"); err != nil {
			_ = w.control("ROLLBACK")
		}
	}
	w.undone = nil
	for _, j := range group {
		if err != nil && j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}

// another returns who is to share the commit with the so many that are there already, or nil. Where more came together the last time the writer waits for
// them a little: whoever misses this commit waits longer for the next.
func (w *writer) another(have int) *job {
	select {
	case j := <-w.jobs:
		return j
	default:
	}
	if have >= w.company {
		return nil
	}
	select {
	case j := <-w.jobs:
		return j
	case <-w.late.C:
		return nil
	}
}

// begin takes the file's write lock, waiting for other processes (the CLI) to give it up.
func (w *writer) begin() (err error) {
	if w.conn == nil { // it could not be opened again after a migration
		if w.conn, err = openConn(context.Background(), w.file); err != nil {
			return err
		}
	}
	for range 6 { // each attempt waits busy_timeout
		if err = w.control("BEGIN IMMEDIATE"); !errors.Is(err, ErrRetry) {
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
	if j.stmt != nil {
		return panics.Call(func() error { return j.stmt(&txn{w}) }) // the writer is everybody's
	}
	if err := w.control("SAVEPOINT job"); err != nil {
		return err
	}
	j.turn <- &txn{w} // the caller waits for it, whatever became of its context
	err := <-j.over
	if err != nil {
		err = errors.Join(err, w.control("ROLLBACK TO job"))
	}
	return errors.Join(err, w.control("RELEASE job"))
}

func (w *writer) control(text string) error {
	_, err := w.conn.exec(text, nil)
	return err
}

func (t *txn) exec(text string, args []any) (int64, error) {
	if t.w.undone != nil {
		return 0, t.w.undone
	}
	n, err := t.w.conn.exec(text, args)
	return n, t.mark(err)
}

// mark returns err, and remembers it where SQLite may have rolled back more than the statement: that is everybody's business.
func (t *txn) mark(err error) error {
	if undoes(err) {
		t.w.undone = err
	}
	return err
}

// query reads all rows at once: the connection is shared with the next job.
func (t *txn) query(text string, args []any) (*bufferedRows, error) {
	if t.w.undone != nil {
		return nil, t.w.undone
	}
	live, err := t.w.conn.query(text, args, func() {})
	if err != nil {
		return nil, t.mark(err)
	}
	defer live.Close()
	b := &bufferedRows{}
	for live.Next() {
		b.rows = append(b.rows, slices.Clone(live.values))
	}
	return b, t.mark(live.Err())
}

// lend gives fn the database handle while no job runs. It is for migrations: prepared statements are dropped before, and the
// connection is taken back after.
func (w *writer) lend(fn func(db *sql.DB) error) error {
	var ferr error
	done := make(chan struct{})
	select {
	case w.lends <- func() {
		defer close(done)
		_ = w.conn.close()
		db := sql.OpenDB(w.file)
		db.SetMaxOpenConns(1)
		ferr = errors.Join(fn(db), db.Close())
		var err error
		if w.conn, err = openConn(context.Background(), w.file); err != nil {
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
		w.closed = w.conn.close()
	})
	return w.closed
}
