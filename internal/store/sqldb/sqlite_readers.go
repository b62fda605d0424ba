package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"idp/internal/idp"
)

// readers are the connections that read, beside the writer and one another. Whoever finds all in use waits for one. The one that was used last is used
// next, as its pages are in the processor's cache; so no more are opened than are needed at once.
type readers struct {
	file   driver.Connector
	places chan struct{} // one for each connection in use

	mu     sync.Mutex
	free   []*sqliteConn
	closed bool
}

func newReaders(file driver.Connector, most int) *readers {
	return &readers{file: file, places: make(chan struct{}, most)}
}

func (r *readers) take(ctx context.Context) (*sqliteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.places <- struct{}{}:
	default:
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c, err := r.lastUsed()
	if err == nil && c == nil {
		c, err = openConn(ctx, r.file)
	}
	if err != nil {
		<-r.places
		return nil, err
	}
	return c, nil
}

// lastUsed returns nil if every open connection is in use.
func (r *readers) lastUsed() (*sqliteConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("%w: the database is closed", idp.ErrUnavailable)
	}
	n := len(r.free)
	if n == 0 {
		return nil, nil
	}
	c := r.free[n-1]
	r.free = r.free[:n-1]
	return c, nil
}

func (r *readers) give(c *sqliteConn) {
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.free = append(r.free, c)
	}
	r.mu.Unlock()
	if closed {
		_ = c.close()
	}
	<-r.places
}

// query holds a connection until the rows are closed.
func (r *readers) query(ctx context.Context, text string, args []any) (Rows, error) {
	c, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.query(text, args, func() { r.give(c) })
	if err != nil {
		r.give(c)
		return nil, err
	}
	return rows, nil
}

func (r *readers) counts() (used, idle, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.places), len(r.free), cap(r.places)
}

// close ends the connections that are free now, and the others when they are given back.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, c := range r.free {
		errs = append(errs, c.close())
	}
	r.free = nil
	return errors.Join(errs...)
}
