package handlers_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"idp/e2e/walk"
	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/crossdevice"
	"idp/internal/directory"
	"idp/internal/handlers"
	"idp/internal/handlers/pages"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/keys"
	"idp/internal/keys/keystest"
	"idp/internal/logctx"
	"idp/internal/oauth"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/storetest"
	"idp/internal/subject"
	"idp/internal/throttle"
	"idp/internal/trace"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

const (
	callback     = "https://app.example/cb"
	farewell     = "https://app.example/bye"
	goodPassword = "correct horse battery staple"
	verifier     = "0123456789012345678901234567890123456789abc"
	firefox      = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// site is a whole server over a real database, called in process.
type site struct {
	t         testing.TB
	issuer    string
	handler   http.Handler
	ops       http.Handler
	store     *store.Store
	accounts  *account.Service
	sessions  *session.Manager
	clients   *directory.Clients
	people    *pages.Pages
	across    *crossdevice.Service
	providers *directory.Providers
	keyring   *secret.Keyring
	health    *handlers.Health
	metrics   *handlers.Metrics
	op        *upstreamtest.OP
	log       *lines
	ann       *idp.User
	secret    string
	setUp     int // how often pages said that set-up is done
}

// options change what a site is made of.
type options struct {
	issuer     string
	proxies    []netip.Prefix
	protection session.Protection
	routes     []handlers.Route
	client     func(*idp.Client)
	provider   func(*idp.Provider)
	failures   int
	starts     int // sign-ins begun from one address in a minute
	level      string
	open       bool // people may register
	tries      int  // how many registrations one address may try; 100 if 0
}

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns all lines.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSite(t testing.TB, change ...func(*options)) *site {
	t.Helper()
	o := options{issuer: "https://id.example", level: "debug"}
	for _, c := range change {
		c(&o)
	}
	ctx := t.Context()
	s := &site{t: t, issuer: o.issuer, store: storetest.New(t), log: &lines{}, op: upstreamtest.NewInProcess(t), secret: secret.NewClientSecret()}
	log := logctx.New(logctx.Options{Output: s.log, Level: o.level, Format: "json"})
	var err error
	s.keyring, err = secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	hasher, err := secret.NewHasher(secret.HasherConfig{Params: secret.Params{MemoryKiB: 7 << 10, Iterations: 5, Parallelism: 1}, Concurrency: 1})
	must(t, err)
	events := audit.New(audit.Config{Store: s.store, Logger: log})
	traces := trace.New(trace.Config{Store: s.store, Logger: log, Retention: time.Hour})
	s.sessions = session.New(session.Config{
		Store: s.store, Keyring: s.keyring, Audit: events, Issuer: o.issuer, Protection: o.protection, Logger: log,
	})
	watcher := directory.NewWatcher(s.store, log)
	s.clients, s.providers = directory.NewClients(s.store, watcher, nil), directory.NewProviders(s.store, s.keyring, watcher, log)
	signer := keystest.New(t, keys.Config{Store: s.store, Keyring: s.keyring, Logger: log, MaxTokenLife: time.Hour})
	slow := throttle.New(throttle.Config{
		Store: s.store, Keyring: s.keyring, Logger: log, PerAccount: throttle.Limits{Failures: o.failures}, PerAddress: throttle.Limits{Failures: 10_000},
	})
	s.accounts = account.New(account.Config{
		Store: s.store, Keyring: s.keyring, Hasher: hasher, Audit: events, Sessions: s.sessions, Logger: log, Brand: "Example ID",
		Registration: account.Registration{Open: o.open, Throttle: slow, PerAddress: cmp.Or(o.tries, 100), Total: 1000},
	})
	interactions := interaction.New(interaction.Config{Store: s.store, Issuer: o.issuer, Starts: o.starts})
	look, err := ui.New(ui.Config{Brand: ui.Brand{Name: "Example ID"}, BasePath: pathOf(t, o.issuer), Log: log})
	must(t, err)
	across := crossdevice.New(crossdevice.Config{Store: s.store, Keyring: s.keyring, Audit: events, Throttle: slow, Logger: log})
	names, err := subject.New(ctx, s.store, s.keyring)
	must(t, err)
	contexts := idp.AuthenticationContexts{{ACR: "urn:example:password", AMR: []string{"pwd"}}, {ACR: "urn:example:gold"}}
	ways := &auth.Ways{Store: s.store, Providers: s.providers.Enabled}
	people, err := pages.New(pages.Deps{
		Contexts: contexts, Ways: ways,
		CrossDevice: across, Subjects: names,
		UI: look, Sessions: s.sessions, Interactions: interactions, Accounts: s.accounts, Providers: s.providers, Clients: s.clients,
		Password: auth.NewPassword(auth.Config{Store: s.store, Hasher: hasher, Throttle: slow, Audit: events, Logger: log}),
		Upstream: upstream.New(upstream.Config{HTTPClient: s.op.Client(), Logger: log}), Store: s.store, Keyring: s.keyring,
		Audit: events, Traces: traces, Issuer: o.issuer, Logger: log,
		SetupDone: func(context.Context) { s.setUp++ },
	})
	must(t, err)
	s.people, s.across = people, across
	s.metrics = handlers.NewMetrics(handlers.MetricsConfig{Audit: events, Traces: traces})
	protocol, err := oauth.New(oauth.Config{
		Contexts: contexts, Ways: ways,
		CrossDevice: across, Subjects: names, MayRegister: o.open,
		Issuer: o.issuer, Store: s.store, Clients: s.clients, Keys: signer, Keyring: s.keyring, Sessions: s.sessions, Interactions: interactions,
		Traces: traces, Audit: events, Logger: log, LoopLimit: 10,
		SignedOut: handlers.SignedOutPage(people), Fail: handlers.FailPage(people), IssuedTokens: s.metrics.Issued,
	})
	must(t, err)
	s.health = handlers.NewHealth(handlers.HealthConfig{Store: s.store, Keys: signer, Logger: log})
	s.handler, err = handlers.New(handlers.Dependencies{
		Issuer: o.issuer, UI: look, Pages: people, Protocol: append(handlers.FromOAuth(protocol), o.routes...), Clients: s.clients,
		Health: s.health, Metrics: s.metrics, TrustedProxies: o.proxies, Logger: log,
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "api "+r.URL.Path) }),
	})
	must(t, err)
	s.ops = handlers.NewOps(handlers.Ops{Health: s.health, Metrics: s.metrics})
	s.populate(ctx, o)
	return s
}

