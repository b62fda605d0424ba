package protocol

// RFC 6749 §4.1.1, §4.1.2; OpenID Connect Core §3.1.2.

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

func TestAuthorize_SignInLeadsToACode(t *testing.T) { // FL-4, RFC 6749 §4.1
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	p := b.az(server.Web(), "scope", "openid profile email").wantLogin()
	if got := p.text("client-name"); got != "Web Shop" {
		t.Errorf("the sign-in page names %q, want the client's name (FL-17)", got)
	}
	p = p.login(u).wantConsent()
	if got := p.text("client-name"); got != "Web Shop" {
		t.Errorf("the consent page names %q, want the client's name", got)
	}
	for _, scope := range []string{"profile", "email"} {
		if !p.is("scope-" + scope) {
			t.Errorf("the consent page does not say that %s is asked for", scope)
		}
	}
	g := p.allow().wantCode()
	if n := len(g.code); n < 43 {
		t.Errorf("the code has %d characters, want 256 random bits (RFC 6749 §10.10)", n)
	}
	reply := s.exchange(t, g)
	reply.tokens()
	// Remembered per client and scope (protocol.md §3.2).
	b.az(server.Web(), "scope", "openid profile email", "prompt", "none").wantCode()
	b.az(server.Web(), "scope", "openid").wantCode()
	b.az(server.Web(), "scope", "openid profile email address", "prompt", "none").wantErr("consent_required")
	b.az(server.Web(), "scope", "openid profile email address").wantConsent()
	b.az(server.Other(), "prompt", "none").wantErr("consent_required")
}

func TestAuthorize_TrustedClientSkipsConsent(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.browser(t).az(server.Trusted(), "scope", "openid profile email").login(s.user(t)).wantCode()
}

func TestAuthorize_PostWorks(t *testing.T) { // OIDC Core §3.1.2.1, RP-2; a cross-site POST is legal here
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	for range 2 { // without a session, then with one
		form := b.azForm(server.Trusted())
		req := newRequest(t, http.MethodPost, s.endpoint(t, "authorization_endpoint"), form)
		req.Header.Set("Origin", "https://trusted.example")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		p := b.send(req).follow()
		if p.is("submit-login") {
			p = p.login(s.user(t))
		}
		p.wantCode()
	}
}

func TestAuthorize_StateComesBackByteForByte(t *testing.T) { // FD-2, RFC 6749 §4.1.2, PS-21
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	odd := strings.Repeat("a&=+%/ü ", 62) // more than 500 bytes
	for _, state := range []string{odd, strings.Repeat("x", 128), "a", "%41", "\"<script>", "日本語"} {
		b := s.browser(t)
		b.az(server.Trusted(), "state", state).through(u).wantCode()
		b.az(server.Trusted(), "state", state, "prompt", "none", "scope", "openid unknown").wantErr("invalid_scope")
	}
	b := s.browser(t)
	b.az(server.Trusted()).through(u).wantCode()
	// PS-21: python-social-auth uses a state again while its session lives.
	b.az(server.Trusted(), "state", "the same").wantCode()
	b.az(server.Trusted(), "state", "the same").wantCode()
	// FAPI 2: no state in, no state out (fosite D10).
	b.az(server.Trusted(), "state", absent).wantCode()
	b.az(server.Trusted(), "state", absent, "prompt", "none", "max_age", "0").wantErr("login_required")
}

func TestAuthorize_NonceOfAnyLengthComesBack(t *testing.T) { // OIDC Core §3.1.2.1, fosite D11; protocol.md §3.2: optional for code
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	for _, nonce := range []string{"n", strings.Repeat("n", 64), "a b&c=ü"} {
		g := b.az(server.Trusted(), "nonce", nonce).through(u).wantCode()
		if got := s.verify(t, s.exchange(t, g).tokens().id).claims["nonce"]; got != nonce {
			t.Errorf("nonce = %v, want %q", got, nonce)
		}
	}
	g := b.az(server.Trusted(), "nonce", absent).wantCode()
	if got, there := s.verify(t, s.exchange(t, g).tokens().id).claims["nonce"]; there {
		t.Errorf("nonce = %v, want none: none was sent", got)
	}
}

