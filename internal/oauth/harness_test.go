package oauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/clientkeys"
	"idp/internal/crossdevice"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/keys"
	"idp/internal/keys/keystest"
	"idp/internal/oauth"
	"idp/internal/outbound"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
	"idp/internal/subject"
	"idp/internal/throttle"
	"idp/internal/trace"
)

const (
	issuer   = "https://idp.example"
	callback = "https://app.example/cb"
	verifier = "0123456789012345678901234567890123456789abc"
)

// world is a provider over a real database, called in process.
type world struct {
	*oauth.Provider
	mux      *http.ServeMux
	store    *store.Store
	sessions *session.Manager
	ring     *secret.Keyring
	cross    *crossdevice.Service
	user     *idp.User
	client   *idp.Client
	secret   string
	seen     sync.Mutex // over the two below: requests come side by side
	lastPage oauth.PageError
	lastPost oauth.PostedAnswer
}

func newWorld(t testing.TB, change ...func(*idp.Client)) *world {
	return newWorldOn(t, storetest.New(t), change...)
}

func newWorldOn(t testing.TB, s *store.Store, change ...func(*idp.Client)) *world {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	w := &world{store: s, ring: ring, mux: http.NewServeMux(), secret: secret.NewClientSecret()}
	w.user = &idp.User{
		ID: idp.NewID(), State: idp.UserActive, Username: "ann", Email: "ann@example.com", EmailVerified: true, Roles: []string{"admin"},
		Profile: idp.Profile{Name: "Ann Example", GivenName: "Ann", FamilyName: "Example"}, CreatedAt: now, UpdatedAt: now,
	}
	must(t, s.CreateUser(ctx, w.user))
	w.client = &idp.Client{
		ID: "app", Name: "App", RedirectURIs: []string{callback}, Scopes: []string{"openid", "profile", "email", "offline_access", "roles", "api"},
		GrantTypes:  []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken, idp.GrantClientCredentials},
		AuthMethods: []string{idp.AuthClientSecretBasic, idp.AuthClientSecretPost}, ResponseTypes: []string{"code"},
		PostLogoutRedirectURIs: []string{"https://app.example/bye"}, Trusted: true, Contract: idp.DefaultContract(), CreatedAt: now, UpdatedAt: now,
		Secrets: []idp.ClientSecret{{ID: "1", Digest: ring.KeyedDigest(idp.SecretPurpose, w.secret), CreatedAt: now}},
	}
	for _, c := range change {
		c(w.client)
	}
	must(t, s.CreateClient(ctx, w.client))
	k := keystest.New(t, keys.Config{Store: s, Keyring: ring, Logger: log, MaxTokenLife: 24 * time.Hour})
	a := audit.New(audit.Config{Store: s, Logger: log})
	w.sessions = session.New(session.Config{Store: s, Keyring: ring, Audit: a, Issuer: issuer, Logger: log})
	w.cross = crossdevice.New(crossdevice.Config{Store: s, Keyring: ring, Audit: a, Logger: log, Throttle: throttle.New(throttle.Config{Store: s, Keyring: ring, Logger: log, Guessing: "user_code "})})
	watcher := directory.NewWatcher(s, log)
	names, err := subject.New(ctx, s, ring)
	must(t, err)
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}})
	must(t, err)
	w.Provider, err = oauth.New(oauth.Config{
		Issuer: issuer, Store: s, Clients: directory.NewClients(s, watcher, nil), ClientKeys: clientkeys.New(clientkeys.Config{Outbound: out, Logger: log}), Outbound: out, Subjects: names, Keys: k, Keyring: ring, Sessions: w.sessions,
		Contexts: idp.AuthenticationContexts{{ACR: "urn:example:password", AMR: []string{"pwd"}}, {ACR: "urn:example:vouched"}}, Ways: &auth.Ways{Store: s, Providers: func(context.Context) ([]*idp.Provider, error) { return nil, nil }},
		CrossDevice: w.cross, Interactions: interaction.New(interaction.Config{Store: s, Issuer: issuer}), Traces: trace.New(trace.Config{Store: s, Logger: log, Retention: time.Hour}),
		Audit: a, Logger: log, Fail: func(rw http.ResponseWriter, _ *http.Request, e oauth.PageError) {
			w.seen.Lock()
			w.lastPage = e
			w.seen.Unlock()
			rw.WriteHeader(e.Status)
		},
		Post: func(_ http.ResponseWriter, _ *http.Request, a oauth.PostedAnswer) {
			w.seen.Lock()
			w.lastPost = a
			w.seen.Unlock()
		},
	})
	must(t, err)
	for _, r := range w.Routes() {
		w.mux.HandleFunc(r.Pattern, r.Handler)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signIn returns the cookies of a browser that is signed in.
func (w *world) signIn(t testing.TB) []*http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, issuer+"/login", nil)
	rec := httptest.NewRecorder()
	var set func(http.ResponseWriter)
	must(t, w.store.InTx(t.Context(), func(ctx context.Context) (err error) {
		_, set, err = w.sessions.Create(ctx, r, session.SignIn{User: w.user, AMR: []string{"pwd"}})
		return err
	}))
	set(rec)
	return rec.Result().Cookies()
}

func (w *world) do(t testing.TB, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// az sends an authorization request and returns the answer's redirect.
func (w *world) az(t testing.TB, cookies []*http.Cookie, params ...string) url.Values {
	t.Helper()
	_, q := w.azTrips(t, cookies, params...)
	return q
}

func (w *world) azTrips(t testing.TB, cookies []*http.Cookie, params ...string) (int64, url.Values) {
	t.Helper()
	q := url.Values{
		"client_id": {"app"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile email offline_access"}, "state": {"st-1"},
		"nonce": {"no-1"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(params); i += 2 {
		q.Del(params[i])
		if params[i+1] != "" {
			q.Set(params[i], params[i+1])
		}
	}
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, issuer+"/oauth2/authorize?"+q.Encode(), nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec := w.do(t, r)
	if rec.Code != http.StatusSeeOther {
		return n.Trips(), url.Values{"page": {w.lastPage.Code}}
	}
	u, err := url.Parse(rec.Header().Get("Location"))
	must(t, err)
	v := u.Query()
	if !strings.HasPrefix(u.String(), callback) {
		v.Set("page", u.Path)
	}
	return n.Trips(), v
}

// token sends a token request and decodes the answer.
func (w *world) token(t testing.TB, params ...string) (status int, trips int64, answer map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !form.Has("client_id") {
		r.SetBasicAuth("app", w.secret)
	}
	rec := w.do(t, r)
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer %q: %v", rec.Body, err)
	}
	return rec.Code, n.Trips(), answer
}

func (w *world) exchange(t testing.TB, code string) (int, int64, map[string]any) {
	t.Helper()
	return w.token(t, "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
}

// claimsOf reads a JWT's payload without judging it.
func claimsOf(t testing.TB, jwt any) map[string]any {
	t.Helper()
	parts := strings.Split(jwt.(string), ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	var c map[string]any
	must(t, json.Unmarshal(b, &c))
	return c
}