// populate creates a user, an application and an upstream.
func (s *site) populate(ctx context.Context, o options) {
	s.t.Helper()
	var err error
	s.ann, err = s.accounts.Create(ctx, account.NewUser{
		Email: "ann@example.com", EmailVerified: true, Username: "ann", Password: goodPassword, Profile: idp.Profile{Name: "Ann Example"},
	})
	must(s.t, err)
	now := time.Now().UTC()
	client := &idp.Client{
		ID: "app", Name: "Field Notes", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{farewell},
		Scopes: []string{"openid", "profile", "email", "offline_access"}, ResponseTypes: []string{"code"},
		GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken, idp.GrantClientCredentials}, AuthMethods: []string{idp.AuthClientSecretBasic},
		Contract: idp.DefaultContract(), CreatedAt: now, UpdatedAt: now,
		Secrets: []idp.ClientSecret{{ID: "1", Digest: s.keyring.KeyedDigest(idp.SecretPurpose, s.secret), CreatedAt: now}},
	}
	if o.client != nil {
		o.client(client)
	}
	must(s.t, s.store.CreateClient(ctx, client))
	row := s.op.Row("fake")
	row.ClientSecret = ""
	if o.provider != nil {
		o.provider(&row)
	}
	sealed, err := s.keyring.Seal([]byte(s.op.ClientSecret), directory.ProviderBinding(row.ID))
	must(s.t, err)
	must(s.t, s.store.CreateProvider(ctx, &row, sealed))
	s.providers.Forget()
}

func pathOf(t testing.TB, issuer string) string {
	t.Helper()
	u, err := url.Parse(issuer)
	must(t, err)
	return u.Path
}

// browser is a person's browser: cookies, redirects and the pages that go on by themselves.
type browser struct {
	s       *site
	cookies map[string]*http.Cookie
	agent   string
	remote  string
	header  http.Header
}

func (s *site) browser() *browser {
	return &browser{s: s, cookies: map[string]*http.Cookie{}, agent: firefox, remote: "203.0.113.7:4711", header: http.Header{}}
}

// copy returns another browser with the same cookies.
func (b *browser) copy() *browser {
	other := b.s.browser()
	for name, c := range b.cookies {
		other.cookies[name] = c
	}
	return other
}

// page is an answer.
type page struct {
	b      *browser
	url    *url.URL
	status int
	header http.Header
	body   string
	doc    *html.Node
	left   string // not empty: the browser left the provider for here
}

// send sends one request and follows nothing.
func (b *browser) send(method, address string, form url.Values) *page {
	b.s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.s.t.Context(), method, address, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.sendRequest(r)
}

func (b *browser) sendRequest(r *http.Request) *page {
	b.s.t.Helper()
	r.RemoteAddr = b.remote
	r.Header.Set("User-Agent", b.agent)
	for name, values := range b.header {
		r.Header[name] = values
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.s.handler.ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c
	}
	p := &page{b: b, url: r.URL, status: res.StatusCode, header: res.Header, body: rec.Body.String()}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		doc, err := html.Parse(strings.NewReader(p.body))
		must(b.s.t, err)
		p.doc = doc
	}
	if len(res.Header.Values("Set-Cookie")) > 0 && !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		b.s.t.Errorf("%s %s sets a cookie without no-store (SEC-12)", r.Method, r.URL.Path)
	}
	return p
}

// get opens an address and follows.
func (b *browser) get(address string) *page {
	b.s.t.Helper()
	return b.send(http.MethodGet, address, nil).follow()
}

