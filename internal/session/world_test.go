package session_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

// world is a server without pages: who holds it can sign people in.
type world struct {
	*session.Manager
	store *store.Store
	ring  *secret.Keyring
	ann   *idp.User
	bob   *idp.User
}

const (
	issuer  = "https://id.example"
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	home    = "192.0.2.7"
)

func newWorld(t testing.TB, changes ...func(*session.Config)) *world {
	t.Helper()
	s := storetest.New(t)
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: s, ring: ring}
	logger := slog.New(slog.DiscardHandler)
	c := session.Config{
		Store: s, Keyring: ring, Audit: audit.New(audit.Config{Store: s, Logger: logger}), Issuer: issuer,
		Idle: 24 * time.Hour, Max: 7 * 24 * time.Hour, Remember: 30 * 24 * time.Hour, Logger: logger,
	}
	for _, change := range changes {
		change(&c)
	}
	w.Manager = session.New(c)
	w.ann, w.bob = w.user(t, "ann"), w.user(t, "bob")
	return w
}

func (w *world) user(t testing.TB, name string) *idp.User {
	t.Helper()
	now := time.Now().UTC()
	u := &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: name, CreatedAt: now, UpdatedAt: now}
	if err := w.store.CreateUser(t.Context(), u); err != nil {
		t.Fatalf("create user: %v", err)
	}
	return u
}

// tab is a browser: it keeps cookies as browsers do.
type tab struct {
	cookies map[string]*http.Cookie
	agent   string
	address string
}

func newTab() *tab {
	return &tab{cookies: map[string]*http.Cookie{}, agent: firefox, address: home}
}

// request returns a request with all the tab's cookies, or with the named ones only.
func (b *tab) request(ctx context.Context, only ...string) *http.Request {
	r := httptest.NewRequestWithContext(
		idp.WithPeer(ctx, idp.Peer{RequestID: "r", Address: b.address, UserAgent: b.agent}), http.MethodGet, issuer+"/login", nil)
	for name, c := range b.cookies {
		if len(only) == 0 || slices.Contains(only, name) {
			r.AddCookie(c)
		}
	}
	return r
}

// take keeps the cookies of an answer and returns them.
func (b *tab) take(w *httptest.ResponseRecorder) map[string]*http.Cookie {
	set := map[string]*http.Cookie{}
	for _, c := range w.Result().Cookies() {
		set[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return set
}

func (b *tab) copy() *tab {
	other := newTab()
	maps.Copy(other.cookies, b.cookies)
	return other
}

// close ends the browser: what has no age goes.
func (b *tab) close() {
	for name, c := range b.cookies {
		if c.MaxAge == 0 {
			delete(b.cookies, name)
		}
	}
}

func (w *world) signIn(t *testing.T, b *tab, u *idp.User, remember bool) (*session.Current, map[string]*http.Cookie) {
	t.Helper()
	r := b.request(t.Context())
	var c *session.Current
	var setCookies func(http.ResponseWriter)
	err := w.store.InTx(r.Context(), func(ctx context.Context) (err error) {
		c, setCookies, err = w.Create(ctx, r, session.SignIn{User: u, AMR: []string{"pwd"}, Contexts: []string{"urn:a"}, Remember: remember})
		return err
	})
	if err != nil {
		t.Fatalf("sign in: %v", err)
	}
	answer := httptest.NewRecorder()
	setCookies(answer)
	if got := answer.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("sign in: got Cache-Control %q, want no-store", got) // SEC-12
	}
	return c, b.take(answer)
}

// whoIs returns who is signed in by the session cookie alone.
func (w *world) whoIs(t *testing.T, b *tab) *session.Current {
	t.Helper()
	r := b.request(t.Context())
	c, err := w.Current(r.Context(), r)
	if err != nil {
		t.Fatalf("current: %v", err)
	}
	return c
}

// resume is what the sign-in page and the authorization endpoint do first.
func (w *world) resume(t *testing.T, b *tab) (*session.Current, map[string]*http.Cookie) {
	t.Helper()
	r, answer := b.request(t.Context()), httptest.NewRecorder()
	c, err := w.Resume(r.Context(), answer, r)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	if answer.Header().Get("Set-Cookie") != "" && answer.Header().Get("Cache-Control") != "no-store" {
		t.Error("resume: a cookie in an answer that may be cached") // SEC-12
	}
	return c, b.take(answer)
}

func (w *world) signOut(t *testing.T, b *tab) *idp.Session {
	t.Helper()
	r, answer := b.request(t.Context()), httptest.NewRecorder()
	s, err := w.End(r.Context(), answer, r)
	if err != nil {
		t.Fatalf("sign out: %v", err)
	}
	b.take(answer)
	if s == nil {
		return nil
	}
	return s.Session
}

// events returns the types of the audit events so far.
func (w *world) events(t *testing.T) string {
	t.Helper()
	events, err := w.store.AuditEvents(t.Context(), "", store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range events {
		types = append(types, e.Type)
	}
	return strings.Join(types, " ")
}

func (b *tab) post(ctx context.Context, form url.Values) *http.Request {
	r := b.request(ctx)
	p := httptest.NewRequestWithContext(r.Context(), http.MethodPost, issuer+"/login", strings.NewReader(form.Encode()))
	p.Header = r.Header
	p.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p
}
