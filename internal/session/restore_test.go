package session_test

import (
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/session"
)

// FL-8: without the tick no cookie has an age; with it, the remember cookie has that of the setting.
func TestRemember_OnlyTheTickMakesACookieLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, set := w.signIn(t, newTab(), w.ann, false)
	for name, c := range set {
		if c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("without the tick: got %s", c)
		}
		if name == rememberName {
			t.Error("without the tick: got a remember cookie")
		}
	}
	_, set = w.signIn(t, newTab(), w.ann, true)
	if got, want := set[rememberName].MaxAge, 30*24*3600; got != want {
		t.Errorf("with the tick: got Max-Age %d, want %d", got, want)
	}
	if got := set[sessionName].MaxAge; got != 0 {
		t.Errorf("with the tick: got Max-Age %d for the session cookie, want none", got)
	}
}

// Signing in without the tick takes the earlier tick back.
func TestRemember_SigningInWithoutTheTickForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	old := b.copy()
	w.signIn(t, b, w.ann, false)
	for name, c := range b.cookies {
		if c.MaxAge != 0 {
			t.Errorf("got lasting cookie %s", name)
		}
	}
	if c, _ := w.resume(t, old); c != nil {
		t.Error("the old remember cookie: got somebody, want nobody")
	}
}

// FL-12, FL-16: a restored session is the old sign-in, not a new one.
func TestResume_KeepsTheSignInsTimeAndMethods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := newTab()
		before, _ := w.signIn(t, b, w.ann, true)
		was := b.copy()
		b.close()
		time.Sleep(3 * 24 * time.Hour)
		if w.whoIs(t, b) != nil {
			t.Error("without the session cookie: got somebody before the restore")
		}
		c, set := w.resume(t, b)
		if c == nil {
			t.Fatal("got nobody, want the session back")
		}
		s := c.Session
		if s.ID != before.Session.ID || !s.AuthTime.Equal(before.Session.AuthTime) || len(s.AMR) != 1 || s.AMR[0] != "pwd" || !slices.Equal(s.Contexts, []string{"urn:a"}) {
			t.Errorf("got %+v, want the sign-in of %+v", s, before.Session)
		}
		if s.RestoredAt == nil || !s.RestoredAt.Equal(time.Now().UTC()) || !s.Remembered {
			t.Errorf("got restored at %v", s.RestoredAt)
		}
		if set[sessionName] == nil || set[rememberName] == nil || set[rememberName].Value == was.cookies[rememberName].Value {
			t.Error("the cookies were not replaced")
		}
		if got, want := set[rememberName].MaxAge, 27*24*3600; got != want {
			t.Errorf("got Max-Age %d, want %d: the limit does not move", got, want)
		}
		if w.whoIs(t, b) == nil {
			t.Error("with the new session cookie: got nobody")
		}
		if c, _ := w.resume(t, was); c != nil {
			t.Error("a copy of the used remember cookie: got somebody, want nobody")
		}
		if got := w.events(t); got != "session.restored" {
			t.Errorf("got events %q, want one session.restored", got)
		}
	})
}

// FL-8, FL-9: the device has its own limit, and nothing that is brought back outlives it.
func TestResume_EndsAtTheDevicesLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := newTab()
		before, _ := w.signIn(t, b, w.ann, true)
		limit := *before.Session.RememberExpiresAt
		time.Sleep(29 * 24 * time.Hour)
		c, _ := w.resume(t, b)
		if c == nil {
			t.Fatal("on day 29: got nobody")
		}
		if !c.Session.ExpiresAt.Equal(limit) || !c.Session.RememberExpiresAt.Equal(limit) {
			t.Errorf("on day 29: got limits %v and %v, want %v", c.Session.ExpiresAt, c.Session.RememberExpiresAt, limit)
		}
		time.Sleep(24*time.Hour - time.Microsecond)
		if w.whoIs(t, b) == nil {
			t.Error("just before the limit: got nobody")
		}
		spare := b.copy()
		delete(spare.cookies, sessionName)
		time.Sleep(time.Microsecond)
		if c, _ := w.resume(t, b); c != nil {
			t.Error("at the limit: got somebody")
		}
		if c, _ := w.resume(t, spare); c != nil {
			t.Error("at the limit, by the remember cookie: got somebody")
		}
	})
}

// Of two tabs that open at once with one remember cookie one is served, and the other does not spoil it.
func TestResume_SecondTabLeavesTheCookiesAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	delete(b.cookies, sessionName)
	second := b.copy()
	if c, _ := w.resume(t, b); c == nil {
		t.Fatal("first tab: got nobody")
	}
	c, set := w.resume(t, second)
	if c != nil || len(set) != 0 {
		t.Errorf("second tab: got %v and cookies %v, want nobody and none", c, set)
	}
	if w.whoIs(t, b) == nil {
		t.Error("first tab afterwards: got nobody")
	}
}

