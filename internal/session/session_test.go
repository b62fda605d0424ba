package session_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/sqldb"
)

const (
	sessionName  = "__Host-idp_session"
	rememberName = "__Host-idp_remember"
	browserName  = "__Host-idp_browser"
)

// FL-8, SEC-23: names, flags and sizes of the cookies.
func TestCookies_FlagsFollowTheIssuer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		issuer, prefix string
		secure         bool
	}{
		{"https://id.example", "__Host-", true},
		{"https://id.example/realm", "__Host-", true},
		{"http://localhost:8080", "", false},
		{"", "__Host-", true}, // when in doubt, the strict ones
	} {
		w := newWorld(t, func(cfg *session.Config) { cfg.Issuer = c.issuer })
		b := newTab()
		for range 6 { // as many marks as fit, and more
			w.signIn(t, b, w.user(t, "u"+strings.ToLower(idp.NewID())), true)
		}
		_, set := w.signIn(t, b, w.ann, true)
		for _, name := range []string{"idp_session", "idp_remember", "idp_browser"} {
			got := set[c.prefix+name]
			if got == nil {
				t.Errorf("issuer %q: got no %s%s", c.issuer, c.prefix, name)
				continue
			}
			if got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" {
				t.Errorf("issuer %q: got %s", c.issuer, got)
			}
			if n := len(got.String()); n > 512 {
				t.Errorf("issuer %q: %s has %d bytes, want at most 512", c.issuer, name, n)
			}
		}
	}
}

// FL-1, SEC-6: signing in makes new cookies; what the browser brought along is never adopted, and is dead afterwards. Of the same person the
// session goes on: applications know it by its id, and hear of its end once.
func TestCreate_AlwaysMakesNewCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	first, _ := w.signIn(t, b, w.ann, false)
	old := b.copy()
	second, _ := w.signIn(t, b, w.ann, false)
	if first.Session.ID != second.Session.ID || bytes.Equal(first.Digest, second.Digest) {
		t.Errorf("got session %s after %s, digests %x and %x, want the same session under another cookie", second.Session.ID, first.Session.ID, second.Digest, first.Digest)
	}
	if c := w.whoIs(t, old); c != nil {
		t.Errorf("the old cookie: got %s, want nobody", c.User.Username)
	}
	got := w.whoIs(t, b)
	if got == nil || got.Session.ID != second.Session.ID || got.User.ID != w.ann.ID || !bytes.Equal(got.Digest, second.Digest) {
		t.Fatalf("the new cookie: got %+v", got)
	}
	if s := got.Session; !s.AuthTime.Equal(second.Session.AuthTime) || s.UserAgent != firefox || s.Address != home || !slices.Equal(s.Contexts, []string{"urn:a"}) || len(s.AMR) != 1 || s.Remembered {
		t.Errorf("got session %+v, want %+v", s, second.Session)
	}
	if ids, err := w.store.SessionsOf(t.Context(), w.ann.ID, time.Now()); err != nil || len(ids) != 1 {
		t.Errorf("got %d sessions, %v; want 1", len(ids), err)
	}
}

// A cookie that another ring made, or that an attacker chose, is nobody's and costs no query.
func TestCurrent_ForeignCookiesAreNobodyWithoutAQuery(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	b := newTab()
	other.signIn(t, b, other.ann, true)
	for name, b := range map[string]*tab{"another server's": b, "no cookies": newTab()} {
		r := b.request(t.Context())
		ctx, n := sqldb.WithCounter(r.Context())
		c, err := w.Resume(ctx, httptest.NewRecorder(), r)
		if c != nil || err != nil || n.Trips() != 0 {
			t.Errorf("%s: got %v, %v in %d trips; want nobody, in none", name, c, err, n.Trips())
		}
		if id, _, ok := w.Ref(r); ok {
			t.Errorf("%s: got session %s", name, id)
		}
		if w.KnownDevice(r, w.ann.ID) {
			t.Errorf("%s: is a known device", name)
		}
	}
}

func TestCurrent_IsOneStatementAndRefIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	c, _ := w.signIn(t, b, w.ann, false)
	r := b.request(t.Context())
	ctx, n := sqldb.WithCounter(r.Context())
	id, digest, ok := w.Ref(r)
	if !ok || id != c.Session.ID || !bytes.Equal(digest, c.Digest) || n.Trips() != 0 {
		t.Errorf("ref: got %s, %v in %d trips; want %s in none", id, ok, n.Trips(), c.Session.ID)
	}
	if got, err := w.Current(ctx, r); err != nil || got == nil || n.Trips() != 1 {
		t.Errorf("current: got %v, %v in %d trips; want it in 1", got, err, n.Trips())
	}
}

