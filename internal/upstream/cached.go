package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"idp/internal/panics"
)

const (
	freshFor   = time.Hour     // a document this young is used as it is
	usableFor  = 6 * time.Hour // an older one is used while it is being read anew
	maxBackOff = time.Minute
)

// cached is a document of an upstream, read at most once at a time however many people wait for it. While an old copy is usable nobody waits:
// it is renewed behind the request. After a failure it is left alone for 1, 2, 4 … 60 seconds. It is safe for concurrent use.
type cached[T any] struct {
	fetch  func(context.Context) (T, error)
	logger *slog.Logger
	what   string

	mu       sync.Mutex
	value    T
	readAt   time.Time // zero: never
	triedAt  time.Time
	failures int
	err      error
	inflight chan struct{} // closed when the running fetch has ended
}

// backOffError is an earlier failure, told again without asking the upstream.
type backOffError struct {
	err   error
	again time.Duration
}

// Error implements error.
func (e *backOffError) Error() string { return e.err.Error() }

// Unwrap returns the failure.
func (e *backOffError) Unwrap() error { return e.err }

// get returns the document.
func (c *cached[T]) get(ctx context.Context) (T, error) {
	c.mu.Lock()
	now := time.Now()
	age := now.Sub(c.readAt)
	switch {
	case !c.readAt.IsZero() && age < freshFor:
	case !c.readAt.IsZero() && age < usableFor:
		if c.inflight == nil && !now.Before(c.triedAt.Add(c.backOff())) {
			c.start(ctx, now)
		}
	default:
		return c.wait(ctx, now) // unlocks
	}
	defer c.mu.Unlock()
	return c.value, nil
}

// reload reads the document again if the last attempt is at least floor ago, and returns the newest there is.
func (c *cached[T]) reload(ctx context.Context, floor time.Duration) (T, error) {
	c.mu.Lock()
	now := time.Now()
	if c.inflight == nil && now.Before(c.triedAt.Add(floor)) {
		defer c.mu.Unlock()
		return c.value, c.err
	}
	return c.wait(ctx, now) // unlocks
}

// wait starts a fetch unless one runs or the back-off forbids it, and waits for its end. The caller holds the lock; wait releases it.
func (c *cached[T]) wait(ctx context.Context, now time.Time) (T, error) {
	if c.inflight == nil {
		if again := c.triedAt.Add(c.backOff()).Sub(now); c.err != nil && again > 0 {
			defer c.mu.Unlock()
			var zero T
			return zero, &backOffError{err: c.err, again: again}
		}
		c.start(ctx, now)
	}
	done := c.inflight
	c.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.err
}

// start runs the fetch apart from the request that asked for it: when that browser goes away, the others still want the answer.
func (c *cached[T]) start(ctx context.Context, now time.Time) {
	done := make(chan struct{})
	c.inflight, c.triedAt = done, now
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wholeTimeout)
		defer cancel()
		var value T
		err := panics.Call(func() (err error) {
			value, err = c.fetch(ctx)
			return err
		})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inflight, c.err = nil, err
		if err == nil {
			c.value, c.readAt, c.failures = value, time.Now(), 0
		} else {
			c.failures++
		}
		if err != nil && !c.readAt.IsZero() { // else those who wait are told, and log it
			c.logger.WarnContext(ctx, "upstream document not readable", slog.String("document", c.what), slog.Any("error", err))
		}
		close(done)
	}()
}

func (c *cached[T]) backOff() time.Duration {
	if c.failures == 0 {
		return 0
	}
	return min(time.Second<<min(c.failures-1, 10), maxBackOff)
}

// retryAfter returns how long err says to wait.
func retryAfter(err error) time.Duration {
	var b *backOffError
	if errors.As(err, &b) {
		return max(b.again.Round(time.Second), time.Second)
	}
	return retryLater
}
