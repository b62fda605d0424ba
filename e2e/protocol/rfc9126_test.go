package protocol

// RFC 9126, Pushed Authorization Requests.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"idp/e2e/server"
)

// push pushes the authorization request that az would send, as the client itself.
func (b *browser) push(c server.Client, pairs ...string) *answer {
	b.t.Helper()
	form := b.azForm(c, pairs...)
	form.Del("client_id")
	flat := make([]string, 0, 2*len(form))
	for name := range form {
		flat = append(flat, name, form.Get(name))
	}
	return b.site.form(b.t, "pushed_authorization_request_endpoint", usual(c), flat...)
}

// pushed pushes a request and returns the address to which the application sends the browser.
func (b *browser) pushed(c server.Client, pairs ...string) string {
	b.t.Helper()
	return b.pushedURL(c, b.push(c, pairs...).want(http.StatusCreated).str("request_uri"))
}

func (b *browser) pushedURL(c server.Client, uri string) string {
	b.t.Helper()
	return b.site.endpoint(b.t, "authorization_endpoint") + "?" + url.Values{"client_id": {c.ID}, "request_uri": {uri}}.Encode()
}

// wantDead wants an error page that says the request_uri is no good.
func (p *page) wantDead() {
	p.t.Helper()
	if got := p.wantPage400().text("error-code"); got != "invalid_request_uri" {
		p.t.Errorf("error code %q, want invalid_request_uri", got)
	}
}

func TestPAR_PushedRequestLeadsToACode(t *testing.T) { // RFC 9126 §2.2, §4; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	for _, c := range []server.Client{server.Pushed(), server.PKCE(), server.Native(), server.Web()} {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			b := s.browser(t)
			a := b.push(c).want(http.StatusCreated)
			uri := a.str("request_uri")
			if !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || len(uri) < 34+22 { // §7.1: not to be guessed
				t.Errorf("request_uri = %q, want the form of §2.2 with 128 bits behind it", uri)
			}
			number, _ := a.json["expires_in"].(json.Number)
			if life, err := number.Int64(); err != nil || life < 60 || life > 90 {
				t.Errorf("expires_in = %v, want 60 to 90", a.json["expires_in"])
			}
			if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
				t.Errorf("Cache-Control = %q, want no-store", got)
			}
			s.exchange(t, b.open(b.pushedURL(c, uri)).through(s.user(t)).wantCode()).tokens()
		})
	}
}

func TestPAR_NothingBesideTheRequestURICounts(t *testing.T) { // RFC 9126 §4, RFC 9101 §5, fosite D6; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	at := b.pushed(server.PKCE(), "scope", "openid")
	extra := url.Values{
		"scope": {"openid email"}, "redirect_uri": {"https://evil.example/"}, "state": {"evil"}, "nonce": {"evil"}, "max_age": {"0"}, "prompt": {"none"},
		"response_type": {"token"}, "code_challenge": {challenge(newVerifier())}, "response_mode": {"fragment"},
	}
	g := b.open(at + "&" + extra.Encode() + "&state=twice").login(u).wantCode()
	tk := s.exchange(t, g).tokens()
	if id := s.verify(t, tk.id); id.claims["nonce"] != b.asked.nonce || id.claims["email"] != nil {
		t.Errorf("the ID token says %v, want what was pushed", id.claims)
	}
}

func TestPAR_RequestURIMayBeOpenedAgainUntilItIsAnswered(t *testing.T) { // RFC 9126 §7.3, protocol.md §3.8; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	at := b.pushed(server.Pushed())
	b.open(at).wantLogin()
	first := b.open(at).wantLogin() // the page was loaded again
	first.login(s.user(t)).wantCode()
	b.open(at).wantDead()
	s.browser(t).open(at).wantDead()
}

func TestPAR_RequestURIIsSingleUse(t *testing.T) { // RFC 9126 §7.3; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	at := in.b.pushed(server.Pushed())
	var codes atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		mine := in.b.copy()
		mine.asked = in.b.asked
		group.Go(func() {
			if p := mine.open(at); p.left != nil && p.left.Query().Has("code") {
				codes.Add(1)
			}
		})
	}
	group.Wait()
	if codes.Load() != 1 {
		t.Errorf("64 parallel uses of one request_uri gave %d codes, want 1", codes.Load())
	}
	// Two pages that were opened before: only one gets a code.
	at = in.b.pushed(server.Pushed(), "prompt", "login")
	one, two := in.b.open(at).wantLogin(), in.b.open(at).wantLogin()
	u := s.user(t)
	answer := func(p *page) *page { return p.submit("use-another-account").login(u) }
	answer(one).wantCode()
	if p := answer(two); p.left != nil && p.left.Query().Has("code") {
		t.Error("the second page of one pushed request gave another code")
	}
}

func TestPAR_RequestURIBelongsToItsClient(t *testing.T) { // RFC 9126 §2.2, §7.3; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	uri := b.push(server.Web()).want(http.StatusCreated).str("request_uri")
	b.open(b.pushedURL(server.Other(), uri)).wantDead()
	b.open(b.site.endpoint(t, "authorization_endpoint") + "?" + url.Values{"request_uri": {uri}}.Encode()).wantPage400()
	b.open(b.pushedURL(server.Web(), uri)).wantLogin()
	b.open(b.pushedURL(server.Web(), uri) + "&request_uri=" + url.QueryEscape(uri)).wantPage400()
	for _, odd := range []string{uri + "x", uri[:len(uri)-2], "urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:idp_pr_" + strings.Repeat("A", 86)} {
		b.open(b.pushedURL(server.Web(), odd)).wantDead()
	}
}

