package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// giveUp is how many errors in a row end a worker: a broken server must not be asked for ever.
const giveUp = 20

// worker is one closed loop: a connection, a user, and what the user's application keeps.
type worker struct {
	*conn
	number  int
	site    *site
	request []byte // reused

	user  string // sub of the user, once known
	token string // an access token for UserInfo and introspection
	chain string // the newest refresh token

	scope  string  // of the chain
	signer *signer // for assertions and proofs
	last   string  // the newest token, to see that the next one differs
	fixed  []byte  // a request that is the same each time; nil at the beginning of a cell
	count  int

	latencies []time.Duration
	errs      int
	firstErr  error
}

// operation is one unit of work; nil means that every answer was right.
type operation func(w *worker) error

// load is what a group of workers does at the same time.
type load struct {
	workers []*worker
	do      operation
}

// result is what a load did in the measured time.
type result struct {
	Operations int           `json:"operations"`
	Rate       float64       `json:"per_second"`
	P50        time.Duration `json:"p50_ns"`
	P99        time.Duration `json:"p99_ns"`
	Errors     int           `json:"errors"`
	FirstError string        `json:"first_error,omitempty"`
}

// drive runs the loads side by side: first for warm, then for span, which between calls begin and end. Operations that end
// within span count, so that slow ones which a border cuts are counted once on average.
func drive(ctx context.Context, loads []load, warm, span time.Duration, begin, end func() error) ([]result, error) {
	for _, l := range loads {
		for _, w := range l.workers {
			w.latencies, w.errs, w.firstErr, w.fixed = w.latencies[:0], 0, nil, nil
		}
	}
	from := time.Now().Add(warm)
	until := from.Add(span)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	for _, l := range loads {
		for _, w := range l.workers {
			running.Go(func() { w.loop(ctx, l.do, from, until) })
		}
	}
	err := errors.Join(sleepUntil(ctx, from), begin(), sleepUntil(ctx, until), end())
	if err != nil {
		cancel()
	}
	running.Wait()
	if err != nil {
		return nil, err
	}
	var results []result
	for _, l := range loads {
		results = append(results, collect(l.workers, span))
	}
	return results, nil
}

func (w *worker) loop(ctx context.Context, do operation, from, until time.Time) {
	inARow := 0
	for began := time.Now(); began.Before(until) && ctx.Err() == nil; {
		err := do(w)
		ended := time.Now()
		counts := !ended.Before(from) && ended.Before(until)
		switch {
		case err != nil:
			inARow++
			if counts {
				w.errs++
			}
			if w.firstErr == nil {
				w.firstErr = err
			}
			if inARow == giveUp {
				return
			}
		case counts:
			w.latencies = append(w.latencies, ended.Sub(began))
			inARow = 0
		default:
			inARow = 0
		}
		began = ended
	}
}

func collect(workers []*worker, span time.Duration) result {
	var all []time.Duration
	var r result
	for _, w := range workers {
		all = append(all, w.latencies...)
		r.Errors += w.errs
		if w.firstErr != nil && r.FirstError == "" {
			r.FirstError = fmt.Sprintf("worker %d: %v", w.number, w.firstErr)
		}
	}
	slices.Sort(all)
	r.Operations, r.Rate = len(all), float64(len(all))/span.Seconds()
	if len(all) > 0 {
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r
}

func sleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
