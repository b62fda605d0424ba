package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/handlers"
	"idp/internal/idp"
)

func TestPeer_AddressComesFromTrustedProxiesOnly(t *testing.T) { // FL-13, SEC-10
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "203.0.113.7:1", nil, "203.0.113.7"},
		{"a client writes the header", "203.0.113.7:1", []string{"1.2.3.4"}, "203.0.113.7"},
		{"one proxy", "10.0.0.1:1", []string{"198.51.100.9"}, "198.51.100.9"},
		{"the client wrote one before", "10.0.0.1:1", []string{"1.2.3.4, 198.51.100.9"}, "198.51.100.9"},
		{"two proxies", "10.0.0.1:1", []string{"1.2.3.4, 198.51.100.9, 10.0.0.2"}, "198.51.100.9"},
		{"several lines", "10.0.0.1:1", []string{"1.2.3.4", "198.51.100.9", "10.0.0.2"}, "198.51.100.9"},
		{"with a port", "10.0.0.1:1", []string{"198.51.100.9:8080"}, "198.51.100.9"},
		{"IPv6", "[2001:db8:1::5]:1", []string{"[2001:db8:9::1]:99"}, "2001:db8:9::1"},
		{"mapped", "[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.9"}, "198.51.100.9"},
		{"garbage", "10.0.0.1:1", []string{"1.2.3.4, <script>"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:1", []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		{"proxies only", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header", "10.0.0.1:1", nil, "10.0.0.1"},
		{"endless", "10.0.0.1:1", []string{"1.2.3.4" + strings.Repeat(", 10.0.0.2", 500)}, "10.0.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got idp.Peer
			s := newSite(t, func(o *options) {
				o.proxies = proxies
				o.routes = []handlers.Route{{Pattern: "/test", Handler: func(_ http.ResponseWriter, r *http.Request) { got = idp.PeerOf(r.Context()) }}}
			})
			b := s.browser()
			b.remote = c.remote
			b.header["X-Forwarded-For"] = c.forwarded
			b.send(http.MethodGet, s.issuer+"/test", nil)
			if got.Address != c.want {
				t.Errorf("address %q, want %q", got.Address, c.want)
			}
		})
	}
}

func TestPeer_AuditHasTheRealAddress(t *testing.T) { // FL-13
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.header.Set("X-Forwarded-For", "1.2.3.4")
	b.get(s.az()).signIn()
	if got := s.events(audit.LoginOK)[0].Address; got != "203.0.113.7" {
		t.Errorf("address %q, want the connection's", got)
	}
}

func TestPeer_RequestIDIsOursUnlessAProxySentOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for _, c := range []struct {
		remote, sent string
		kept         bool
	}{
		{"203.0.113.7:1", "abc-123", false},
		{"10.0.0.1:1", "abc-123", true},
		{"10.0.0.1:1", "a b", false},
		{"10.0.0.1:1", strings.Repeat("a", 65), false},
		{"10.0.0.1:1", "<script>", false},
		{"10.0.0.1:1", "", false},
	} {
		b := s.browser()
		b.remote = c.remote
		b.header.Set("X-Request-Id", c.sent)
		got := b.send(http.MethodGet, s.issuer+"/nothing", nil)
		if id := got.header.Get("X-Request-Id"); (id == c.sent) != c.kept || id == "" {
			t.Errorf("%s sent %q: the id is %q, want it kept: %t", c.remote, c.sent, id, c.kept)
		}
		if !strings.Contains(got.text("trace-id"), got.header.Get("X-Request-Id")) {
			t.Errorf("the error page does not show the request's id")
		}
	}
}

func TestFrame_HostHeaderChangesNothing(t *testing.T) { // SEC-9
	t.Parallel()
	s := newSite(t)
	paths := []string{
		"/", "/login", "/logout", "/setup", "/nothing", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
		"/.well-known/jwks.json", "/.well-known/change-password", "/oauth2/userinfo", "/oauth2/logout", strings.TrimPrefix(s.az(), s.issuer),
	}
	for _, path := range paths {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.issuer+path, nil)
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("X-Forwarded-Proto", "http")
		r.Header.Set("Forwarded", "host=evil.example;proto=http")
		p := s.browser().sendRequest(r)
		if strings.Contains(p.body, "evil.example") {
			t.Errorf("%s: the body names the host of the request", path)
		}
		for name, values := range p.header {
			if strings.Contains(strings.Join(values, " "), "evil.example") {
				t.Errorf("%s: the header %s names the host of the request", path, name)
			}
		}
		for _, c := range p.b.cookies {
			if !c.Secure || c.Domain != "" {
				t.Errorf("%s: cookie %s, want it as always", path, c)
			}
		}
	}
}