func TestPAR_ClientAuthenticatesAsAtTheTokenEndpoint(t *testing.T) { // RFC 9126 §2: as at the token endpoint
	t.Parallel()
	s := shared(t)
	form := s.browser(t).azForm(server.Web())
	form.Del("client_id")
	flat := []string{}
	for name := range form {
		flat = append(flat, name, form.Get(name))
	}
	push := func(as auth, pairs ...string) *answer {
		t.Helper()
		return s.form(t, "pushed_authorization_request_endpoint", as, append(append([]string{}, flat...), pairs...)...)
	}
	wrong := server.Web()
	wrong.Secret = "wrong"
	push(inBody(server.Web())).want(http.StatusCreated)
	for name, a := range map[string]*answer{
		"wrong secret": push(basic(wrong)), "wrong secret in the body": push(inBody(wrong)), "no secret": push(named(server.Web())), "nobody": push(nobody),
		"unknown": push(named(server.Client{ID: "unknown"})),
	} {
		if a.wantError(401, "invalid_client"); a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	// Whoever authenticates pushes for themselves.
	push(basic(server.Web()), "client_id", "other").wantError(400, "invalid_request")
	push(basic(server.Web()), "client_id", "other", "redirect_uri", server.Other().Redirect, "code_challenge", absent, "code_challenge_method", absent).wantError(400, "invalid_request")
	push(basic(server.Web()), "client_id", "web").want(http.StatusCreated)
}

func TestPAR_ChecksWhatTheAuthorizationEndpointChecks(t *testing.T) { // RFC 9126 §2.1, §2.3
	t.Parallel()
	s := shared(t)
	for name, c := range map[string]struct {
		code  string
		pairs []string
	}{
		"a redirect URI that is not registered": {"invalid_request", []string{"redirect_uri", "https://evil.example/cb"}},
		"no redirect URI":                       {"invalid_request", []string{"redirect_uri", absent}},
		"a scope that it may not have":          {"invalid_scope", []string{"scope", "openid admin"}},
		"no response type":                      {"invalid_request", []string{"response_type", absent}},
		"an unknown response type":              {"unsupported_response_type", []string{"response_type", "magic"}},
		"no PKCE":                               {"invalid_request", []string{"code_challenge", absent, "code_challenge_method", absent}},
		"plain PKCE":                            {"invalid_request", []string{"code_challenge_method", "plain"}},
		"a prompt that is unknown":              {"invalid_request", []string{"prompt", "magic"}},
		"a prompt that contradicts itself":      {"invalid_request", []string{"prompt", "none login"}},
		"max_age that is no number":             {"invalid_request", []string{"max_age", "soon"}},
		"a hint that is not ours":               {"invalid_request", []string{"id_token_hint", "x.y.z"}},
		"a request_uri":                         {"invalid_request", []string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}},
		"a state too long":                      {"invalid_request", []string{"state", strings.Repeat("s", 5000)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.browser(t).push(server.PKCE(), c.pairs...).wantError(400, c.code)
		})
	}
	t.Run("other methods", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} { // §2.3
			s.call(t, newRequest(t, method, s.endpoint(t, "pushed_authorization_request_endpoint"), nil)).want(http.StatusMethodNotAllowed)
		}
	})
	t.Run("too large", func(t *testing.T) { // §2.3
		t.Parallel()
		s.browser(t).push(server.PKCE(), "x", strings.Repeat("x", 70<<10)).want(http.StatusRequestEntityTooLarge)
	})
	t.Run("a parameter twice", func(t *testing.T) {
		t.Parallel()
		form := s.browser(t).azForm(server.Pushed())
		form.Add("state", "another")
		header := http.Header{}
		usual(server.Pushed())(header, form)
		req := newRequest(t, http.MethodPost, s.endpoint(t, "pushed_authorization_request_endpoint"), form)
		req.Header = header
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s.call(t, req).wantError(400, "invalid_request")
	})
}

func TestPAR_MayBeRequired(t *testing.T) { // RFC 9126 §5, §6; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	s.browser(t).az(server.Pushed()).wantErr("invalid_request")
	own := start(t, server.Set("IDP_REQUESTS__REQUIRE_PUSHED", "true"))
	if own.meta["require_pushed_authorization_requests"] != true {
		t.Errorf("discovery says %v, want require_pushed_authorization_requests", own.meta["require_pushed_authorization_requests"])
	}
	if s.meta["require_pushed_authorization_requests"] == true {
		t.Error("discovery says that pushing is required of everybody")
	}
	own.browser(t).az(server.Trusted()).wantErr("invalid_request")
	b := own.browser(t)
	b.open(b.pushed(server.Trusted())).login(own.user(t)).wantCode()
}

func TestPAR_DeniedIsAnswered(t *testing.T) { // RFC 9126 §7.3
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	at := in.b.pushed(server.Web(), "scope", "openid email")
	in.b.open(at).wantConsent().submit("deny").wantErr("access_denied")
	in.b.open(at).wantDead()
}
