package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
	"idp/internal/upstream"
)

// deployment is a server as a proxy may leave it. The zero one is well.
type deployment struct {
	issuer        string // what it says of itself; empty: the truth
	redirect      bool
	startPage     bool
	believes      bool // X-Forwarded-Host
	dropsCookies  bool
	stripsCookies bool // of their flags
	caches        bool
	botFilter     string // user agents with this are refused
	slowClock     time.Duration
}

func (d deployment) serve(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	var srv *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		issuer := srv.URL
		switch {
		case d.redirect:
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
			return
		case d.startPage:
			w.Header().Set("Content-Type", "text/html")
			return
		case d.issuer != "":
			issuer = d.issuer
		case d.believes && r.Header.Get("X-Forwarded-Host") != "":
			issuer = "https://" + r.Header.Get("X-Forwarded-Host")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		w.Header().Set("Date", time.Now().Add(-d.slowClock).UTC().Format(http.TimeFormat))
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "token_endpoint": srv.URL + "/oauth2/token"})
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		c := &http.Cookie{Name: "idp_browser", Value: "x", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
		if secure {
			c.Name, c.Secure = "__Host-idp_browser", true
		}
		if d.stripsCookies {
			c.HttpOnly, c.SameSite, c.Domain = false, http.SameSiteNoneMode, "127.0.0.1"
		}
		if !d.dropsCookies {
			http.SetCookie(w, c)
		}
		if !d.caches {
			w.Header().Set("Cache-Control", "no-store")
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
	})
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		if d.botFilter != "" && strings.Contains(r.UserAgent(), d.botFilter) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
	})
	srv = httptest.NewUnstartedServer(mux)
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// facts of a deployment that is well within.
func facts(t *testing.T, srv *httptest.Server) Facts {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	client := newClient()
	client.Transport = srv.Client().Transport
	return Facts{
		Issuer: srv.URL, Listen: srv.Listener.Addr().String(), DataDir: t.TempDir(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		RotateEvery: 90 * 24 * time.Hour, Store: storetest.New(t), Keyring: ring, Upstream: upstream.New(upstream.Config{}), Client: client,
		DescribeKeys: func(context.Context) ([]keys.Info, error) {
			return []keys.Info{{ID: "k", Algorithm: "RS256", State: "signing", ActiveAt: time.Now().Add(-time.Hour)}}, nil
		},
	}
}

// worst returns the finding that is worst of one check.
func worst(list []Finding, check string) Finding {
	found := Finding{Check: check, Level: "none"}
	for _, f := range list {
		if f.Check == check && (found.Level == "none" || found.Level == OK || f.Level == Error) {
			found = f
		}
	}
	return found
}

func TestRun_NothingIsWrong(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		findings := Run(t.Context(), facts(t, deployment{}.serve(t, secure)))
		if levelOf(findings) != OK {
			t.Errorf("https %t: got %+v, want all well", secure, findings)
		}
		for _, check := range []string{"data_dir", "database", "migrations", "database_clock", "key_ring", "signing_keys", "listen", "issuer", "server_clock", "proxy", "cookies", "token_endpoint"} {
			if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == check }) {
				t.Errorf("https %t: nothing about %s", secure, check)
			}
		}
	}
}

func TestRun_FindsWhatIsWrongOutside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deployment
		check, cause string
	}{
		"the proxy leads to another server":   {deployment{issuer: "https://other.example"}, "issuer", "says that its issuer is https://other.example"},
		"the issuer redirects":                {deployment{redirect: true}, "issuer", "redirects to https://elsewhere.example/"},
		"a start page answers":                {deployment{startPage: true}, "issuer", "no discovery document"},
		"a visitor's forwarding headers":      {deployment{believes: true}, "proxy", "changes with the forwarding headers"},
		"the proxy drops Set-Cookie":          {deployment{dropsCookies: true}, "cookies", "without a cookie"},
		"the proxy rewrites Set-Cookie":       {deployment{stripsCookies: true}, "cookies", "without HttpOnly and without SameSite=Lax and with the domain"},
		"a cache keeps the sign-in page":      {deployment{caches: true}, "cookies", "instead of no-store"},
		"a filter refuses Python":             {deployment{botFilter: "python"}, "token_endpoint", "python-requests/2.32.3"},
		"the clock is slow":                   {deployment{slowClock: 5 * time.Minute}, "server_clock", "apart"},
		"a filter refuses whoever says Java/": {deployment{botFilter: "Java/"}, "token_endpoint", "Java/21"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := Run(t.Context(), facts(t, tc.serve(t, true)))
			if f := worst(findings, tc.check); f.Level != Error || !strings.Contains(f.Cause, tc.cause) || f.Mend == "" {
				t.Errorf("got %+v, want an error with %q and a mend", f, tc.cause)
			}
		})
	}
}

