package handlers

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadline_EndsWhoeverWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		d := withDeadline(context.WithValue(t.Context(), key{}, "kept"), time.Now().Add(time.Minute))
		defer d.end()
		before := runtime.NumGoroutine()
		child, cancel := context.WithCancel(d)
		defer cancel()
		if got := runtime.NumGoroutine(); got != before {
			t.Errorf("%d goroutines more for a context of its own", got-before)
		}
		if at, ok := child.Deadline(); !ok || !at.Equal(time.Now().Add(time.Minute)) || child.Value(key{}) != "kept" || d.Value(key{}) != "kept" {
			t.Errorf("deadline %v %v, value %v", at, ok, child.Value(key{}))
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if child.Err() != nil || d.Err() != nil {
			t.Errorf("ended early: %v %v", child.Err(), d.Err())
		}
		<-child.Done()
		if !errors.Is(child.Err(), context.DeadlineExceeded) || !errors.Is(d.Err(), context.DeadlineExceeded) {
			t.Errorf("got %v and %v", child.Err(), d.Err())
		}
	})
}

func TestDeadline_EndsWithTheConnectionAndWithTheRequest(t *testing.T) {
	t.Parallel()
	parent, hangUp := context.WithCancel(t.Context())
	d := withDeadline(parent, time.Now().Add(time.Hour))
	hangUp()
	<-d.Done()
	if !errors.Is(d.Err(), context.Canceled) {
		t.Errorf("hung up: %v", d.Err())
	}
	d = withDeadline(t.Context(), time.Now().Add(time.Hour))
	waits := d.Done()
	d.end()
	<-waits
	if sooner := withDeadline(d, time.Now().Add(2*time.Hour)); sooner.at.Equal(mustDeadline(t, sooner)) {
		t.Error("a context inside outlives the one outside")
	}
}

func mustDeadline(t *testing.T, ctx context.Context) time.Time {
	t.Helper()
	at, ok := ctx.Deadline()
	if !ok {
		t.Fatal("no deadline")
	}
	return at
}
