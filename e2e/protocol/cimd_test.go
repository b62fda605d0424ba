package protocol

// Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document), and what an outsider's addresses can make this server do.

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
)

// homepage is where applications keep their documents.
type homepage struct {
	*httptest.Server
	mu   sync.Mutex
	docs map[string]any // by path: a doc, a text, or a handler
	hits atomic.Int64
	ca   string
}

func newHomepage(t *testing.T) *homepage {
	t.Helper()
	h := &homepage{docs: map[string]any{}}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hits.Add(1)
		h.mu.Lock()
		found := h.docs[r.URL.Path]
		h.mu.Unlock()
		switch v := found.(type) {
		case nil:
			http.NotFound(w, r)
		case http.HandlerFunc:
			v(w, r)
		case string:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(v))
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "max-age=0")
			_ = json.NewEncoder(w).Encode(v)
		}
	}))
	t.Cleanup(h.Close)
	h.ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if err := os.WriteFile(h.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// put serves something at a path and returns its address.
func (h *homepage) put(path string, v any) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.docs[path] = v
	return h.URL + path
}

// app serves a document that describes an application, and returns the application.
func (h *homepage) app(path string, more doc) server.Client {
	id := h.URL + path
	h.put(path, doc{
		"client_id": id, "client_name": "Agent", "redirect_uris": []string{h.URL + "/cb", "http://127.0.0.1/cb"}, "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code", "refresh_token"}, "application_type": "native",
	}.and(more))
	return server.Client{ID: id, Redirect: h.URL + "/cb"}
}

// options are the settings of a server that may read the homepage.
func (h *homepage) options(trust string, more ...server.Option) []server.Option {
	return append([]server.Option{
		server.Set("IDP_CLIENT_DOCUMENTS__TRUST", trust), server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.0/8"), server.Set("IDP_OUTBOUND__CA_FILE", h.ca),
		server.Set("IDP_CLIENT_DOCUMENTS__PER_HOUR", "1000"),
	}, more...)
}

// pkce returns the parameters of a request with PKCE.
func pkce() (verifier string, pairs []string) {
	verifier = newVerifier()
	return verifier, []string{"code_challenge", challenge(verifier), "code_challenge_method", "S256"}
}

func TestCIMD_SignsInWithNoRegistration(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("open")...)
	if s.meta["client_id_metadata_document_supported"] != true {
		t.Error("discovery does not say client_id_metadata_document_supported")
	}
	c := h.app("/client.json", doc{"scope": "openid offline_access idp.admin"})
	verifier, pairs := pkce()
	p := s.browser(t).az(c, append(pairs, "scope", "openid offline_access", "prompt", "consent")...).login(s.user(t)).wantConsent()
	if !p.is("notice") || !strings.Contains(p.text("redirect-host"), strings.TrimPrefix(h.URL, "https://")) {
		t.Errorf("the consent page warns of nothing, or does not show the redirect host: %s", p.describe())
	}
	g := p.allow().wantCode()
	got := s.form(t, "token_endpoint", named(c), "grant_type", "authorization_code", "code", g.code, "redirect_uri", c.Redirect, "code_verifier", verifier).tokens()
	if s.verify(t, got.id).claims["aud"] != c.ID {
		t.Errorf("aud %v, want the address of the document", s.verify(t, got.id).claims["aud"])
	}
	again := s.refresh(t, c, got.refresh).tokens()
	if again.refresh == got.refresh || again.refresh == "" {
		t.Error("the refresh token of a client without a secret is not rotated")
	}
	s.browser(t).az(c, append(pairs, "scope", "openid idp.admin")...).wantErr("invalid_scope")
	n := h.hits.Load()
	for range 5 {
		s.browser(t).az(c, pairs...).wantLogin()
	}
	if h.hits.Load() != n {
		t.Errorf("the document was read %d times more within its least freshness", h.hits.Load()-n)
	}
	s.browser(t).az(server.Client{ID: c.ID, Redirect: "https://evil.example/cb"}, pairs...).wantPage400()
	s.browser(t).az(server.Client{ID: c.ID, Redirect: "http://127.0.0.1:4711/cb"}, pairs...).wantLogin() // RFC 8252 §7.3
}

