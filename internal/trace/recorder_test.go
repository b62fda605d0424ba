package trace_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store/storetest"
	"idp/internal/trace"
)

// SEC-24: what an outsider sends cannot make other people's traces disappear, nor act on the terminal of who reads them.
func TestTrace_OddTextCostsNobodysTrace(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	r := trace.New(trace.Config{Store: s, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Retention: time.Hour})
	mine := r.Begin("", "authorize", time.Now())
	mine.End("invalid_request")
	hostile := r.Begin("", "token", time.Now())
	hostile.SetClient("a\x00b\xff\x1b[2J")
	hostile.Fail(idp.Check{Name: "client", Expected: "one line", Received: "first\nsecond\u009b31m\x00"})
	hostile.End("invalid_client")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx) // writes what waits, and returns

	if r.Dropped() != 0 {
		t.Errorf("got %d traces dropped, want none", r.Dropped())
	}
	if _, err := s.Trace(t.Context(), mine.ID, time.Now()); err != nil {
		t.Errorf("the trace in the same batch: got %v, want it kept", err)
	}
	got, err := s.Trace(t.Context(), hostile.ID, time.Now())
	if err != nil {
		t.Fatalf("the hostile trace: got %v, want it kept", err)
	}
	if want := "a\ufffdb\ufffd\ufffd[2J"; got.ClientID != want {
		t.Errorf("client: got %q, want %q", got.ClientID, want)
	}
	if want := "first\ufffdsecond\ufffd31m\ufffd"; got.Checks[0].Received != want {
		t.Errorf("received: got %q, want %q", got.Checks[0].Received, want)
	}
}

// SEC-24: a flood of one kind of request costs few rows and takes no room from the other kinds.
func TestTrace_AFloodIsBoundedAndTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	r := trace.New(trace.Config{Store: storetest.New(t), Logger: slog.New(slog.DiscardHandler), Retention: time.Hour})
	now := time.Now()
	end := func(outcome string, at time.Time) (kept bool) {
		before := r.Dropped()
		r.Begin("", "authorize", at).End(outcome)
		return r.Dropped() == before
	}
	flood := func(outcome string, at time.Time) (kept int) {
		for range 2000 {
			if end(outcome, at) {
				kept++
			}
		}
		return kept
	}
	if got := flood("invalid_request", now); got != 500 {
		t.Errorf("failures at once: got %d kept, want 500", got)
	}
	for _, outcome := range []string{trace.Waiting, trace.OK} {
		if !end(outcome, now) {
			t.Errorf("%s, beside a flood of failures: dropped, want it kept", outcome)
		}
	}
	if got := flood(trace.Waiting, now); got != 99 {
		t.Errorf("waiting, at once: got %d more kept, want 99", got)
	}
	if !end(trace.OK, now) {
		t.Error("ok, beside a flood of waiting requests: dropped, want it kept")
	}
	if got := flood("invalid_client", now.Add(time.Second)); got != 20 {
		t.Errorf("failures in the next second: got %d kept, want 20", got)
	}
}
