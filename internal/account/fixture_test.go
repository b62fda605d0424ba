package account_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/storetest"
	"idp/internal/throttle"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

const (
	goodPassword  = "correct horse battery staple"
	otherPassword = "violet kettle marches north"
)

// world is a database with every service that touches accounts.
type world struct {
	store    *store.Store
	keyring  *secret.Keyring
	accounts *account.Service
	password *auth.Password
	sessions *session.Manager
}

func newWorld(t testing.TB, options ...func(*account.Config)) *world {
	t.Helper()
	s := storetest.New(t)
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := secret.NewHasher(secret.HasherConfig{Params: secret.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	log := audit.New(audit.Config{Store: s, Logger: logger})
	sessions := session.New(session.Config{Store: s, Keyring: ring, Audit: log, Issuer: "https://idp.example", Logger: logger})
	c := account.Config{Store: s, Keyring: ring, Hasher: hasher, Audit: log, Sessions: sessions, Logger: logger, Brand: "Corporate Directory"}
	for _, o := range options {
		o(&c)
	}
	return &world{
		store: s, keyring: ring, accounts: account.New(c), sessions: sessions,
		password: auth.NewPassword(auth.Config{
			Store: s, Hasher: hasher, Audit: log, Logger: logger, Throttle: throttle.New(throttle.Config{Store: s, Keyring: ring, Logger: logger}),
		}),
	}
}

func (w *world) create(t testing.TB, n account.NewUser) *idp.User {
	t.Helper()
	u, err := w.accounts.Create(t.Context(), n)
	if err != nil {
		t.Fatalf("create %s: %v", n.Email, err)
	}
	return u
}

// ursula is the local account that the hostile upstreams are after.
func (w *world) ursula(t testing.TB) *idp.User {
	t.Helper()
	return w.create(t, account.NewUser{Email: "ursula@corp.example", EmailVerified: true, Username: "ursula", Password: goodPassword})
}

// signIn makes a session, as the pages do.
func (w *world) signIn(t testing.TB, u *idp.User) *idp.Session {
	t.Helper()
	c, _, err := w.sessions.Create(t.Context(), request(), session.SignIn{User: u, AMR: []string{"pwd"}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Session
}

func request() *http.Request {
	return httptest.NewRequest(http.MethodPost, "https://idp.example/login", nil)
}

func (w *world) sessionsOf(t testing.TB, id string) []string {
	t.Helper()
	list, err := w.store.SessionsOf(t.Context(), id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

// passwordWorks reports whether the password signs in.
func (w *world) passwordWorks(t testing.TB, identifier, password string) bool {
	t.Helper()
	_, err := w.password.Verify(t.Context(), auth.Attempt{Identifier: identifier, Password: password})
	if err != nil && idp.KindOf(err) != idp.Unauthenticated {
		t.Fatalf("sign in as %s: %v", identifier, err)
	}
	return err == nil
}

func (w *world) user(t testing.TB, id string) *idp.User {
	t.Helper()
	u, err := w.store.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) users(t testing.TB) []*idp.User {
	t.Helper()
	list, err := w.store.Users(t.Context(), store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (w *world) links(t testing.TB, id string) []*idp.Identity {
	t.Helper()
	list, err := w.store.IdentitiesOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// events lists the types of the audit events about a user, in order.
func (w *world) events(t testing.TB, id string) []string {
	t.Helper()
	list, err := w.store.AuditEvents(t.Context(), id, store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range list {
		types = append(types, e.Type)
	}
	return types
}

func (w *world) wantEvents(t testing.TB, id string, want ...audit.Type) {
	t.Helper()
	got := w.events(t, id)
	var text []string
	for _, e := range want {
		text = append(text, string(e))
	}
	if !slices.Equal(got, text) {
		t.Errorf("audit events about the user: got %v, want %v", got, text)
	}
}

func wantKind(t testing.TB, err error, kind idp.Kind, code string) *idp.Error {
	t.Helper()
	var e *idp.Error
	if !errors.As(err, &e) || e.Kind != kind || code != "" && e.Code != code {
		t.Errorf("got error %v, want one of kind %d, code %q", err, kind, code)
		return &idp.Error{}
	}
	return e
}

// wantRefused checks the one wording of every refused sign-in.
func wantRefused(t testing.TB, err error) {
	t.Helper()
	if e := wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed); e.Message != auth.Refused(nil).Message {
		t.Errorf("got %q, want the wording of every refused sign-in %q", e.Message, auth.Refused(nil).Message)
	}
}

// outside signs somebody in at a scripted upstream and returns the claims that the connector accepts.
func outside(t testing.TB, op *upstreamtest.OP, p *idp.Provider, who upstreamtest.Person) upstream.Claims {
	t.Helper()
	c, err := tryOutside(t.Context(), op, p, who)
	if err != nil {
		t.Fatalf("sign in at the upstream: %v", err)
	}
	return c
}

func tryOutside(ctx context.Context, op *upstreamtest.OP, p *idp.Provider, who upstreamtest.Person) (upstream.Claims, error) {
	op.SignIn(who)
	connector, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(ctx, *p)
	if err != nil {
		return upstream.Claims{}, fmt.Errorf("get the connector: %w", err)
	}
	address, pending, err := connector.Begin(ctx, upstream.BeginRequest{RedirectURI: "https://idp.example/login/callback/" + p.ID, State: "state-1"})
	if err != nil {
		return upstream.Claims{}, err
	}
	return connector.Finish(ctx, pending, op.Authorize(address), time.Now())
}

// provider returns the row of an upstream, trusted with addresses, that may make accounts.
func provider(t testing.TB, op *upstreamtest.OP, change func(*idp.Provider)) *idp.Provider {
	t.Helper()
	p := op.Row("fake")
	p.TrustEmail = true
	if change != nil {
		change(&p)
	}
	if err := upstream.Validate(&p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func (w *world) upstream(t testing.TB, p *idp.Provider, c upstream.Claims) account.Outcome {
	t.Helper()
	out, err := w.accounts.SignInUpstream(t.Context(), p, c)
	if err != nil {
		t.Fatalf("sign in upstream: %v", err)
	}
	return out
}

func storePage() store.Page { return store.Page{Limit: 500} }