func TestFrame_ProgramsGetNoCookies(t *testing.T) { // FL-19
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/oauth2/token"},
		{http.MethodGet, "/oauth2/userinfo"},
		{http.MethodGet, "/.well-known/jwks.json"},
		{http.MethodGet, "/.well-known/openid-configuration"},
		{http.MethodPost, "/oauth2/introspect"},
		{http.MethodPost, "/oauth2/revoke"},
		{http.MethodGet, "/healthz"},
		{http.MethodGet, "/readyz"},
		{http.MethodGet, "/static/style.css"},
		{http.MethodGet, "/api/v1/users"},
	} {
		p := s.browser().send(c.method, s.issuer+c.path, url.Values{"grant_type": {"x"}})
		if p.header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s sets a cookie", c.method, c.path)
		}
		if p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s may be sniffed", c.method, c.path)
		}
	}
}

func TestCORS_IsForOriginsOfRegisteredClients(t *testing.T) { // FL-20
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"} {
		for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": "", "null": "", "https://app.example.evil.example": ""} {
			b := s.browser()
			b.header.Set("Origin", origin)
			b.header.Set("Access-Control-Request-Method", "POST")
			p := b.send(http.MethodOptions, s.issuer+path, nil)
			if p.status != http.StatusNoContent || p.header.Get("Access-Control-Allow-Origin") != want {
				t.Errorf("preflight of %s from %s: %d, origin %q; want 204 and %q", path, origin, p.status, p.header.Get("Access-Control-Allow-Origin"), want)
			}
			if p.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s allows cookies", path)
			}
			b.header.Set("Sec-Fetch-Site", "cross-site")
			got := b.send(http.MethodPost, s.issuer+path, url.Values{"grant_type": {"x"}})
			if got.header.Get("Access-Control-Allow-Origin") != want || !strings.Contains(strings.Join(got.header.Values("Vary"), ","), "Origin") {
				t.Errorf("POST %s from %s: origin %q, Vary %q; want %q and Origin", path, origin, got.header.Get("Access-Control-Allow-Origin"), got.header.Values("Vary"), want)
			}
		}
	}
	for _, path := range []string{"/oauth2/authorize", "/oauth2/introspect", "/oauth2/logout", "/login", "/", "/consent", "/setup", "/nothing"} {
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
			b := s.browser()
			b.header.Set("Origin", "https://app.example")
			b.header.Set("Access-Control-Request-Method", "POST")
			if got := b.send(method, s.issuer+path, nil).header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s %s allows the origin %s, want it never", method, path, got)
			}
		}
	}
}

func TestCORS_ClientsComeAndGo(t *testing.T) { // FL-20
	t.Parallel()
	s := newSite(t)
	allowed := func(origin string) bool {
		ok, err := s.clients.AllowsOrigin(t.Context(), origin)
		must(t, err)
		return ok
	}
	if allowed("https://spa.example") {
		t.Fatal("an origin of nobody is allowed")
	}
	c, err := s.store.Client(t.Context(), "app")
	must(t, err)
	changed := *c
	changed.AllowedOrigins = []string{"https://spa.example"}
	must(t, s.store.UpdateClient(t.Context(), &changed, changed.UpdatedAt))
	s.clients.Forget()
	if !allowed("https://spa.example") || allowed("https://app.example") {
		t.Error("the client's own list does not stand in place of its redirect URIs' origins")
	}
	changed.Disabled = true
	must(t, s.store.UpdateClient(t.Context(), &changed, changed.UpdatedAt))
	s.clients.Forget()
	if allowed("https://spa.example") {
		t.Error("a disabled client's origin is allowed")
	}
}

func TestFrame_WrongAddressAndWrongMethodAreAnsweredByAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.issuer + "/nothing/here").want("error-code").wantStatus(http.StatusNotFound)
	p := b.send(http.MethodDelete, s.issuer+"/login", nil).want("error-code").wantStatus(http.StatusMethodNotAllowed)
	if got := p.header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow %q, want GET, HEAD, POST", got)
	}
	if p := b.send(http.MethodHead, s.issuer+"/login", nil); p.status != http.StatusOK {
		t.Errorf("HEAD /login: %d, want 200", p.status)
	}
	if p := b.send(http.MethodGet, s.issuer+"/api/v1/users", nil); p.body != "api /api/v1/users" {
		t.Errorf("the API was not reached: %q", p.body)
	}
	if got := b.send(http.MethodGet, s.issuer+"/.well-known/change-password", nil).header.Get("Location"); got != s.issuer+"/" {
		t.Errorf("change-password leads to %q, want home", got)
	}
}

func TestFrame_PanicTellsTheLogOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.routes = []handlers.Route{{Pattern: "/test", Handler: func(http.ResponseWriter, *http.Request) { panic("kaboom") }}}
	})
	p := s.browser().send(http.MethodGet, s.issuer+"/test", nil).wantStatus(http.StatusInternalServerError)
	if strings.Contains(p.body, "kaboom") || strings.Contains(p.body, ".go:") || p.body != `{"error":"server_error"}` {
		t.Errorf("the client reads %q", p.body)
	}
	if log := s.log.String(); !strings.Contains(log, "kaboom") || !strings.Contains(log, "frame_test.go") {
		t.Error("the log has neither the cause nor the place")
	}
}

