package outbound

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const at = "https://app.example/keys"

// host is what a Look of a test finds.
type host struct {
	value string
	err   error
	takes time.Duration
	looks int
}

func (h *host) look(ctx context.Context) (Found[string], error) {
	h.looks++
	value, err := h.value, h.err
	if h.takes > 0 {
		select {
		case <-time.After(h.takes):
		case <-ctx.Done():
			return Found[string]{Fresh: 10 * time.Second}, fmt.Errorf("%w: %w", ErrAway, ctx.Err())
		}
	}
	if err != nil {
		return Found[string]{Fresh: 10 * time.Second}, err
	}
	return Found[string]{Value: value, Size: len(value), Fresh: 10 * time.Minute}, nil
}

func remember() (*Memory[string], *host) {
	return NewMemory[string](Bounds{Bytes: 1 << 20, Stale: 30 * time.Minute, Floor: 10 * time.Second, Patience: 9 * time.Second}), &host{value: "first"}
}

func TestMemory_AValueIsReadAgainBeforeItIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		for _, step := range []struct {
			after time.Duration
			want  string
			looks int
		}{
			{0, "first", 1},
			{4 * time.Minute, "first", 1},
			{2 * time.Minute, "first", 2}, // half of its time is over: read behind this one
			{time.Second, "second", 2},
			{11 * time.Minute, "second", 3}, // too old: waited for
		} {
			time.Sleep(step.after)
			got, err := m.Get(t.Context(), at, h.look)
			synctest.Wait()
			if got != step.want || err != nil || h.looks != step.looks {
				t.Errorf("after %v: got %q, %v and %d looks, want %+v", step.after, got, err, h.looks, step)
			}
			h.value = "second"
		}
	})
}

func TestMemory_WhatIsTakenOutCountsNoLongerThanItIsFresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		_, _ = m.Get(t.Context(), at, h.look)
		h.err = errors.New("status 404")
		time.Sleep(10 * time.Minute)
		if got, err := m.Get(t.Context(), at, h.look); got != "" || err == nil {
			t.Errorf("got %q, %v, want nothing: the host answers, and what was there is gone", got, err)
		}
	})
}

func TestMemory_WhileAHostIsAwayAnOldValueCountsForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		_, _ = m.Get(t.Context(), at, h.look)
		h.err, h.takes = ErrAway, 5*time.Second
		time.Sleep(20 * time.Minute)
		for i, waited := range []time.Duration{5 * time.Second, 0, 0} {
			began := time.Now()
			if got, err := m.Get(t.Context(), at, h.look); got != "first" || err != nil || time.Since(began) != waited {
				t.Errorf("try %d: got %q, %v after %v, want the old value after %v", i, got, err, time.Since(began), waited)
			}
			time.Sleep(11 * time.Second)
		}
		if h.looks != 3 {
			t.Errorf("got %d looks, want the host asked again now and then", h.looks)
		}
		time.Sleep(10 * time.Minute)
		if got, err := m.Get(t.Context(), at, h.look); got != "" || !errors.Is(err, ErrAway) {
			t.Errorf("after its time: got %q, %v, want the fault", got, err)
		}
		h.err, h.takes = nil, 0
		time.Sleep(10 * time.Second)
		if got, err := m.Get(t.Context(), at, h.look); got != "first" || err != nil {
			t.Errorf("back again: got %q, %v", got, err)
		}
	})
}

func TestMemory_StaleEndsToTheMomentThoughItIsAskedForAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		_, _ = m.Get(t.Context(), at, h.look)
		began := time.Now()
		h.err = ErrAway
		var last time.Duration
		for range 4000 {
			if _, err := m.Get(t.Context(), at, h.look); err == nil {
				last = time.Since(began)
			}
			time.Sleep(time.Second)
		}
		if last >= 30*time.Minute || last < 29*time.Minute {
			t.Errorf("got the value for %v, want it until half an hour after it was read", last)
		}
	})
}