// FL-14: signing out with the remember cookie alone ends the session too.
func TestEnd_RememberCookieAloneEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	delete(b.cookies, sessionName)
	copied := b.copy()
	if w.signOut(t, b) == nil {
		t.Error("got nothing, want the session that ended")
	}
	if c, _ := w.resume(t, copied); c != nil {
		t.Error("the copied remember cookie: got somebody, want nobody")
	}
}

// FL-13, SEC-10.
func TestProtection_AsksOrEndsASessionThatMoved(t *testing.T) {
	t.Parallel()
	agent := func(b *tab) { b.agent = "curl/8.0" }
	neighbour := func(b *tab) { b.address = "192.0.2.200" }
	abroad := func(b *tab) { b.address = "198.51.100.7" }
	for _, c := range []struct {
		name       string
		protection session.Protection
		change     func(*tab)
		signedIn   bool
		survives   bool // for the browser that it began in
	}{
		{"off, other agent", session.ProtectionOff, agent, true, true},
		{"off, other network", session.ProtectionOff, abroad, true, true},
		{"reauth, unchanged", session.ProtectionReauth, func(*tab) {}, true, true},
		{"reauth, same network", session.ProtectionReauth, neighbour, true, true},
		{"reauth, other agent", session.ProtectionReauth, agent, false, true},
		{"reauth, other network", session.ProtectionReauth, abroad, false, true},
		{"revoke, unchanged", session.ProtectionRevoke, func(*tab) {}, true, true},
		{"revoke, same network", session.ProtectionRevoke, neighbour, true, true},
		{"revoke, other agent", session.ProtectionRevoke, agent, false, false},
		{"revoke, other network", session.ProtectionRevoke, abroad, false, false},
	} {
		for _, by := range []string{sessionName, rememberName} {
			t.Run(c.name+", by "+by, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, func(cfg *session.Config) { cfg.Protection = c.protection })
				b := newTab()
				w.signIn(t, b, w.ann, true)
				if by == rememberName {
					delete(b.cookies, sessionName)
				}
				stolen := b.copy()
				c.change(stolen)
				got, _ := w.resume(t, stolen)
				if (got != nil) != c.signedIn {
					t.Errorf("got signed in %v, want %v", got != nil, c.signedIn)
				}
				if !c.survives {
					for _, name := range []string{sessionName, rememberName} {
						if _, ok := stolen.cookies[name]; ok {
							t.Errorf("%s was not cleared", name)
						}
					}
					if got := w.events(t); got != "session.killed" {
						t.Errorf("got events %q, want one session.killed", got)
					}
				}
				if by == rememberName && c.signedIn {
					return // the remember cookie was spent by the other
				}
				if got, _ := w.resume(t, b); (got != nil) != c.survives {
					t.Errorf("the browser it began in: got signed in %v, want %v", got != nil, c.survives)
				}
			})
		}
	}
}

// A statement that takes Ref's word does not compare the browser, so there is no Ref when that matters.
func TestProtection_RefHasNothingToSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *session.Config) { cfg.Protection = session.ProtectionReauth })
	b := newTab()
	w.signIn(t, b, w.ann, false)
	if id, _, ok := w.Ref(b.request(t.Context())); ok {
		t.Errorf("got %s, want nothing", id)
	}
	// What the client writes itself changes nothing: the peer's address counts.
	r := b.request(t.Context())
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	if c, err := w.Resume(r.Context(), httptest.NewRecorder(), r); err != nil || c == nil {
		t.Errorf("with a forged X-Forwarded-For: got %v, %v", c, err)
	}
}

func TestProtection_KnowsNetworksOfIPv6(t *testing.T) {
	t.Parallel()
	for second, same := range map[string]bool{
		"2001:db8:1::1": true, "2001:db8:1:ffff::1": true, "2001:db8:2::1": false, "192.0.2.1": false, "": false, "nonsense": false,
	} {
		w := newWorld(t, func(cfg *session.Config) { cfg.Protection = session.ProtectionReauth })
		b := newTab()
		b.address = "2001:db8:1:2::3"
		w.signIn(t, b, w.ann, false)
		b.address = second
		if got := w.whoIs(t, b) != nil; got != same {
			t.Errorf("%q: got same network %v, want %v", second, got, same)
		}
	}
}

// A remember cookie is good for one use, however many come at once.
func TestResume_RaceHasOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	delete(b.cookies, sessionName)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		r := b.request(t.Context())
		wg.Go(func() {
			c, err := w.Resume(r.Context(), httptest.NewRecorder(), r)
			if err != nil {
				t.Errorf("resume: %v", err)
			}
			if c != nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if got := won.Load(); got != 1 {
		t.Errorf("got %d winners, want 1", got)
	}
	if got := w.events(t); got != "session.restored" {
		t.Errorf("got events %q, want one session.restored", got)
	}
}
