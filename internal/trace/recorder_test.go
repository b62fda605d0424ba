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
	mine.Refuse("invalid_request", "")
	hostile := r.Begin("", "token", time.Now())
	hostile.SetClient("a\x00b\xff\x1b[2J")
	hostile.Fail(idp.Check{Name: "client", Expected: "one line", Received: "first\nsecond\u009b31m\x00"})
	hostile.Refuse("invalid_client", "")
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
	end := func(outcome trace.Outcome, at time.Time) (kept bool) {
		before := r.Dropped()
		if one := r.Begin("", "authorize", at); outcome == trace.OK || outcome == trace.Waiting {
			one.End(outcome)
		} else {
			one.Refuse(string(outcome), "")
		}
		return r.Dropped() == before
	}
	flood := func(outcome trace.Outcome, at time.Time) (kept int) {
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
	for _, outcome := range []trace.Outcome{trace.Waiting, trace.OK} {
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

// Whatever a check forgot to say, `idp trace` tells of every refusal what was expected, what came and how to mend it.
func TestTrace_EveryRefusalHasItsMend(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	r := trace.New(trace.Config{Store: s, Logger: slog.New(slog.DiscardHandler), Retention: time.Hour})
	codes := []string{
		"invalid_request", "invalid_client", "unauthorized_client", "invalid_grant", "invalid_scope", "invalid_target", "invalid_authorization_details", "unsupported_grant_type",
		"unsupported_response_type", "registration_not_supported", "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required",
		"unmet_authentication_requirements", "invalid_dpop_proof", "use_dpop_nonce", "invalid_request_object", "invalid_request_uri", "slow_down", "expired_token", "server_error",
		"temporarily_unavailable", "redirect_loop", "unknown_user_id", "something_new",
	}
	var ids []string
	for _, code := range codes {
		bare := r.Begin("", "authorize", time.Now())
		bare.Pass("client")
		bare.Refuse(code, "The sentence that the application gets.")
		silent := r.Begin("", "token", time.Now())
		silent.Refuse(code, "")
		partly := r.Begin("", "token", time.Now())
		partly.Fail(idp.Check{Name: "scope is allowed", Received: "openid", Mend: "Say please."})
		partly.Refuse(code, "no")
		full := r.Begin("", "token", time.Now())
		for range 100 {
			full.Pass("one of many")
		}
		full.Refuse(code, "no")
		ids = append(ids, bare.ID, silent.ID, partly.ID, full.ID)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx) // writes what waits, and returns
	for i, id := range ids {
		got, err := s.Trace(t.Context(), id, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", codes[i/4], err)
		}
		last := got.Checks[len(got.Checks)-1]
		if got.Outcome != codes[i/4] || last.OK || last.Name == "" || last.Expected == "" || last.Received == "" || last.Mend == "" {
			t.Errorf("%s: %+v", got.Outcome, last)
		}
		if i%4 == 2 && (last.Mend != "Say please." || last.Received != "openid" || last.Name != "scope is allowed") {
			t.Errorf("%s: what the check said is lost: %+v", got.Outcome, last)
		}
	}
}

// A batch that waits for the database when the server is told to stop is written before it has stopped.
func TestTrace_WhatIsBeingWrittenWhenTheServerStopsIsKept(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	r := trace.New(trace.Config{Store: s, Logger: slog.New(slog.DiscardHandler), Retention: time.Hour})
	one := r.Begin("", "authorize", time.Now())
	other := one.Trace
	other.Outcome = "somebody else's"
	held, release, over := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		over <- s.InTx(t.Context(), func(ctx context.Context) error {
			err := s.PutTraces(ctx, []*idp.Trace{&other})
			close(held)
			<-release
			return err
		})
	}()
	<-held
	one.Refuse("access_denied", "")
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		r.Run(ctx)
		close(stopped)
	}()
	<-time.After(600 * time.Millisecond) // two ticks: the batch waits for the row that is held
	stop()
	close(release)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	<-stopped
	if got, err := s.Trace(t.Context(), one.ID, time.Now()); err != nil || got.Outcome != "access_denied" || r.Dropped() != 0 {
		t.Errorf("got %+v and %v with %d dropped, want the trace as it ended", got, err, r.Dropped())
	}
}