func TestRun_ServerIsDownOrOnlyUnreachable(t *testing.T) {
	t.Parallel()
	srv := deployment{}.serve(t, false)
	f := facts(t, srv)
	f.Issuer = "http://127.0.0.1:1"
	if got := worst(Run(t.Context(), f), "issuer"); got.Level != Error || !strings.Contains(got.Cause, "The server runs at") {
		t.Errorf("proxy away: got %+v, want it told from a server that is down", got)
	}
	f.Listen = "127.0.0.1:1"
	if got := worst(Run(t.Context(), f), "issuer"); got.Level != Error || !strings.Contains(got.Cause, "Nobody answers") {
		t.Errorf("server down: got %+v", got)
	}
	f.Issuer = "https://nobody.invalid"
	if got := worst(Run(t.Context(), f), "issuer"); got.Level != Error {
		t.Errorf("no such name: got %+v", got)
	}
}

func TestRun_ServerThatEndsTLSItselfNeedsNoProxy(t *testing.T) {
	t.Parallel()
	srv := deployment{}.serve(t, true)
	f := facts(t, srv)
	f.TrustedProxies = nil
	f.TLS = srv.Client().Transport.(*http.Transport).TLSClientConfig
	if got := worst(Run(t.Context(), f), "listen"); got.Level != OK || !strings.Contains(got.Cause, "TLS ends there") {
		t.Errorf("got %+v, want no word about a proxy", got)
	}
	f.Issuer = "https://127.0.0.1:1"
	if got := worst(Run(t.Context(), f), "issuer"); got.Level != Error || !strings.Contains(got.Cause, "The server runs at") {
		t.Errorf("its address is unreachable: got %+v, want it told from a server that is down", got)
	}
}

func TestRun_CertificateOfNobody(t *testing.T) {
	t.Parallel()
	srv := deployment{}.serve(t, true)
	srv.Config.ErrorLog = nil
	f := facts(t, srv)
	f.Client = newClient() // does not know the test's authority
	if got := worst(Run(t.Context(), f), "tls"); got.Level != Error || !strings.Contains(got.Cause, "signed by nobody") {
		t.Errorf("unknown authority: got %+v", got)
	}
	f.Client = newClient()
	f.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}}
	f.Issuer = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	if got := worst(Run(t.Context(), f), "tls"); got.Level != Error || !strings.Contains(got.Cause, "for another name") {
		t.Errorf("another name: got %+v", got)
	}
}

func TestCertificate_RenewalIsDue(t *testing.T) {
	t.Parallel()
	srv := deployment{}.serve(t, true)
	leaf := srv.Certificate()
	for left, want := range map[time.Duration]Level{40 * 24 * time.Hour: OK, 10 * 24 * time.Hour: Warning, 24 * time.Hour: Error, -time.Hour: Error} {
		r := &report{}
		Facts{}.certificate(r, &answer{tls: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}}, leaf.NotAfter.Add(-left))
		if got := levelOf(r.findings); got != want {
			t.Errorf("%s left: got %s, want %s", left, got, want)
		}
	}
}