// follow goes where the answer leads, within the server.
func (p *page) follow() *page {
	p.b.s.t.Helper()
	for hop := range 20 {
		to := p.header.Get("Location")
		if to == "" {
			to = walk.Refresh(p.doc)
		}
		if to == "" {
			return p
		}
		next, err := p.url.Parse(to)
		must(p.b.s.t, err)
		if !strings.HasPrefix(next.String(), p.b.s.issuer) {
			p.left = to
			return p
		}
		if hop == 19 {
			p.b.s.t.Fatalf("the browser is sent in a circle, last to %s", to)
		}
		p = p.b.send(http.MethodGet, next.String(), nil)
	}
	return p
}

func (p *page) element(id string) *html.Node { return walk.Element(p.doc, id) }

// is reports whether the page has an element.
func (p *page) is(id string) bool { return p.left == "" && p.element(id) != nil }

// text returns what an element says.
func (p *page) text(id string) string { return walk.Text(p.element(id)) }

// form returns the address and fields of the form around a button.
func (p *page) form(button string) (action string, fields url.Values) {
	p.b.s.t.Helper()
	n := p.element(button)
	if n == nil {
		p.b.s.t.Fatalf("want a page with #%s, got %s", button, p.describe())
	}
	form, fields := walk.Form(n)
	if form == nil {
		p.b.s.t.Fatalf("#%s on %s stands in no form", button, p.url)
	}
	to, err := p.url.Parse(walk.Attribute(form, "action"))
	must(p.b.s.t, err)
	return to.String(), fields
}

// push presses a button after filling in names and values, and does not follow.
func (p *page) push(button string, pairs ...string) *page {
	p.b.s.t.Helper()
	action, fields := p.form(button)
	for i := 0; i+1 < len(pairs); i += 2 {
		fields.Set(pairs[i], pairs[i+1])
	}
	return p.b.send(http.MethodPost, action, fields)
}

// submit is push, followed.
func (p *page) submit(button string, pairs ...string) *page {
	p.b.s.t.Helper()
	return p.push(button, pairs...).follow()
}

func (p *page) describe() string {
	if p.left != "" {
		return "the browser left for " + p.left
	}
	if p.is("error-code") {
		return "the error page " + p.text("error-code") + ": " + p.text("error-sentence") + " " + p.text("error-detail")
	}
	return p.url.Path + " " + http.StatusText(p.status) + " " + p.text("title") + " " + p.text("error-summary")
}

// az returns the address of an authorization request.
func (s *site) az(pairs ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {"app"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"st-1"}, "nonce": {"n-1"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return s.issuer + "/oauth2/authorize?" + q.Encode()
}

// signIn types name and password.
func (p *page) signIn(pairs ...string) *page {
	p.b.s.t.Helper()
	return p.submit("submit-login", append([]string{"identifier", "ann@example.com", "password", goodPassword}, pairs...)...)
}

// want checks that the page has an element.
func (p *page) want(id string) *page {
	p.b.s.t.Helper()
	if !p.is(id) {
		p.b.s.t.Fatalf("want a page with #%s, got %s", id, p.describe())
	}
	return p
}

// wantStatus checks the status.
func (p *page) wantStatus(want int) *page {
	p.b.s.t.Helper()
	if p.status != want {
		p.b.s.t.Errorf("%s: status %d, want %d (%s)", p.url.Path, p.status, want, p.describe())
	}
	return p
}

// wantCode checks that the browser left for the application with a code, and returns the parameters.
func (p *page) wantCode() url.Values {
	p.b.s.t.Helper()
	query, ok := strings.CutPrefix(p.left, callback+"?")
	values, err := url.ParseQuery(query)
	if !ok || err != nil || values.Get("code") == "" || values.Get("state") != "st-1" {
		p.b.s.t.Fatalf("want a code and the state at %s, got %s", callback, p.describe())
	}
	return values
}

// wantError checks that the browser left for the application with an error.
func (p *page) wantError(code string) {
	p.b.s.t.Helper()
	query, ok := strings.CutPrefix(p.left, callback+"?")
	values, err := url.ParseQuery(query)
	if !ok || err != nil || values.Get("error") != code {
		p.b.s.t.Fatalf("want error=%s at %s, got %s", code, callback, p.describe())
	}
}

// page400 is the error page of a request that belongs to nobody.
func (p *page) page400() *page {
	p.b.s.t.Helper()
	return p.want("error-code").wantStatus(http.StatusBadRequest)
}

// signedIn reports whether home greets somebody.
func (b *browser) signedIn() bool {
	b.s.t.Helper()
	return b.get(b.s.issuer + "/").is("sign-out")
}

// events returns the audit events of a type.
func (s *site) events(kind audit.Type) []*idp.AuditEvent {
	s.t.Helper()
	all, err := s.store.AuditEvents(s.t.Context(), "", store.Page{Limit: 500})
	must(s.t, err)
	var list []*idp.AuditEvent
	for _, e := range all {
		if e.Type == string(kind) {
			list = append(list, e)
		}
	}
	return list
}