// FL-11: one flipped byte anywhere in any cookie is nobody, never an error.
func TestCookies_OneFlippedByteIsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	for _, name := range []string{sessionName, rememberName} {
		value := b.cookies[name].Value
		for i := range len(value) {
			for _, flip := range []byte{1, 0x20, 0x80} {
				flipped := []byte(value)
				flipped[i] ^= flip
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, issuer, nil)
				r.Header.Set("Cookie", name+"="+string(flipped))
				c, err := w.Resume(r.Context(), httptest.NewRecorder(), r)
				if c != nil || err != nil {
					t.Fatalf("%s with byte %d flipped by %#x: got %v, %v; want nobody", name, i, flip, c, err)
				}
			}
		}
	}
	value := b.cookies[browserName].Value
	whole := w.Browser(httptest.NewRecorder(), b.request(t.Context()))
	for i := range len(value) {
		flipped := []byte(value)
		flipped[i] ^= 1
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, issuer, nil)
		r.Header.Set("Cookie", browserName+"="+string(flipped))
		if w.KnownDevice(r, w.ann.ID) {
			t.Fatalf("browser cookie with byte %d flipped: still a known device", i)
		}
		digest := w.Browser(httptest.NewRecorder(), r)
		if i < 93 && bytes.Equal(digest, whole) {
			t.Fatalf("browser cookie with byte %d of its token flipped: still the same browser", i)
		}
	}
}

func TestCookies_HostileOnesAreNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, cookie := range map[string]string{
		"empty":           "",
		"huge":            strings.Repeat("a", 1<<16),
		"not UTF-8":       "\xff\xfe",
		"a word":          "idp_st_" + strings.Repeat("A", 86),
		"many separators": strings.Repeat(":", 400),
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, issuer, nil)
		r.Header.Set("Cookie", sessionName+"="+cookie+"; "+rememberName+"="+cookie+"; "+browserName+"="+cookie)
		c, err := w.Resume(r.Context(), httptest.NewRecorder(), r)
		if c != nil || err != nil || w.KnownDevice(r, w.ann.ID) {
			t.Errorf("%s: got %v, %v; want nobody", name, c, err)
		}
		if s, err := w.End(r.Context(), httptest.NewRecorder(), r); s != nil || err != nil {
			t.Errorf("%s: sign out: got %v, %v; want nothing", name, s, err)
		}
	}
}

// FL-2: a disabled or deleted user is out at once.
func TestCurrent_DisabledUserIsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	if err := w.store.SetUserState(t.Context(), w.ann.ID, idp.UserDisabled, time.Now()); err != nil {
		t.Fatal(err)
	}
	if c, _ := w.resume(t, b); c != nil {
		t.Error("disabled: got somebody, want nobody")
	}
	if err := w.store.DeleteUser(t.Context(), w.ann.ID); err != nil {
		t.Fatal(err)
	}
	if c, _ := w.resume(t, b); c != nil {
		t.Error("deleted: got somebody, want nobody")
	}
}

// FL-14, SEC-11: a copied cookie is worth nothing after signing out.
func TestEnd_CopiedCookiesAreDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	c, _ := w.signIn(t, b, w.ann, true)
	stolen := b.copy()
	if s := w.signOut(t, b); s == nil || s.ID != c.Session.ID {
		t.Errorf("got %+v, want session %s", s, c.Session.ID)
	}
	if _, ok := b.cookies[sessionName]; ok {
		t.Error("the session cookie is still there")
	}
	if _, ok := b.cookies[rememberName]; ok {
		t.Error("the remember cookie is still there")
	}
	if c, _ := w.resume(t, stolen); c != nil {
		t.Error("copied cookies: got somebody, want nobody")
	}
	if s := w.signOut(t, b); s != nil {
		t.Errorf("signing out twice: got %+v, want nothing", s)
	}
	if got := w.events(t); got != "session.ended" {
		t.Errorf("got events %q, want one session.ended", got)
	}
}