func TestFrame_WritesOneLinePerRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	var lines []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var l map[string]any
		must(t, json.Unmarshal([]byte(line), &l))
		if l["msg"] == "request" {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		t.Fatal("no access lines")
	}
	first := lines[0]
	for key, want := range map[string]any{"method": "GET", "route": "/oauth2/authorize", "status": 303.0, "client_id": "app", "address": "203.0.113.7"} {
		if first[key] != want {
			t.Errorf("%s = %v, want %v", key, first[key], want)
		}
	}
	for _, key := range []string{"duration_ms", "bytes", "request_id", "trace_id"} {
		if _, ok := first[key]; !ok {
			t.Errorf("the line lacks %s: %v", key, first)
		}
	}
	if log := s.log.String(); strings.Contains(log, "st-1") || strings.Contains(log, "code_challenge=") {
		t.Error("the log has something of a query")
	}
}

func TestHealth_ReadinessFollowsTheDatabaseAndTheShutdown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	for _, path := range []string{"/healthz", "/health/live", "/readyz", "/health/ready"} {
		if p := b.send(http.MethodGet, s.issuer+path, nil); p.status != http.StatusOK || p.body != "ok\n" {
			t.Errorf("%s: %d %q, want 200 ok", path, p.status, p.body)
		}
	}
	s.health.Drain()
	b.send(http.MethodGet, s.issuer+"/readyz", nil).wantStatus(http.StatusServiceUnavailable)
	b.send(http.MethodGet, s.issuer+"/healthz", nil).wantStatus(http.StatusOK)
	rec := httptest.NewRecorder()
	s.ops.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz of the operators' side: %d, want 503", rec.Code)
	}
}

func TestDraining_EveryAnswerLetsItsConnectionGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	for _, draining := range []string{"", "close"} {
		for _, path := range []string{"/login", "/.well-known/openid-configuration", "/nowhere", "/readyz"} {
			if got := b.send(http.MethodGet, s.issuer+path, nil).header.Get("Connection"); got != draining {
				t.Errorf("%s: Connection %q, want %q", path, got, draining)
			}
		}
		s.health.Drain()
	}
}

func TestPages_DatabaseDoesNotAnswer(t *testing.T) { // PS-19
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	action, form := b.get(s.issuer + "/login").form("submit-login")
	form.Set("identifier", "ann")
	form.Set("password", goodPassword)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	signIn := httptest.NewRequestWithContext(late, http.MethodPost, action, strings.NewReader(form.Encode()))
	signIn.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, r := range map[string]*http.Request{
		"sign-in": signIn, "set-up": httptest.NewRequestWithContext(late, http.MethodGet, s.issuer+"/setup", nil),
	} {
		p := b.sendRequest(r).want("error-code")
		if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q; want 503 and when to come back (%s)", name, p.status, p.header.Get("Retry-After"), p.describe())
		}
	}
	if b.cookies["__Host-idp_session"] != nil {
		t.Error("there is a session cookie without a session")
	}
}

func TestMetrics_CountRoutesTokensAndSignIns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	values := s.browser().get(s.az()).signIn().submit("allow").wantCode()
	token := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/oauth2/token", strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {values.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}.Encode()))
	token.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	token.SetBasicAuth("app", s.secret)
	s.browser().sendRequest(token).wantStatus(http.StatusOK)
	rec := httptest.NewRecorder()
	s.ops.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`idp_http_requests_total{class="2xx",route="/oauth2/token"} 1`, `idp_tokens_issued_total{grant_type="authorization_code"} 1`,
		`idp_logins_total{outcome="ok"} 1`, `idp_audit_events_total{type="login.ok"} 1`, `idp_traces_dropped_total 0`,
		`idp_http_request_duration_seconds_count{route="/oauth2/token"} 1`,
	} {
		if !strings.Contains(rec.Body.String(), line+"\n") {
			t.Errorf("the figures lack %s", line)
		}
	}
	if got := s.browser().send(http.MethodGet, s.issuer+"/metrics", nil); got.status != http.StatusNotFound {
		t.Errorf("/metrics of the public side: %d, want 404", got.status)
	}
}

func TestFrame_IssuerMayHaveAPath(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.issuer = "https://id.example/tenant" })
	s.browser().get(s.az()).signIn().submit("allow").wantCode()
	b := s.browser()
	for path, want := range map[string]int{
		"/tenant/login": 200, "/login": 404, "/tenant/": 200, "/": 404, "/healthz": 200, "/tenant/healthz": 200,
		"/.well-known/oauth-authorization-server/tenant": 200, "/tenant/.well-known/openid-configuration": 200, "/tenant/static/style.css": 200,
	} {
		if got := b.send(http.MethodGet, "https://id.example"+path, nil).status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

func TestAnonymous_StateIsBounded(t *testing.T) { // SEC-23
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	first := b.get(s.az()).want("submit-login")
	for range 40 {
		b.get(s.az())
	}
	b.get(first.url.String()).page400() // an older request made way
	for name, c := range b.cookies {
		if len(c.String()) > 1024 {
			t.Errorf("cookie %s has %d bytes, want at most 1024", name, len(c.String()))
		}
	}
	for range 30 {
		b.send(http.MethodGet, s.issuer+"/login", nil)
	}
	b.get(s.az()).signIn().want("allow")
}
