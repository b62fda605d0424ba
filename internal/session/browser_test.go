package session_test

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/session"
)

func TestBrowser_IsTheSameFromThenOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	answer := httptest.NewRecorder()
	r := b.request(t.Context())
	first := w.Browser(answer, r)
	if again := w.Browser(answer, r); !bytes.Equal(first, again) {
		t.Error("asked twice in one request: got two browsers")
	}
	set := b.take(answer)
	if len(set) != 1 || set[browserName].MaxAge != 0 || answer.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got cookies %v", set)
	}
	answer = httptest.NewRecorder()
	if again := w.Browser(answer, b.request(t.Context())); !bytes.Equal(first, again) || len(b.take(answer)) != 0 {
		t.Error("with its cookie: got another browser, or another cookie")
	}
	w.signIn(t, b, w.ann, true)
	if again := w.Browser(httptest.NewRecorder(), b.request(t.Context())); !bytes.Equal(first, again) {
		t.Error("after signing in: got another browser; other tabs would lose their requests")
	}
	if other := w.Browser(httptest.NewRecorder(), newTab().request(t.Context())); bytes.Equal(first, other) {
		t.Error("another browser has the same digest")
	}
}

// FS-47, SEC-5.
func TestCSRF_FormBelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, attacker := newTab(), newTab()
	token := func(b *tab) string {
		answer := httptest.NewRecorder()
		digest := w.Browser(answer, b.request(t.Context()))
		b.take(answer)
		return w.CSRF(digest)
	}
	mine, theirs := token(b), token(attacker)
	for name, c := range map[string]struct {
		tab  *tab
		form url.Values
		ok   bool
	}{
		"its own":             {b, url.Values{"csrf": {mine}}, true},
		"none":                {b, url.Values{"x": {"y"}}, false},
		"empty":               {b, url.Values{"csrf": {""}}, false},
		"another browser's":   {b, url.Values{"csrf": {theirs}}, false},
		"flipped":             {b, url.Values{"csrf": {mine[:len(mine)-2] + "!!"}}, false},
		"huge":                {b, url.Values{"csrf": {strings.Repeat("a", 1<<16)}}, false},
		"browser without any": {newTab(), url.Values{"csrf": {mine}}, false},
	} {
		err := w.CheckCSRF(c.tab.post(t.Context(), c.form))
		if (err == nil) != c.ok || err != nil && idp.KindOf(err) != idp.Forbidden {
			t.Errorf("%s: got %v, want ok %v", name, err, c.ok)
		}
	}
	// In the address it would travel in Referer headers and histories.
	r := b.post(t.Context(), url.Values{})
	r.URL.RawQuery = url.Values{"csrf": {mine}}.Encode()
	if err := w.CheckCSRF(r); err == nil {
		t.Error("in the address: got no error, want one")
	}
	if len(mine) > 64 {
		t.Errorf("the token has %d bytes, want at most 64", len(mine))
	}
}

// FS-43: the browser knows the last four who signed in with it, and nobody can make or carry such a mark.
func TestKnownDevice_IsOneOfTheLastFourAndCannotBeForged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	known := func(b *tab, u *idp.User) bool { return w.KnownDevice(b.request(t.Context()), u.ID) }
	if known(b, w.ann) {
		t.Error("before anybody signed in: known")
	}
	w.signIn(t, b, w.ann, false)
	if !known(b, w.ann) || known(b, w.bob) {
		t.Errorf("after ann signed in: got ann %v, bob %v; want only ann", known(b, w.ann), known(b, w.bob))
	}
	w.signOut(t, b)
	if !known(b, w.ann) {
		t.Error("after signing out: not known")
	}
	// The mark in another browser's cookie.
	other := newTab()
	w.signIn(t, other, w.bob, false)
	_, mark, _ := strings.Cut(b.cookies[browserName].Value, ":")
	head, _, _ := strings.Cut(other.cookies[browserName].Value, ":")
	carried := *other.cookies[browserName]
	carried.Value = head + ":" + mark
	other.cookies[browserName] = &carried
	if known(other, w.ann) {
		t.Error("a mark that was carried to another browser is believed")
	}
	users := []*idp.User{w.bob, w.user(t, "cid"), w.user(t, "dan")}
	for _, u := range users {
		w.signIn(t, b, u, false)
	}
	w.signIn(t, b, w.bob, false) // again: no second mark
	for _, u := range append(users, w.ann) {
		if !known(b, u) {
			t.Errorf("%s of four: not known", u.Username)
		}
	}
	w.signIn(t, b, w.user(t, "eve"), false)
	if known(b, w.ann) || !known(b, w.bob) {
		t.Error("the fifth pushes out who was away longest")
	}
}

// A rotated key ring does not sign anybody out.
func TestCookies_OutliveAKeyRotation(t *testing.T) {
	t.Parallel()
	old, fresh := secret.GenerateKey(), secret.GenerateKey()
	ring := func(keys ...secret.Key) *secret.Keyring {
		k, err := secret.NewKeyring(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	w := newWorld(t, func(c *session.Config) { c.Keyring = ring(old) })
	b := newTab()
	w.signIn(t, b, w.ann, true)
	after := session.New(session.Config{Store: w.store, Keyring: ring(fresh, old), Issuer: issuer})
	r := b.request(t.Context())
	if c, err := after.Current(r.Context(), r); err != nil || c == nil {
		t.Errorf("got %v, %v; want ann", c, err)
	}
	if !after.KnownDevice(r, w.ann.ID) {
		t.Error("the mark is not known any more")
	}
}

// What the browser calls itself is cut and cleaned, or PostgreSQL would refuse the row.
func TestCreate_UserAgentIsCutAndCleaned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newTab()
	b.agent = "a\x00b\xff" + strings.Repeat("é", 5000)
	c, _ := w.signIn(t, b, w.ann, false)
	if got := c.Session.UserAgent; len(got) > 256 || !utf8.ValidString(got) || !strings.HasPrefix(got, "abé") {
		t.Errorf("got %.20q of %d bytes", got, len(got))
	}
}
