package secret

import (
	"container/list"
	"context"
	"sync"
	"time"

	"idp/internal/idp"
)

// queue admits hashes: at most so many lanes and so many bytes at once, in the order of arrival, with a bounded number of
// waiters who wait a bounded time. Without it a storm of sign-ins takes all memory and every core.
type queue struct {
	maxLanes   int
	maxMemory  int64
	maxWaiting int
	maxWait    time.Duration
	spare      *spareProcessor

	mu      sync.Mutex
	lanes   int   // in use
	memory  int64 // in use
	waiting list.List
}

// share is what one hash takes.
type share struct {
	lanes  int
	memory int64
}

type waiter struct {
	share
	ready chan struct{} // closed when the share has been given
}

// acquire waits for a share; every success is followed by one release of the returned share, which may be smaller than
// asked for: what exceeds the whole runs alone rather than never.
func (q *queue) acquire(ctx context.Context, want share) (share, error) {
	want.lanes, want.memory = min(want.lanes, q.maxLanes), min(want.memory, q.maxMemory)
	if err := ctx.Err(); err != nil {
		return share{}, err
	}
	q.mu.Lock()
	// Whoever comes while others wait stands behind them, even if his share would fit: else large ones would never get in.
	if q.waiting.Len() == 0 && q.fits(want) {
		q.take(want)
		q.mu.Unlock()
		return want, nil
	}
	if q.waiting.Len() >= q.maxWaiting {
		q.mu.Unlock()
		return share{}, errBusy()
	}
	w := &waiter{share: want, ready: make(chan struct{})}
	place := q.waiting.PushBack(w)
	q.mu.Unlock()

	timer := time.NewTimer(q.maxWait)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
		return want, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errBusy()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-w.ready: // given in the same moment: give it back
		q.put(want)
	default:
		q.waiting.Remove(place)
	}
	q.admit() // those behind may fit where this one did not
	return share{}, err
}

func (q *queue) release(s share) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(s)
	q.admit()
}

func (q *queue) fits(s share) bool {
	return q.lanes+s.lanes <= q.maxLanes && q.memory+s.memory <= q.maxMemory
}

func (q *queue) take(s share) { q.lanes, q.memory = q.lanes+s.lanes, q.memory+s.memory }

func (q *queue) put(s share) { q.lanes, q.memory = q.lanes-s.lanes, q.memory-s.memory }

// admit gives shares from the head of the line as far as they fit.
func (q *queue) admit() {
	for e := q.waiting.Front(); e != nil; e = q.waiting.Front() {
		w := e.Value.(*waiter)
		if !q.fits(w.share) {
			return
		}
		q.take(w.share)
		q.waiting.Remove(e)
		close(w.ready)
	}
}

const retryAfterBusy = 5 * time.Second

func errBusy() error {
	return &idp.Error{
		Kind: idp.Unavailable, Code: "busy", RetryAfter: retryAfterBusy,
		Message: "Too many people are signing in at this moment. Wait a few seconds and try again.",
	}
}

// load says how many lanes are in use and how many callers wait.
func (q *queue) load() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes, q.waiting.Len()
}
