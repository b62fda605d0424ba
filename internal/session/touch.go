package session

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"idp/internal/panics"
)

const (
	touchEvery    = 5 * time.Minute // at most one touch per session in this time
	flushEvery    = time.Second
	flushBatch    = 64 // touches in one transaction, so that no other writer waits long
	maxPending    = 4096
	maxTouched    = 16384
	flushPatience = 10 * time.Second
)

// touches collects which sessions were used, so that a request costs no statement for it. It drops what does not fit: a
// session whose use is not noted is touched by its next request.
type touches struct {
	every time.Duration

	mu      sync.Mutex
	pending map[string]time.Time
	touched map[string]time.Time // when last, so that a busy session is not touched each second
}

func newTouches(idle time.Duration) *touches {
	return &touches{
		every:   min(touchEvery, idle/4), // a short idle limit must be moved in time
		pending: map[string]time.Time{}, touched: map[string]time.Time{},
	}
}

// add notes a use, unless there was one just before: at lastSeen, as far as the caller knows, or as noted here.
func (t *touches) add(id string, lastSeen, now time.Time) {
	if now.Sub(lastSeen) < t.every {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.touched[id]; ok && now.Sub(last) < t.every {
		return
	}
	if len(t.pending) >= maxPending {
		return
	}
	t.pending[id] = now
	if len(t.touched) < maxTouched {
		t.touched[id] = now
	}
}

// take returns what is pending, and forgets touches that are too old to hold others back.
func (t *touches) take(now time.Time) map[string]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.touched, func(_ string, at time.Time) bool { return now.Sub(at) >= t.every })
	if len(t.pending) == 0 {
		return nil // never the map itself: it goes on being written to
	}
	taken := t.pending
	t.pending = map[string]time.Time{}
	return taken
}

// Run writes noted uses to the database each second, until ctx ends; then it writes the rest and returns.
func (m *Manager) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.flush(ctx)
		case <-ctx.Done():
			m.flush(ctx)
			return
		}
	}
}

// flush writes what is pending. What the database refuses is lost, and noted again by the session's next request.
func (m *Manager) flush(ctx context.Context) {
	// The end of ctx is the reason for the last flush, not against it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushPatience)
	defer cancel()
	pending := m.touches.take(time.Now().UTC())
	// In order, so that two replicas never wait for one another.
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(pending)), flushBatch) {
		err := panics.Call(func() error { return m.touch(ctx, batch, pending) })
		if err != nil {
			m.logger.WarnContext(ctx, "session uses not written", slog.Int("sessions", len(pending)), slog.Any("error", err))
			return
		}
	}
}

func (m *Manager) touch(ctx context.Context, ids []string, used map[string]time.Time) error {
	return m.store.InTx(ctx, func(ctx context.Context) error {
		for _, id := range ids {
			if err := m.store.TouchSession(ctx, id, used[id].Add(m.idle), used[id]); err != nil {
				return err
			}
		}
		return nil
	})
}