// What a document says counts wherever its client comes back, and so does that it is gone. A server that has just started reads it anew.
func TestCIMD_AWithdrawnDocumentEndsItsClientAtEveryEndpoint(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	seed := strings.Replace(server.SeedText(), "\nclients:\n", "\nclients:\n  - {client_id: gateway, secret_file: secrets/service, grant_types: [client_credentials], scopes: [idp.introspect]}\n", 1)
	gateway := server.Client{ID: "gateway", Secret: server.Service().Secret}
	s := start(t, h.options("open", server.Seed(seed))...)
	c := h.app("/client.json", doc{"scope": "openid offline_access"})
	verifier, pairs := pkce()
	g := s.browser(t).az(c, append(pairs, "scope", "openid offline_access", "prompt", "consent")...).login(s.user(t)).wantConsent().allow().wantCode()
	got := s.form(t, "token_endpoint", named(c), "grant_type", "authorization_code", "code", g.code, "redirect_uri", c.Redirect, "code_verifier", verifier).tokens()
	s.Restart(t)
	n := h.hits.Load()
	got = s.refresh(t, c, got.refresh).tokens()
	if h.hits.Load() != n+1 {
		t.Errorf("the document was read %d times for a refresh after a start, want once", h.hits.Load()-n)
	}
	s.userInfo(t, got.access).want(http.StatusOK)
	s.introspect(t, gateway, got.access).wantActive(true)
	h.put("/client.json", nil)
	s.Restart(t)
	s.refresh(t, c, got.refresh).wantError(401, "invalid_client")
	s.form(t, "revocation_endpoint", named(c), "token", got.refresh).wantError(401, "invalid_client")
	s.form(t, "introspection_endpoint", named(c), "token", got.access).wantError(401, "invalid_client")
	s.form(t, "pushed_authorization_request_endpoint", named(c), "response_type", "code").wantError(401, "invalid_client")
	s.form(t, "token_endpoint", named(server.Client{ID: h.URL + "/stranger.json"}), "grant_type", "refresh_token", "refresh_token", got.refresh).wantError(401, "invalid_client")
	// Nor are the access tokens that are still out good for anything, from the moment that it is known.
	s.userInfo(t, got.access).want(http.StatusUnauthorized)
	s.introspect(t, gateway, got.access).wantActive(false)
	if extra := h.hits.Load() - n; extra != 2 {
		t.Errorf("addresses were read %d times, want the document once for each start, and none that is not known", extra)
	}
}

func TestCIMD_WarnsWhereTheAnswerStaysOnThisComputer(t *testing.T) { // any program there may listen, whoever's name it bears
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("open")...)
	c := h.app("/client.json", nil)
	_, pairs := pkce()
	p := s.browser(t).az(server.Client{ID: c.ID, Redirect: "http://127.0.0.1:4711/cb"}, append(pairs, "scope", "openid")...).login(s.user(t)).wantConsent()
	if !p.is("loopback-warning") {
		t.Errorf("the consent page does not warn of the loopback address: %s", p.describe())
	}
}

func TestCIMD_WaitsForApproval(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	s := start(t, append(h.options("off"), server.Set("IDP_MCP", "true"), server.Set("IDP_CLIENT_DOCUMENTS__TRUST", "approval"))...)
	c := h.app("/client.json", nil)
	_, pairs := pkce()
	for range 3 {
		if p := s.browser(t).az(c, pairs...); p.status != http.StatusForbidden || p.is("submit-login") {
			t.Fatalf("got %s, want a page that says that an administrator must approve it", p.describe())
		}
	}
	if n := h.hits.Load(); n != 1 {
		t.Errorf("the document was read %d times, want once", n)
	}
	if list := s.Run(t, "client", "pending"); !strings.Contains(list, c.ID) {
		t.Errorf("client pending does not list it:\n%s", list)
	}
	s.Run(t, "client", "approve", c.ID)
	eventually(t, 5*time.Second, "an approved application is let in", func() bool { return s.browser(t).az(c, pairs...).is("submit-login") })
	if p := s.browser(t).az(c, append(pairs, "scope", "openid")...).login(s.user(t)).wantConsent(); p.is("notice") {
		t.Error("the consent page warns of an application that an administrator approved")
	}
	s.Run(t, "client", "deny", c.ID)
	eventually(t, 5*time.Second, "a denied application is refused", func() bool { return s.browser(t).az(c, pairs...).status == http.StatusBadRequest })
}

func TestCIMD_OnlyHostsThatTheOperatorNames(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("hosts", server.Set("IDP_CLIENT_DOCUMENTS__HOSTS", "vscode.dev, .tools.example"))...)
	c := h.app("/client.json", nil)
	_, pairs := pkce()
	if p := s.browser(t).az(c, pairs...); p.status != http.StatusForbidden {
		t.Errorf("got %s, want it refused", p.describe())
	}
	if h.hits.Load() != 0 {
		t.Error("a host that is not named was called")
	}
	named := start(t, h.options("hosts", server.Set("IDP_CLIENT_DOCUMENTS__HOSTS", "127.0.0.1"))...)
	p := named.browser(t).az(c, append(pairs, "scope", "openid")...).login(named.user(t)).wantConsent()
	if p.is("notice") {
		t.Error("the consent page warns of an application of a host that the operator named")
	}
}

func TestCIMD_IsOffUnlessTheOperatorSaysOtherwise(t *testing.T) {
	t.Parallel()
	s := shared(t)
	if s.meta["client_id_metadata_document_supported"] != nil {
		t.Error("discovery has client_id_metadata_document_supported")
	}
	s.browser(t).az(server.Client{ID: "https://app.example/client.json", Redirect: "https://app.example/cb"}).wantPage400()
}

