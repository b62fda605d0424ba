package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"idp/internal/panics"
)

const (
	perClient = 8   // attempts at one client at once
	atOnce    = 256 // notices that this process holds, tried or waiting to be
	batch     = 32
	rounds    = 64 // claims in one run

	// patience is how long a notice waits for those before it at the same client. It is much shorter than the lease of any claim.
	patience = 3 * time.Second
)

// Result is what came of a notice.
type Result int

// The results.
const (
	Again     Result = iota // it is due again later
	Untried                 // no attempt was made
	Delivered               // the client was told
	GivenUp                 // nobody tries again
)

// Box is the notices of one kind. Safe for concurrent use: runs may overlap.
type Box[T any] struct {
	// Claim takes notices that are due, and none to clients that are busy. They belong to this process until they are tried.
	Claim func(ctx context.Context, limit int, busy []string, now time.Time) ([]T, error)
	// Client names who is to hear it.
	Client func(T) string
	// Try makes one attempt and writes down what came of it, unless that is Untried.
	Try func(ctx context.Context, notice T) (Result, error)
	// Back gives back a notice that was claimed and not tried.
	Back func(ctx context.Context, notice T) error

	mu    sync.Mutex
	lanes map[string]*lane // by client
	all   int              // notices that are held
}

// lane is the notices to one client that are held.
type lane struct {
	held   int
	places chan struct{} // of attempts
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

// room returns how many more may be held, and to whom none.
func (b *Box[T]) room() (free int, busy []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for client, l := range b.lanes {
		if l.held >= perClient {
			busy = append(busy, client)
		}
	}
	return max(atOnce-b.all, 0), busy
}

func (b *Box[T]) start(ctx context.Context, list []T, done *tally) {
	for _, notice := range list {
		client := b.Client(notice)
		at := b.enter(client)
		done.running.Go(func() {
			defer b.leave(client, at)
			var r Result
			// What a client registered must not end the whole service.
			err := panics.Call(func() (err error) {
				r, err = b.attempt(ctx, at, notice)
				return err
			})
			done.add(r, err)
		})
	}
}

// attempt tries a notice when there is a place, and gives it back where there is none for too long: a claim may bring many notices to one client.
func (b *Box[T]) attempt(ctx context.Context, at *lane, notice T) (Result, error) {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case at.places <- struct{}{}:
	case <-wait.Done():
		return Untried, b.giveBack(ctx, notice)
	}
	r, err := func() (Result, error) {
		defer func() { <-at.places }()
		return b.Try(ctx, notice)
	}()
	if err == nil && r == Untried {
		err = b.giveBack(ctx, notice)
	}
	return r, err
}

// giveBack has time of its own: that of the run may be over.
func (b *Box[T]) giveBack(ctx context.Context, notice T) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return b.Back(ctx, notice)
}

func (b *Box[T]) enter(client string) *lane {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.lanes[client]
	if at == nil {
		if b.lanes == nil {
			b.lanes = map[string]*lane{}
		}
		at = &lane{places: make(chan struct{}, perClient)}
		b.lanes[client] = at
	}
	b.all++
	at.held++
	return at
}

func (b *Box[T]) leave(client string, at *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if at.held--; at.held == 0 {
		delete(b.lanes, client)
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