func TestMemory_FailuresAreRememberedForAMoment(t *testing.T) { // a hostile client has us call a host again and again
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		h.err = errors.New("status 404")
		for range 100 {
			if _, err := m.Get(t.Context(), at, h.look); err == nil {
				t.Error("got no fault")
			}
			if _, err := m.Newer(t.Context(), at, m.Looks(at), h.look); err == nil {
				t.Error("got no fault")
			}
		}
		if h.looks != 1 {
			t.Errorf("got %d looks, want 1", h.looks)
		}
		time.Sleep(10 * time.Second)
		h.err = nil
		if got, err := m.Get(t.Context(), at, h.look); got != "first" || err != nil {
			t.Errorf("afterwards: got %q, %v", got, err)
		}
	})
}

func TestMemory_ManyWaitForOneLookAndMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		h.takes = 2 * time.Second
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := m.Get(first, at, h.look); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away: got %v", err)
			}
		})
		for range 50 {
			all.Go(func() {
				if got, err := m.Get(t.Context(), at, h.look); got != "first" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		if h.looks != 1 {
			t.Errorf("got %d looks, want 1", h.looks)
		}
		h.takes = time.Hour
		time.Sleep(time.Hour)
		began := time.Now()
		if _, err := m.Get(t.Context(), at, h.look); !errors.Is(err, ErrAway) || time.Since(began) != 9*time.Second {
			t.Errorf("got %v after %v, want patience to end", err, time.Since(began))
		}
	})
}

func TestMemory_NewerLooksAgainButNotAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := remember()
		newer := func(first int, want string, looks int) {
			t.Helper()
			if got, _ := m.Newer(t.Context(), at, first, h.look); got != want || h.looks != looks {
				t.Errorf("got %q and %d looks, want %q and %d", got, h.looks, want, looks)
			}
		}
		_, _ = m.Get(t.Context(), at, h.look)
		h.value = "second"
		newer(0, "first", 1)  // read for the one who asks
		newer(1, "second", 2) // changed right after it was read
		h.value = "third"
		newer(2, "second", 2) // asked for all the time
		time.Sleep(10 * time.Second)
		newer(2, "third", 3)
	})
}

func TestMemory_IsBoundedInBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory[string](Bounds{Bytes: 1 << 20, Stale: time.Hour, Patience: time.Second})
		big := strings.Repeat("k", 64<<10)
		for i := range 1000 {
			_, _ = m.Get(t.Context(), fmt.Sprint(i), (&host{value: big}).look)
			_, _ = m.Get(t.Context(), "in use", (&host{value: "x"}).look)
			_, _ = m.Get(t.Context(), fmt.Sprint("bad", i), (&host{err: errors.New("404")}).look)
		}
		synctest.Wait()
		sum := 0
		for e := m.order.Front(); e != nil; e = e.Next() {
			sum += e.Value.(*kept[string]).counted
		}
		if m.bytes > 1<<20 || m.bytes != sum || len(m.kept) != m.order.Len() || len(m.kept) < 10 {
			t.Errorf("got %d bytes (%d when counted) in %d entries, want most of a MiB and no more", m.bytes, sum, len(m.kept))
		}
		used := &host{value: "again"}
		if got, _ := m.Get(t.Context(), "in use", used.look); got != "x" || used.looks != 0 {
			t.Errorf("what is asked for all the time: got %q, want it still kept", got)
		}
		for i := range 100 {
			_, _ = m.Get(t.Context(), fmt.Sprint("unsaid", i), func(context.Context) (Found[string], error) { return Found[string]{}, errors.New("not now") })
		}
		for address := range m.kept {
			if strings.HasPrefix(address, "unsaid") {
				t.Fatalf("%s is kept though it says nothing", address)
			}
		}
		_, _ = m.Get(t.Context(), "huge", (&host{value: strings.Repeat("k", 2<<20)}).look)
		if m.bytes > 1<<20 {
			t.Errorf("got %d bytes after one that is larger than all", m.bytes)
		}
	})
}

// What is at an address is an outsider's: a look that panics over it is a failed look, and ends neither the process nor the waiting of others.
func TestMemory_PanicIsAFailedLook(t *testing.T) {
	t.Parallel()
	m, h := remember()
	if _, err := m.Get(t.Context(), at, func(context.Context) (Found[string], error) { panic("hostile") }); err == nil {
		t.Error("no error")
	}
	if got, err := m.Get(t.Context(), at, h.look); got != "first" || err != nil {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}