func TestAuthorize_UnknownParametersAreIgnored(t *testing.T) { // RFC 6749 §3.1, RP-2, protocol.md §3.2
	t.Parallel()
	s := shared(t)
	s.browser(t).az(server.Trusted(), "display", "page", "ui_locales", "fi xx-YY en", "claims_locales", "de", "login_hint", "somebody@example.test",
		"acr_values", "urn:example:gold", "access_type", "offline", "foo", "bar", "response_mode", "query").login(s.user(t)).wantCode()
}

func TestAuthorize_LoginHintFillsTheForm(t *testing.T) { // OIDC Core §3.1.2.1
	t.Parallel()
	s := shared(t)
	p := s.browser(t).az(server.Trusted(), "login_hint", `hint"<x>@example.test`).wantLogin()
	if got := walk.Attribute(p.element("identifier"), "value"); got != `hint"<x>@example.test` {
		t.Errorf("the identifier field holds %q, want the hint, escaped", got)
	}
}

func TestAuthorize_UILocalesChooseTheLanguage(t *testing.T) { // FL-17, OIDC Core §3.1.2.1
	t.Parallel()
	s := shared(t)
	for want, hint := range map[string]string{"de": "fi de en", "en": "xx", "fr": "fr-CA"} {
		p := s.browser(t).az(server.Web(), "ui_locales", hint).wantLogin()
		if got := walk.Attribute(p.all("html")[0], "lang"); got != want {
			t.Errorf("ui_locales=%q: lang = %q, want %q", hint, got, want)
		}
	}
}

func TestAuthorize_BadClientOrRedirectIsAPage(t *testing.T) { // RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6, FD-17
	t.Parallel()
	s := shared(t)
	for name, pairs := range map[string][]string{
		"unknown client":          {"client_id", "nobody"},
		"no client":               {"client_id", absent},
		"client id in other case": {"client_id", "WEB"}, // SEC-14
		"unregistered redirect":   {"redirect_uri", "https://rp.example/other"},
		"http instead of https":   {"redirect_uri", "http://rp.example/cb"},
		"slash added":             {"redirect_uri", "https://rp.example/cb/"},
		"query added":             {"redirect_uri", "https://rp.example/cb?x=1"},
		"query changed":           {"redirect_uri", "https://rp.example/cb?keep=2&next=%2F"},
		"query reordered":         {"redirect_uri", "https://rp.example/cb?next=%2F&keep=1"},
		"query decoded":           {"redirect_uri", "https://rp.example/cb?keep=1&next=/"},
		"empty redirect":          {"redirect_uri", ""},
		"missing, two registered": {"redirect_uri", absent},
		"another client's":        {"redirect_uri", server.Other().Redirect},
		"service has none":        {"client_id", "service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.browser(t).az(server.Web(), pairs...).wantPage400()
			if uri := pairs[1]; pairs[0] == "redirect_uri" && uri != absent && uri != "" {
				// FD-17: a person can see what was sent.
				if got := p.text("redirect-uri"); got != uri {
					t.Errorf("the page shows the redirect URI %q, want the one that was received, %q", got, uri)
				}
			}
			if p.text("trace-id") == "" {
				t.Error("the page shows no request id")
			}
		})
	}
	t.Run("the error page escapes what it shows", func(t *testing.T) {
		t.Parallel()
		p := s.browser(t).az(server.Web(), "redirect_uri", `https://evil.example/"><script>alert(1)</script>`, "state", "<b>").wantPage400()
		if len(p.all("script")) > 0 {
			t.Errorf("the page has a script element: %s", p.body)
		}
	})
}

func TestAuthorize_RegisteredQueryIsKept(t *testing.T) { // RFC 6749 §3.1.2, RP-2: the answer is appended with &
	t.Parallel()
	s := shared(t)
	c := server.Web()
	c.Redirect = "https://rp.example/cb?keep=1&next=%2F"
	b := s.browser(t)
	p := b.az(c).through(s.user(t))
	if !strings.HasPrefix(p.leave, c.Redirect+"&") {
		t.Fatalf("sent to %s, want %s&…", p.leave, c.Redirect)
	}
	s.exchange(t, p.wantCode()).tokens()
	b.az(c, "prompt", "none", "max_age", "0").wantErr("login_required")
}