// Signing in again as the same person keeps what their applications hold; as another, it ends it.
func TestCreate_PreviousSessionsApplicationsStayWithTheSamePersonAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	first, _ := w.signIn(t, b, w.ann, false)
	now := time.Now().UTC()
	a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", CodeExpires: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour)}
	if _, err := w.store.IssueCode(t.Context(), a, []byte("code"), store.IssueConditions{
		SessionID: first.Session.ID, SessionDigest: first.Digest, SkipGrant: true,
	}, now); err != nil {
		t.Fatalf("issue code: %v", err)
	}
	again, _ := w.signIn(t, b, w.ann, false)
	v, _, err := w.store.AuthorizationNow(t.Context(), a.ID, "")
	if err != nil || v.RevokedAt != nil || v.SessionID != again.Session.ID {
		t.Errorf("same person: got %+v, %v; want it alive under session %s", v, err, again.Session.ID)
	}
	if got := w.events(t); got != "" {
		t.Errorf("same person: got events %q, want none", got)
	}
	w.signIn(t, b, w.bob, false)
	v, _, err = w.store.AuthorizationNow(t.Context(), a.ID, "")
	if err != nil || v.RevokedAt == nil {
		t.Errorf("another person: got %+v, %v; want it revoked", v, err)
	}
	if got := w.events(t); got != "session.ended" {
		t.Errorf("another person: got events %q, want one session.ended", got)
	}
}

// A transaction that fails leaves the browser as it was: the previous session lives, and no cookie was sent.
func TestCreate_LeavesNothingBehindWithoutCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	before, _ := w.signIn(t, b, w.ann, false)
	r := b.request(t.Context())
	stop := errors.New("stop")
	err := w.store.InTx(r.Context(), func(ctx context.Context) error {
		if _, _, err := w.Create(ctx, r, session.SignIn{User: w.ann}); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	if c := w.whoIs(t, b); c == nil || c.Session.ID != before.Session.ID {
		t.Errorf("got %+v, want session %s", c, before.Session.ID)
	}
}

// FL-15: everybody else's session of mine ends, this one stays.
func TestEndAllOf_KeepsOneAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there, bobs := newTab(), newTab(), newTab()
	keep, _ := w.signIn(t, here, w.ann, true)
	w.signIn(t, there, w.ann, true)
	w.signIn(t, bobs, w.bob, false)
	if n, err := w.EndAllOf(t.Context(), w.ann.ID, keep.Session.ID); n != 1 || err != nil {
		t.Errorf("got %d, %v; want 1", n, err)
	}
	if c, _ := w.resume(t, there); c != nil {
		t.Error("the other browser: got somebody, want nobody")
	}
	if w.whoIs(t, here) == nil || w.whoIs(t, bobs) == nil {
		t.Error("a session that was to stay is gone")
	}
	if n, err := w.EndAllOf(t.Context(), w.ann.ID, keep.Session.ID); n != 0 || err != nil {
		t.Errorf("again: got %d, %v; want 0", n, err)
	}
	if got := w.events(t); got != "session.killed" {
		t.Errorf("got events %q, want one session.killed", got)
	}
}

func TestEndByID_EndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	c, _ := w.signIn(t, b, w.ann, true)
	if err := w.EndByID(t.Context(), c.Session.ID); err != nil {
		t.Fatal(err)
	}
	if c, _ := w.resume(t, b); c != nil {
		t.Error("got somebody, want nobody")
	}
	if err := w.EndByID(t.Context(), c.Session.ID); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("again: got %v, want not found", err)
	}
	if got := w.events(t); got != "session.killed" {
		t.Errorf("got events %q, want one session.killed", got)
	}
}

// A database that does not answer is an error: "nobody" would show people a sign-in page that cannot work either.
func TestCurrent_DatabaseAwayIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	w.signIn(t, b, w.ann, true)
	r := b.request(t.Context())
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if c, err := w.Resume(ctx, httptest.NewRecorder(), r); err == nil || c != nil {
		t.Errorf("got %v, %v; want an error", c, err)
	}
}

// SEC-23: nobody makes sessions without end; the oldest makes way, and its owner can read why.
func TestCreate_UserHasAHundredSessionsAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tabs := make([]*tab, 102)
	w.signIn(t, newTab(), w.bob, false)
	for i := range tabs {
		tabs[i] = newTab()
		w.signIn(t, tabs[i], w.ann, false)
	}
	for i, b := range tabs {
		if got, want := w.whoIs(t, b) != nil, i >= 2; got != want {
			t.Errorf("session %d: got alive %v, want %v", i, got, want)
		}
	}
	list, err := w.store.SessionsOf(t.Context(), w.ann.ID, time.Now())
	if err != nil || len(list) != 100 {
		t.Errorf("got %d sessions, %v, want 100", len(list), err)
	}
	if got := w.events(t); got != "session.ended session.ended" {
		t.Errorf("got events %q, want one for each that ended", got)
	}
}
