package session

import (
	"strconv"
	"testing"
	"time"
)

// However many sessions are used, what waits to be written and what is remembered stay bounded.
func TestTouches_AreBounded(t *testing.T) {
	t.Parallel()
	q := newTouches(24 * time.Hour)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for i := range 3 * maxTouched {
		q.add(strconv.Itoa(i), time.Time{}, now)
		if i%maxPending == maxPending-1 {
			if got := len(q.take(now)); got != maxPending {
				t.Fatalf("got %d taken, want %d", got, maxPending)
			}
		}
	}
	for i := range 2 * maxPending {
		q.add("more"+strconv.Itoa(i), time.Time{}, now)
	}
	if got := len(q.pending); got != maxPending {
		t.Errorf("got %d pending, want %d", got, maxPending)
	}
	if got := len(q.touched); got != maxTouched {
		t.Errorf("got %d remembered, want %d", got, maxTouched)
	}
	q.take(now.Add(touchEvery))
	if got := len(q.touched); got != 0 {
		t.Errorf("five minutes later: got %d remembered, want none", got)
	}
}
