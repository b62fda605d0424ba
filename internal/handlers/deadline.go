package handlers

import (
	"context"
	"sync/atomic"
	"time"
)

// deadline is context.WithDeadline without a timer until somebody waits: a request that asks no database and no other server, such as one for
// client_credentials, pays for none. Safe for concurrent use.
type deadline struct {
	context.Context // of the connection
	at              time.Time
	timed           atomic.Pointer[timed]
}

type timed struct {
	context.Context
	cancel context.CancelFunc
}

func withDeadline(ctx context.Context, at time.Time) *deadline {
	return &deadline{Context: ctx, at: at}
}

func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} { return d.start().Done() }

// Err looks at the clock itself where nobody waits: whoever starts to wait after the deadline is told so at once.
func (d *deadline) Err() error {
	if t := d.timed.Load(); t != nil {
		return t.Err()
	}
	if err := d.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value finds the timed context, so that contexts made of this one hang on it without a goroutine of their own.
func (d *deadline) Value(key any) any {
	if t := d.timed.Load(); t != nil {
		return t.Value(key)
	}
	return d.Context.Value(key)
}

func (d *deadline) start() context.Context {
	if t := d.timed.Load(); t != nil {
		return t
	}
	ctx, cancel := context.WithDeadline(d.Context, d.at)
	if !d.timed.CompareAndSwap(nil, &timed{ctx, cancel}) {
		cancel()
	}
	return d.timed.Load()
}

// end frees what waits, when the request is over. A clock that was never started needs no end: net/http ends the connection's context itself.
func (d *deadline) end() {
	if t := d.timed.Load(); t != nil {
		t.cancel()
	}
}
