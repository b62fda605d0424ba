package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

func logTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestRun_TicksUntilTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ticks atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Run(ctx, []Job{{Name: "tick", Every: time.Minute, Logger: slog.New(slog.DiscardHandler), Do: func(context.Context, time.Time) (Counts, error) {
				ticks.Add(1)
				return nil, nil
			}}})
		}()
		time.Sleep(5*time.Minute + 500*time.Millisecond)
		stop()
		<-done
		if got := ticks.Load(); got != 5 {
			t.Errorf("ran %d times in five minutes, want 5", got)
		}
	})
}

func TestRun_ErrorsAndPanicsEndOneRunOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		runs := 0
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go Run(ctx, []Job{{Name: "odd", Every: time.Minute, Logger: logTo(&log), Do: func(ctx context.Context, _ time.Time) (Counts, error) {
			runs++
			switch runs {
			case 1:
				panic("boom")
			case 2:
				return Counts{"rows": 2}, errors.New("broken")
			case 3:
				return nil, fmt.Errorf("write: %w", idp.ErrUnavailable)
			case 4:
				<-ctx.Done() // longer than allowed
				return nil, ctx.Err()
			case 5:
				return Counts{"rows": 9, "none": 0}, nil
			}
			return nil, nil
		}}})
		time.Sleep(8*time.Minute + time.Second)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		for i, want := range []string{"level=ERROR msg=\"job failed\"", "level=ERROR msg=\"job failed\"", "level=WARN msg=\"job put off\"", "level=WARN msg=\"job put off\"", "level=INFO msg=\"job done\""} {
			if i >= len(lines) || !strings.Contains(lines[i], want) {
				t.Errorf("run %d: want one line with %s, got:\n%s", i+1, want, log.String())
				return
			}
		}
		if !strings.Contains(lines[0], "boom") || !strings.Contains(lines[1], "rows=2") || !strings.Contains(lines[4], "rows=9") || strings.Contains(lines[4], "none=") {
			t.Errorf("the lines do not tell what happened:\n%s", log.String())
		}
		if len(lines) != 5 {
			t.Errorf("got %d lines, want 5: a run with nothing to do is not told\n%s", len(lines), log.String())
		}
	})
}

// bubbleStore opens a database inside a synctest bubble, where its goroutines must begin and end.
func bubbleStore(t *testing.T, path string) (*store.Store, func()) {
	t.Helper()
	db, err := sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(db)
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLease_OneReplicaRunsAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "idp.db")
	synctest.Test(t, func(t *testing.T) {
		s, closeStore := bubbleStore(t, path)
		defer closeStore()
		var a, b atomic.Int64
		job := func(holder string, n *atomic.Int64) []Job {
			return []Job{{Name: "common", Every: time.Minute, Lease: &Lease{Store: s, Holder: holder}, Logger: slog.New(slog.DiscardHandler), Do: func(context.Context, time.Time) (Counts, error) {
				n.Add(1)
				return nil, nil
			}}}
		}
		ctxA, stopA := context.WithCancel(t.Context())
		ctxB, stopB := context.WithCancel(t.Context())
		doneA, doneB := make(chan struct{}), make(chan struct{})
		go func() { defer close(doneA); Run(ctxA, job("a", &a)) }()
		time.Sleep(time.Second)
		go func() { defer close(doneB); Run(ctxB, job("b", &b)) }()
		time.Sleep(5*time.Minute + 10*time.Second)
		if got := a.Load() + b.Load(); got != 5 {
			t.Errorf("two replicas ran the job %d times in five minutes, want 5 (a %d, b %d)", got, a.Load(), b.Load())
		}
		stopA()
		<-doneA
		before := b.Load()
		time.Sleep(5 * time.Minute)
		if got := b.Load() - before; got < 4 {
			t.Errorf("after one replica died the other ran %d times in five minutes, want at least 4", got)
		}
		stopB()
		<-doneB
	})
}

func TestPurge_WorksInBoundedBatchesUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	now := time.Now()
	for i := range 25 {
		expires := now.Add(-time.Minute)
		if i >= 20 {
			expires = now.Add(time.Hour)
		}
		if err := s.RevokeAccessToken(t.Context(), fmt.Sprintf("jti-%02d", i), expires); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-400 * 24 * time.Hour)
		if i >= 20 {
			at = now
		}
		if err := s.AppendAudit(t.Context(), &idp.AuditEvent{ID: idp.NewID(), At: at, Type: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	bounded := Purge(PurgeConfig{Store: s, Batch: 3, Most: 2})
	counts, err := bounded.Do(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if counts["revoked_tokens"] != 6 || counts["audit_events"] != 0 {
		t.Errorf("two batches of three took %v, want 6 revoked tokens, and audit events for ever", counts)
	}
	rest := Purge(PurgeConfig{Store: s, Batch: 3, AuditRetention: 399 * 24 * time.Hour})
	counts, err = rest.Do(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if counts["revoked_tokens"] != 14 || counts["audit_events"] != 20 {
		t.Errorf("the rest took %v, want 14 revoked tokens and 20 audit events", counts)
	}
	for i, want := range map[int]bool{0: false, 19: false, 20: true, 24: true} {
		got, err := s.AccessTokenRevoked(t.Context(), fmt.Sprintf("jti-%02d", i))
		if err != nil || got != want {
			t.Errorf("revoked token %d is there: %v (%v), want %v", i, got, err, want)
		}
	}
}

// SEC-23: what has not expired is not kept without end either.
func TestPurge_TrimsWhatThereIsTooMuchOf(t *testing.T) {
	t.Parallel()
	s, now := storetest.New(t), time.Now()
	for i := range 20 {
		tr := &idp.Trace{ID: fmt.Sprintf("t%02d", i), At: now, ExpiresAt: now.Add(time.Hour + time.Duration(i)*time.Second)}
		if err := s.PutTraces(t.Context(), []*idp.Trace{tr}); err != nil {
			t.Fatal(err)
		}
	}
	if counts, err := Purge(PurgeConfig{Store: s, Batch: 3}).Do(t.Context(), now); err != nil || counts["traces"] != 0 {
		t.Errorf("by default: got %v, %v, want all twenty kept", counts, err)
	}
	counts, err := Purge(PurgeConfig{Store: s, Batch: 3, Keep: store.Caps{Traces: 8}}).Do(t.Context(), now)
	if err != nil || counts["traces"] != 12 {
		t.Errorf("got %v, %v, want twelve traces gone", counts, err)
	}
	for id, want := range map[string]bool{"t00": false, "t11": false, "t12": true, "t19": true} {
		if _, err := s.Trace(t.Context(), id, now); (err == nil) != want {
			t.Errorf("trace %s: got %v, want it kept: %v", id, err, want)
		}
	}
}

func TestTend_TellsHowMuchWasDone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	j := Tend(TendConfig{Name: "rotate_keys", Count: "keys_made", Do: func(_ context.Context, at time.Time) (int, error) {
		if !at.Equal(now) {
			t.Errorf("done at %v, want %v", at, now)
		}
		return 2, nil
	}})
	counts, err := j.Do(t.Context(), now)
	if err != nil || counts["keys_made"] != 2 {
		t.Errorf("got %v, %v, want keys_made=2", counts, err)
	}
	failing := Tend(TendConfig{Name: "rotate_keys", Do: func(context.Context, time.Time) (int, error) { return 0, idp.ErrUnavailable }})
	if _, err := failing.Do(t.Context(), now); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("got %v, want the cause kept", err)
	}
}

func TestSendNotices_TellsWhatCameOfThem(t *testing.T) {
	t.Parallel()
	now := time.Now()
	j := SendNotices(NoticesConfig{Name: "send", Every: time.Second, Send: func(_ context.Context, at time.Time) (int, int, error) {
		if !at.Equal(now) {
			t.Errorf("sent at %v, want %v", at, now)
		}
		return 3, 1, idp.ErrUnavailable
	}})
	counts, err := j.Do(t.Context(), now)
	if !errors.Is(err, idp.ErrUnavailable) || counts["delivered"] != 3 || counts["given_up"] != 1 {
		t.Errorf("got %v, %v, want the counts beside the error", counts, err)
	}
	if j.Lease != nil || j.AtOnce < 2 {
		t.Errorf("got lease %v and %d runs at once, want each replica to do it, and a run that waits to hold up no other", j.Lease, j.AtOnce)
	}
}

// A run that waits holds up no other of its job, as far as the job allows; a tick beyond that is dropped.
func TestRun_AsManyAtOnceAsTheJobAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ atOnce, want int }{{0, 1}, {3, 3}} {
			var now, most, runs atomic.Int64
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				Run(ctx, []Job{{Name: "slow", Every: time.Second, Timeout: time.Minute, AtOnce: c.atOnce, Logger: slog.New(slog.DiscardHandler), Do: func(context.Context, time.Time) (Counts, error) {
					runs.Add(1)
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(4500 * time.Millisecond)
					now.Add(-1)
					return nil, nil
				}}})
			}()
			time.Sleep(10*time.Second + time.Millisecond)
			stop()
			<-done
			if most.Load() != int64(c.want) || now.Load() != 0 || runs.Load() < int64(2*c.want) {
				t.Errorf("%d allowed: got %d at once, %d left, %d in all, want %d at once and none left", c.atOnce, most.Load(), now.Load(), runs.Load(), c.want)
			}
		}
	})
}
