package secret

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/panics"
)

func testQueue(lanes int, memory int64) *queue {
	return &queue{maxLanes: lanes, maxMemory: memory, maxWaiting: 3, maxWait: 10 * time.Second}
}

// taken returns what is in use, under the lock.
func taken(q *queue) share {
	q.mu.Lock()
	defer q.mu.Unlock()
	return share{q.lanes, q.memory}
}

func mustAcquire(t *testing.T, q *queue, want share) share {
	t.Helper()
	got, err := q.acquire(t.Context(), want)
	if err != nil {
		t.Fatalf("acquire: %v", err)
	}
	return got
}

func TestQueue_BoundsLanesAndMemory(t *testing.T) { // FB-1
	t.Parallel()
	for name, c := range map[string]struct {
		q    *queue
		want share
	}{
		"lanes":  {testQueue(2, 1000), share{1, 1}},
		"memory": {testQueue(100, 1000), share{1, 500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first := mustAcquire(t, c.q, c.want)
				mustAcquire(t, c.q, c.want)
				got := make(chan struct{})
				go func() {
					mustAcquire(t, c.q, c.want)
					close(got)
				}()
				synctest.Wait()
				select {
				case <-got:
					t.Fatal("a third hash was admitted beside two")
				default:
				}
				c.q.release(first)
				<-got
			})
		})
	}
}

func TestQueue_FirstWhoComeIsFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(2, 1000)
		held := mustAcquire(t, q, share{1, 1})
		order := make(chan string, 3)
		for _, c := range []struct {
			name string
			want share
		}{{"large", share{2, 1000}}, {"small", share{1, 1}}, {"large again", share{2, 1000}}} {
			go func() {
				got := mustAcquire(t, q, c.want)
				order <- c.name
				time.Sleep(time.Second)
				q.release(got)
			}()
			synctest.Wait()
		}
		// The small one would fit at once, but if small ones overtook, the large one might wait for ever.
		select {
		case name := <-order:
			t.Fatalf("%s overtook", name)
		default:
		}
		q.release(held)
		for _, want := range []string{"large", "small", "large again"} {
			if got := <-order; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		time.Sleep(2 * time.Second)
		if got := taken(q); got != (share{}) {
			t.Errorf("%+v is still taken", got)
		}
	})
}

func TestQueue_SendsAwayWhoComesToAFullLineOrWaitsTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1, 1000)
		held := mustAcquire(t, q, share{1, 1})
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- second(q.acquire(t.Context(), share{1, 1})) }()
		}
		synctest.Wait()
		before := time.Now()
		assertBusy(t, second(q.acquire(t.Context(), share{1, 1})))
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the fourth waited %s, want none", waited)
		}
		for range 3 {
			assertBusy(t, <-errs)
		}
		if waited := time.Since(before); waited != 10*time.Second {
			t.Errorf("the others waited %s, want 10s", waited)
		}
		q.release(held)
		if got := taken(q); got != (share{}) || q.waiting.Len() != 0 {
			t.Errorf("left: %+v, %d waiting", got, q.waiting.Len())
		}
	})
}

func assertBusy(t *testing.T, err error) {
	t.Helper()
	var e *idp.Error
	if !errors.As(err, &e) || e.Kind != idp.Unavailable || e.RetryAfter <= 0 {
		t.Errorf("got %v, want Unavailable with a time to try again", err)
	}
}

func TestQueue_LeavingMakesRoomForThoseBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(2, 1000)
		held := mustAcquire(t, q, share{1, 1})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- second(q.acquire(ctx, share{2, 1})) }()
		synctest.Wait()
		behind := make(chan share, 1)
		go func() { behind <- mustAcquire(t, q, share{1, 1}) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
		q.release(<-behind)
		q.release(held)
		if got := taken(q); got != (share{}) {
			t.Errorf("%+v is still taken", got)
		}
	})
}

func TestQueue_WhatExceedsTheWholeRunsAlone(t *testing.T) {
	t.Parallel()
	q := testQueue(2, 1000)
	got := mustAcquire(t, q, share{lanes: 16, memory: 5000})
	if got != (share{2, 1000}) {
		t.Errorf("got %+v, want the whole", got)
	}
}

func TestRun_CancelledWorkKeepsItsShareUntilItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		finish := make(chan struct{})
		left := make(chan error, 1)
		go func() {
			left <- second(run(ctx, q, share{1, 1}, func() (bool, error) { <-finish; return true, nil }))
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
		if taken(q).lanes != 1 {
			t.Error("the share was given back while the hash was running")
		}
		close(finish)
		synctest.Wait()
		if taken(q).lanes != 0 {
			t.Error("the share was not given back")
		}
	})
}

func TestRun_APanicIsNoCrash(t *testing.T) {
	t.Parallel()
	q := testQueue(1, 1000)
	_, err := run(t.Context(), q, share{1, 1}, func() (bool, error) { panic("hostile hash") })
	if caught := (*panics.Error)(nil); !errors.As(err, &caught) || caught.Value != "hostile hash" {
		t.Errorf("got %v, want the panic", err)
	}
	if _, err := run(t.Context(), q, share{1, 1}, func() (bool, error) { return true, nil }); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestHasher_FullQueueIsUnavailable(t *testing.T) { // FB-1
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newTestHasher(t, HasherConfig{Params: Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}, Concurrency: 1, MaxWait: time.Second})
		held := mustAcquire(t, h.queue, share{1, 1})
		assertBusy(t, second(h.Hash(t.Context(), vectorPassword)))
		assertBusy(t, second(h.Verify(t.Context(), SchemeOwn, "rubbish", vectorPassword)))
		h.queue.release(held)
	})
}
