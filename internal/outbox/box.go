package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	perClient = 8   // while as many are under way to one client, no more are claimed
	atOnce    = 256 // to all of them, from this process
	batch     = 32
	rounds    = 64 // claims in one run
)

// Result is what came of a notice.
type Result int

// The results.
const (
	Again     Result = iota // it is due again later, perhaps without having been tried
	Delivered               // the client was told
	GivenUp                 // nobody tries again
)

// Box is the notices of one kind. Safe for concurrent use: runs may overlap.
type Box[T any] struct {
	// Claim takes notices that are due, and none to clients that are busy. They belong to this process until they are tried.
	Claim func(ctx context.Context, limit int, busy []string, now time.Time) ([]T, error)
	// Client names who is to hear it.
	Client func(T) string
	// Try makes one attempt and writes down what came of it.
	Try func(ctx context.Context, notice T) (Result, error)

	mu    sync.Mutex
	under map[string]int // how many are under way, by client
	all   int
}

// Send sends what is due at now, and returns how many clients were told, and how many notices are given up.
func (b *Box[T]) Send(ctx context.Context, now time.Time) (delivered, failed int, err error) {
	var done tally
	for range rounds {
		free, busy := b.room()
		if free == 0 || ctx.Err() != nil {
			break
		}
		list, err := b.Claim(ctx, min(free, batch), busy, now)
		if err != nil {
			done.fault(err)
		}
		if len(list) == 0 {
			break // nobody who is not busy waits
		}
		b.start(ctx, list, &done)
	}
	return done.wait()
}

// Each tries notices that the caller has claimed.
func (b *Box[T]) Each(ctx context.Context, list []T) error {
	var done tally
	b.start(ctx, list, &done)
	_, _, err := done.wait()
	return err
}

// room returns how many more may be under way, and to whom none.
func (b *Box[T]) room() (free int, busy []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for client, n := range b.under {
		if n >= perClient {
			busy = append(busy, client)
		}
	}
	return max(atOnce-b.all, 0), busy
}

func (b *Box[T]) start(ctx context.Context, list []T, done *tally) {
	for _, notice := range list {
		client := b.Client(notice)
		b.count(client, 1)
		done.running.Go(func() {
			defer b.count(client, -1)
			r, err := b.guarded(ctx, notice)
			done.add(r, err)
		})
	}
}

// guarded turns a panic into an error: what a client registered must not end the whole service.
func (b *Box[T]) guarded(ctx context.Context, notice T) (r Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			r, err = Again, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return b.Try(ctx, notice)
}

func (b *Box[T]) count(client string, by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under == nil {
		b.under = map[string]int{}
	}
	b.all += by
	if b.under[client] += by; b.under[client] == 0 {
		delete(b.under, client)
	}
}

// tally is what came of a run.
type tally struct {
	running           sync.WaitGroup
	mu                sync.Mutex
	delivered, failed int
	faults            []error
}

func (t *tally) add(r Result, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.faults = append(t.faults, err)
	case r == Delivered:
		t.delivered++
	case r == GivenUp:
		t.failed++
	}
}

func (t *tally) fault(err error) { t.add(Again, err) }

func (t *tally) wait() (delivered, failed int, err error) {
	t.running.Wait()
	return t.delivered, t.failed, errors.Join(t.faults...)
}