func TestAuthorize_MissingRedirectIsRefusedWithOneRegistered(t *testing.T) { // RFC 6749 §3.1.2.3; OIDC Core §3.1.2.1 requires it with openid
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	p := b.az(server.Trusted(), "redirect_uri", absent)
	if p.is("error-code") {
		p.wantPage400() // OpenID Connect: REQUIRED
		return
	}
	p.asked.redirect = server.Trusted().Redirect
	p.login(s.user(t)).wantCode()
}

func TestAuthorize_OtherErrorsAreRedirected(t *testing.T) { // RFC 6749 §4.1.2.1, RP-13, protocol.md §3.2
	t.Parallel()
	s := shared(t)
	for name, test := range map[string]struct {
		pairs []string
		want  []string
	}{
		"no response_type":           {[]string{"response_type", absent}, []string{"invalid_request", "unsupported_response_type"}},
		"empty response_type":        {[]string{"response_type", ""}, []string{"invalid_request", "unsupported_response_type"}},
		"nonsense response_type":     {[]string{"response_type", "cod"}, []string{"unsupported_response_type"}},
		"scope beyond the client's":  {[]string{"scope", "openid api.read"}, []string{"invalid_scope"}}, // RP-5: refused, not dropped
		"scope in other case":        {[]string{"scope", "OpenID"}, []string{"invalid_scope"}},          // fosite D26
		"scope with odd characters":  {[]string{"scope", "openid \"x\\y"}, []string{"invalid_scope"}},
		"prompt none and login":      {[]string{"prompt", "none login"}, []string{"invalid_request"}},
		"unknown prompt":             {[]string{"prompt", "nonsense"}, []string{"invalid_request"}},
		"max_age not a number":       {[]string{"max_age", "soon"}, []string{"invalid_request"}}, // fosite D12
		"max_age negative":           {[]string{"max_age", "-1"}, []string{"invalid_request"}},
		"request object":             {[]string{"request", "eyJhbGciOiJub25lIn0.e30."}, []string{"request_not_supported"}},
		"request_uri":                {[]string{"request_uri", "https://rp.example/request"}, []string{"request_uri_not_supported"}},
		"registration":               {[]string{"registration", "{}"}, []string{"registration_not_supported"}},
		"id_token_hint that is none": {[]string{"id_token_hint", "garbage"}, []string{"invalid_request", "login_required"}},
		"unknown response_mode":      {[]string{"response_mode", "carrier-pigeon"}, []string{"invalid_request", "unsupported_response_mode"}},
		"prompt none without anyone": {[]string{"prompt", "none"}, []string{"login_required"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.browser(t).az(server.Web(), test.pairs...)
			query := p.wantRedirect("error", "error_description", "error_uri", "state", "iss")
			for _, want := range test.want {
				if query.Get("error") == want {
					return
				}
			}
			t.Errorf("error = %q (%s), want one of %v", query.Get("error"), query.Get("error_description"), test.want)
		})
	}
}

func TestAuthorize_NoOpenIDIsPlainOAuth(t *testing.T) { // RP-2: Flask-Dance's documented provider sends no scope
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	g := b.az(server.Trusted(), "scope", "profile", "nonce", absent).through(u).wantCode()
	if got := s.exchange(t, g).tokens(); got.id != "" {
		t.Error("an ID token without scope openid")
	}
	g = b.az(server.Trusted(), "scope", absent, "nonce", absent).wantCode()
	reply := s.exchange(t, g)
	reply.tokens()
	// RP-5: what was granted differs from what was asked (nothing), so it must be named (RFC 6749 §5.1).
	if len(reply.words("scope")) == 0 {
		t.Errorf("no scope was asked, and the answer does not say which was granted: %s", reply.body)
	}
}

