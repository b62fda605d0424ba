package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/session"
	"idp/internal/store/sqldb"
)

// FL-9: use moves the idle limit, never the absolute one.
func TestTouch_MovesTheIdleLimitOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		b := newTab()
		c, set := w.signIn(t, b, w.ann, false)
		if _, ok := set[rememberName]; ok {
			t.Error("a remember cookie without the tick")
		}
		for day := range 7 {
			time.Sleep(23 * time.Hour)
			for range 50 {
				if w.whoIs(t, b) == nil {
					t.Fatalf("day %d: got nobody", day+1)
				}
			}
			_, set := w.resume(t, b)
			for name := range set {
				t.Errorf("day %d: got cookie %s", day+1, name) // FL-9: without the tick no lasting cookie appears, nor any
			}
			time.Sleep(2 * time.Second)
			s, err := w.store.Session(t.Context(), c.Session.ID)
			if err != nil {
				t.Fatal(err)
			}
			if want := c.Session.AuthTime; !s.AuthTime.Equal(want) || !s.ExpiresAt.Equal(c.Session.ExpiresAt) {
				t.Errorf("day %d: got auth time %v and limit %v, want them unmoved", day+1, s.AuthTime, s.ExpiresAt)
			}
			if s.IdleExpiresAt.After(s.ExpiresAt) || !s.LastSeenAt.After(c.Session.LastSeenAt) {
				t.Errorf("day %d: got idle limit %v, last seen %v", day+1, s.IdleExpiresAt, s.LastSeenAt)
			}
		}
		time.Sleep(time.Until(c.Session.ExpiresAt) - time.Second)
		if w.whoIs(t, b) == nil {
			t.Error("before its absolute limit: got nobody")
		}
		time.Sleep(time.Second)
		if w.whoIs(t, b) != nil {
			t.Error("at its absolute limit: got somebody")
		}
		stop()
		<-done
	})
}

func TestSession_IdlesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := newTab()
		w.signIn(t, b, w.ann, false)
		time.Sleep(24*time.Hour - time.Microsecond)
		if w.whoIs(t, b) == nil {
			t.Error("before the idle limit: got nobody")
		}
		time.Sleep(time.Microsecond)
		if w.whoIs(t, b) != nil {
			t.Error("at the idle limit: got somebody")
		}
	})
}

// A use costs nothing in the request, and one write in five minutes.
func TestTouch_IsBatchedAndRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := newTab()
		c, _ := w.signIn(t, b, w.ann, false)
		seen := func() time.Time {
			t.Helper()
			s, err := w.store.Session(t.Context(), c.Session.ID)
			if err != nil {
				t.Fatal(err)
			}
			return s.LastSeenAt
		}
		ctx, stop := context.WithCancel(t.Context())
		counted, n := sqldb.WithCounter(ctx)
		done := make(chan struct{})
		go func() { w.Run(counted); close(done) }()
		time.Sleep(4 * time.Minute)
		w.whoIs(t, b)
		time.Sleep(2 * time.Second)
		if n.Trips() != 0 {
			t.Errorf("four minutes after sign-in: got %d trips, want 0", n.Trips())
		}
		time.Sleep(2 * time.Minute)
		for range 100 {
			w.whoIs(t, b)
			w.Touch(c.Session.ID)
			time.Sleep(time.Second)
		}
		if n.Trips() != 3 { // BEGIN, UPDATE, COMMIT
			t.Errorf("100 uses in 100 seconds: got %d trips, want 3", n.Trips())
		}
		first := seen()
		time.Sleep(5 * time.Minute)
		w.Touch(c.Session.ID) // what the code path that loads no session does
		stop()
		<-done
		if got := seen(); !got.After(first) {
			t.Errorf("a use just before the end: got %v, want it written after %v", got, first)
		}
	})
}

// A short idle limit is moved in time, too.
func TestTouch_KeepsUpWithAShortIdleLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *session.Config) { c.Idle = time.Minute })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		b := newTab()
		w.signIn(t, b, w.ann, false)
		for range 20 {
			time.Sleep(20 * time.Second)
			if w.whoIs(t, b) == nil {
				t.Fatal("used every 20 seconds: got nobody, want the session alive")
			}
		}
		stop()
		<-done
	})
}