func TestRun_FindsWhatIsWrongWithin(t *testing.T) {
	t.Parallel()
	srv := deployment{}.serve(t, false)
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *Facts)
		check  string
		level  Level
		cause  string
	}{
		"no database": {func(_ *testing.T, f *Facts) { f.Store, f.DatabaseErr = nil, errors.New("no such host") }, "database", Error, "no such host"},
		"pending migration": {func(t *testing.T, f *Facts) {
			db, err := sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: filepath.Join(t.TempDir(), "empty.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f.Store = store.New(db)
		}, "migrations", Error, "0001_first.sql"},
		"a database of a newer program": {func(t *testing.T, f *Facts) {
			db, err := sqldb.OpenSQLite(t.Context(), sqldb.SQLiteConfig{Path: filepath.Join(t.TempDir(), "newer.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f.Store = store.New(db)
			if _, err := f.Store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`); err != nil {
				t.Fatal(err)
			}
		}, "migrations", Error, "newer idp"},
		"no key ring": {func(_ *testing.T, f *Facts) { f.Keyring, f.KeyringErr = nil, os.ErrNotExist }, "key_ring", Error, "does not exist"},
		"a value that does not open": {func(_ *testing.T, f *Facts) {
			f.Sealed = []Sealed{{What: "signing key k", Value: "v1.gone.AAAA", Binding: secret.Binding{Table: "t", Column: "c", Row: "r"}}}
		}, "key_ring", Error, "signing key k does not open"},
		"a value under an older key": {func(t *testing.T, f *Facts) {
			old, fresh := secret.GenerateKey(), secret.GenerateKey()
			at := secret.Binding{Table: "t", Column: "c", Row: "r"}
			before, err := secret.NewKeyring(old)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := before.Seal([]byte("x"), at)
			if err != nil {
				t.Fatal(err)
			}
			if f.Keyring, err = secret.NewKeyring(fresh, old); err != nil {
				t.Fatal(err)
			}
			f.Sealed = []Sealed{{What: "x", Value: sealed, Binding: at}}
		}, "key_ring", Warning, "older key"},
		"a key that should have been rotated": {func(_ *testing.T, f *Facts) {
			f.DescribeKeys = func(context.Context) ([]keys.Info, error) {
				return []keys.Info{{ID: "k", Algorithm: "ES256", State: "signing", ActiveAt: time.Now().Add(-100 * 24 * time.Hour)}}, nil
			}
		}, "signing_keys", Warning, "was due for rotation"},
		"a data folder that others write": {func(t *testing.T, f *Facts) {
			if err := os.Chmod(f.DataDir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, "data_dir", Error, "Others may write"},
		"a key ring that others read": {func(t *testing.T, f *Facts) {
			path := filepath.Join(f.DataDir, "keyring")
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			f.PrivateFiles = []string{path}
		}, "files", Warning, "can open"},
		"everybody is a trusted proxy": {func(_ *testing.T, f *Facts) {
			f.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		}, "proxy", Error, "everybody may say"},
		"https without a trusted proxy": {func(_ *testing.T, f *Facts) {
			f.Issuer, f.TrustedProxies = "https://id.example.com", nil
			f.Client = &http.Client{Transport: nobody{}}
		}, "listen", Warning, "trusted_proxies is empty"},
		"an upstream that is away": {func(t *testing.T, f *Facts) {
			now := time.Now()
			p := &idp.Provider{ID: "hq", Type: "oidc", Name: "HQ", Issuer: "http://127.0.0.1:1", ClientID: "c", CreatedAt: now, UpdatedAt: now}
			if err := f.Store.CreateProvider(t.Context(), p, ""); err != nil {
				t.Fatal(err)
			}
			f.OpenProvider = func(row *store.SealedProvider) (*idp.Provider, error) {
				opened := *row.Provider
				opened.ClientSecret = "secret"
				return &opened, nil
			}
		}, "provider hq", Error, "cannot be read"},
		"a context that nobody vouches for":      {vouching(""), "context urn:example:gold", Warning, "No sign-in leads to it"},
		"a context whose provider was removed":   {vouching("urn:example:other"), "context urn:example:gold", Warning, "No sign-in leads to it"},
		"a context whose provider is off":        {vouching("urn:example:gold", func(p *idp.Provider) { p.Disabled = true }), "context urn:example:gold", Warning, "hq"},
		"a provider that vouches for no context": {vouching("urn:example:other"), "provider hq", Warning, "urn:example:other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(t, srv)
			tc.change(t, &f)
			if got := worst(Run(t.Context(), f), tc.check); got.Level != tc.level || !strings.Contains(got.Cause, tc.cause) || got.Mend == "" {
				t.Errorf("got %+v, want %s with %q and a mend", got, tc.level, tc.cause)
			}
		})
	}
}

// vouching gives a deployment the contexts of a password and of an upstream, and an upstream that vouches for one, if it is named.
func vouching(context string, changes ...func(*idp.Provider)) func(*testing.T, *Facts) {
	return func(t *testing.T, f *Facts) {
		t.Helper()
		f.Contexts = idp.AuthenticationContexts{{ACR: "urn:example:password", AMR: []string{idp.MethodPassword}}, {ACR: "urn:example:gold"}}
		f.OpenProvider = func(row *store.SealedProvider) (*idp.Provider, error) { return row.Provider, errors.New("not tried") }
		if context == "" {
			return
		}
		now := time.Now()
		p := &idp.Provider{
			ID: "hq", Type: "oidc", Name: "HQ", Issuer: "https://hq.example", ClientID: "c", Vouchers: []idp.Voucher{{Context: context, ACR: "theirs"}}, CreatedAt: now, UpdatedAt: now,
		}
		for _, change := range changes {
			change(p)
		}
		if err := f.Store.CreateProvider(t.Context(), p, ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRun_ContextsThatSomebodyCanReachAreWell(t *testing.T) {
	t.Parallel()
	f := facts(t, deployment{}.serve(t, false))
	vouching("urn:example:gold")(t, &f)
	findings := Run(t.Context(), f)
	for _, check := range []string{"context urn:example:password", "context urn:example:gold"} {
		if got := worst(findings, check); got.Level != OK {
			t.Errorf("%s: got %+v, want all well", check, got)
		}
	}
}

// nobody answers no request.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("not tried") }

// levelOf returns the level of the worst finding.
func levelOf(list []Finding) Level {
	level := OK
	for _, f := range list {
		if f.Level == Error || f.Level == Warning && level == OK {
			level = f.Level
		}
	}
	return level
}