func TestCIMD_BadDocumentsAreRefused(t *testing.T) { // draft §4, §5
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("open")...)
	_, pairs := pkce()
	refuse := func(name, path string) {
		t.Helper()
		if p := s.browser(t).az(server.Client{ID: h.URL + path, Redirect: h.URL + "/cb"}, pairs...); p.status < 400 || p.status >= 500 || p.is("submit-login") {
			t.Errorf("%s: got %s, want it refused", name, p.describe())
		}
	}
	i := 0
	for name, more := range map[string]doc{
		"another's client_id": {"client_id": h.URL + "/other.json"}, "no client_id": {"client_id": nil}, "a secret": {"client_secret": "x"}, "a secret's end": {"client_secret_expires_at": 0},
		"basic": {"token_endpoint_auth_method": "client_secret_basic"}, "post": {"token_endpoint_auth_method": "client_secret_post"}, "shared key": {"token_endpoint_auth_method": "client_secret_jwt"},
		"fragment": {"redirect_uris": []string{h.URL + "/cb#x"}}, "no redirect": {"redirect_uris": nil}, "http redirect": {"redirect_uris": []string{"http://app.example/cb"}},
		"script": {"tos_uri": "javascript:alert(1)"}, "machine": {"grant_types": []string{"client_credentials"}, "response_types": []string{}, "redirect_uris": []string{}},
	} {
		i++
		path := fmt.Sprintf("/bad%d.json", i)
		h.app(path, more)
		refuse(name, path)
	}
	for name, v := range map[string]any{
		"no JSON": "hello", "a list": "[]", "empty": "", "deep": `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "huge": `{"client_name":"` + strings.Repeat("x", 64<<10) + `"}`,
		"twice": `{"client_id":"a","client_id":"b"}`,
		"a page": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<p>hello"))
		}),
		"an error": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
		"endless": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(" ", 4096))); err != nil {
					return
				}
			}
		}),
		"slow": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}),
	} {
		i++
		path := fmt.Sprintf("/bad%d.json", i)
		h.put(path, v)
		refuse(name, path)
	}
	c := h.app("/moved.json", nil)
	h.put("/here.json", http.HandlerFunc(http.RedirectHandler(c.ID, http.StatusFound).ServeHTTP))
	refuse("a redirect", "/here.json")
	refuse("nothing there", "/nothing.json")
	for _, id := range []string{
		"http://app.example/client.json", "https://app.example", "https://app.example/a/../client.json", "https://app.example/client.json#x", "https://user:pw@app.example/client.json",
		"https://app.example/client.json?x=1",
	} {
		s.browser(t).az(server.Client{ID: id, Redirect: "https://app.example/cb"}, pairs...).wantPage400()
	}
}

func TestCIMD_IsBounded(t *testing.T) { // by address, and in all
	t.Parallel()
	h := newHomepage(t)
	s := start(t, append(h.options("open"), server.Set("IDP_CLIENT_DOCUMENTS__PER_HOUR", "4"), server.Set("IDP_CLIENT_DOCUMENTS__QUOTA", "2"))...)
	_, pairs := pkce()
	for i := range 7 {
		p := s.browser(t).az(h.app(fmt.Sprintf("/app%d.json", i), nil), pairs...)
		if want := i < 2; p.is("submit-login") != want || !want && p.status != http.StatusTooManyRequests {
			t.Errorf("application %d: got %s", i, p.describe())
		}
	}
	if n := h.hits.Load(); n != 4 {
		t.Errorf("%d documents were read, want as many as the address may bring", n)
	}
}

// Whoever names an address makes this server call it: never one inside (OWASP server-side request forgery).
func TestSSRF_AddressesOfOutsidersStayOutside(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { h.hits.Add(1) }))
	t.Cleanup(inside.Close)
	s := start(t, server.Set("IDP_CLIENT_DOCUMENTS__TRUST", "open"), server.Set("IDP_OUTBOUND__CA_FILE", h.ca), server.Set("IDP_CLIENT_DOCUMENTS__PER_HOUR", "1000"),
		server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "1000"))
	_, pairs := pkce()
	_, port, _ := strings.Cut(strings.TrimPrefix(h.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "192.168.0.1", "[fd00::1]"} {
		id := "https://" + host + ":" + port + "/client.json"
		if p := s.browser(t).az(server.Client{ID: id, Redirect: "https://app.example/cb"}, pairs...); p.status < 400 || p.status >= 500 {
			t.Errorf("%s: got %s, want it refused", id, p.describe())
		}
		s.refused(t, "invalid_client_metadata", webApp().and(doc{"sector_identifier_uri": id, "subject_type": "pairwise"}))
	}
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"sector_identifier_uri": inside.URL + "/sector.json"}))
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"jwks_uri": inside.URL + "x:/y"}))
	if n := h.hits.Load(); n != 0 {
		t.Errorf("%d calls reached this machine", n)
	}
}