func TestAuthorize_DuplicateParametersAreRefused(t *testing.T) { // RFC 6749 §3.1, SEC-24, fosite D19
	t.Parallel()
	s := shared(t)
	for _, name := range []string{"response_type", "scope", "state", "nonce", "prompt", "max_age", "code_challenge", "code_challenge_method"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.browser(t)
			form := b.azForm(server.Trusted())
			value := form.Get(name)
			if value == "" {
				value = "1"
			}
			form[name] = []string{value, value}
			p := b.open(s.endpoint(t, "authorization_endpoint") + "?" + form.Encode())
			if name == "state" {
				// Which one to send back is a guess, so a page is right too.
				if p.left == nil {
					p.wantPage400()
					return
				}
				p.asked.state = p.left.Query().Get("state")
			}
			p.wantErr("invalid_request")
		})
	}
	for _, name := range []string{"client_id", "redirect_uri"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.browser(t)
			form := b.azForm(server.Trusted())
			form.Add(name, form.Get(name)+"x")
			b.open(s.endpoint(t, "authorization_endpoint") + "?" + form.Encode()).wantPage400()
		})
	}
	t.Run("body and query are not merged", func(t *testing.T) { // fosite D19
		t.Parallel()
		b := s.browser(t)
		form := b.azForm(server.Trusted())
		query := url.Values{"scope": {"openid profile"}}
		p := b.send(newRequest(t, http.MethodPost, s.endpoint(t, "authorization_endpoint")+"?"+query.Encode(), form)).follow()
		if p.is("submit-login") {
			p = p.login(s.user(t))
			if p.left != nil && p.left.Query().Has("code") {
				if got := s.exchange(t, p.wantCode()).words("scope"); len(got) > 1 {
					t.Errorf("scope of the query was merged into the body's: %v", got)
				}
				return
			}
		}
		p.wantErr("invalid_request")
	})
}

func TestAuthorize_DenialIsTold(t *testing.T) { // FD-8, RFC 6749 §4.1.2.1
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Web(), "scope", "openid email").login(u).wantConsent().submit("deny").wantErr("access_denied")
	// Nothing was remembered: the next request asks again.
	b.az(server.Web(), "scope", "openid email").wantConsent().allow().wantCode()
	// Giving up on the sign-in page is told too, where it can be done.
	if p := s.browser(t).az(server.Web()).wantLogin(); p.is("cancel-login") {
		p.submit("cancel-login").wantErr("access_denied")
	}
}

func TestAuthorize_FormPostWorksWhereItIsOffered(t *testing.T) { // OAuth 2.0 Form Post Response Mode: if it is offered, it works
	t.Parallel()
	s := shared(t)
	modes := []string{"query"}
	if _, there := s.meta["response_modes_supported"]; there {
		modes = stringsOf(t, s.meta, "response_modes_supported")
	}
	offered := false
	for _, mode := range modes {
		offered = offered || mode == "form_post"
	}
	b := s.browser(t)
	if !offered {
		b.az(server.Trusted(), "response_mode", "form_post").wantRedirect("error", "error_description", "error_uri", "state", "iss")
		return
	}
	p := b.az(server.Trusted(), "response_mode", "form_post").login(s.user(t))
	action, fields := p.form("submit-response")
	if action != server.Trusted().Redirect || fields.Get("code") == "" || fields.Get("state") != b.asked.state || fields.Get("iss") != s.Issuer {
		t.Errorf("the form posts %v to %s, want code, state and iss to %s", fields, action, server.Trusted().Redirect)
	}
}

func TestAuthorize_LoopIsBrokenWithinTenRequests(t *testing.T) { // FD-3: an application whose cookies do not stick, within 10 requests
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for n := 2; n <= 10; n++ {
		p := in.b.az(server.Trusted())
		if p.left != nil {
			p.wantCode()
			continue
		}
		if !p.is("loop-count") {
			t.Fatalf("request %d: want the page that explains the loop, got %s", n, p.describe())
		}
		if n < 5 {
			t.Errorf("the page comes at request %d already, want a person's own clicks left alone", n)
		}
		// Another application and another browser are not concerned.
		in.b.az(server.PKCE()).wantCode()
		s.browser(t).az(server.Trusted()).wantLogin()
		return
	}
	t.Error("ten authorizations in a row were all redirected, want a page that explains it")
}
