package protocol

// SEC-1, FL-5, PS-20: no Location leaves the provider, except to the exact registered string.

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
)

// evilTargets is the whole table of SEC-1, made for the registered URI https://rp.example/cb.
var evilTargets = []string{
	"//evil.example", "///evil.example", `/\evil.example`, `\\\evil.example`, "%5C%5C%5Cevil.example", "%20//evil.example", "%19////evil.example",
	" //evil.example", "\x19////evil.example", "ht\ttps://evil.example", "ht\ntps://evil.example", "https:evil.example", "https:/evil.example",
	"https:///evil.example", `https://good.example\.evil.example`, `https://evil.example\\.good.example`, `https://rp.example\@evil.example/cb`,
	"https://rp.example@evil.example", "https://rp.example:x@evil.example/cb", "https://rp.example.evil.example/cb", "https://evil.example/https://rp.example/cb",
	"javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd",
	"https://rp\u3002example/cb", "https://rp\uff0eexample/cb", "https://rp\uff61example/cb", "https://rp.example\uff0fcb",
	"https://rp.example/cb/..", "https://rp.example/cb/../evil", "https://rp.example/./cb", "https://rp.example//cb", "https://rp.example/cb?x", "https://rp.example/cb?", "https://rp.example/cb#f",
	"https://rp.example/cb#", "https://rp.example/CB", "https://RP.example/cb", "HTTPS://rp.example/cb", "https://rp.example:443/cb", "https://rp.example:444/cb",
	"https://user@rp.example/cb", "https://user:pw@rp.example/cb", "https://rp.example/cb%00", "https://rp.example/cb%2f", "https://rp.example/%63b", "https://rp.example/cb ", " https://rp.example/cb",
	"https://rp.example/cb\x00", "https://rp.example/cb\r\nX-Evil: 1", "https://rp.example./cb", "https://sub.rp.example/cb", "http://rp.example/cb", "//rp.example/cb", "/cb", "cb", "?x", ".",
	"https://evil.example", "http://127.0.0.1/cb", "http://localhost/cb",
}

func TestRedirect_AuthorizationGoesToTheRegisteredStringOnly(t *testing.T) { // SEC-1 as redirect_uri
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web())
	in.b.az(server.Web()).wantCode() // session and consent are there: nothing but the URI can stop it
	for _, target := range evilTargets {
		for _, extra := range [][]string{{}, {"prompt", "none"}, {"response_type", "nonsense"}, {"scope", "nonsense"}} {
			p := in.b.az(server.Web(), append([]string{"redirect_uri", target}, extra...)...)
			if p.left != nil || p.header.Get("Location") != "" || p.status != http.StatusBadRequest {
				t.Errorf("redirect_uri=%q %v: %s, want an error page", target, extra, p.describe())
			}
		}
	}
}

func TestRedirect_LogoutGoesToTheRegisteredStringOnly(t *testing.T) { // SEC-1 as post_logout_redirect_uri
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web())
	for _, target := range evilTargets {
		target = strings.ReplaceAll(target, "/cb", "/out")
		b := in.b.copy()
		if p := b.logout("id_token_hint", in.id, "post_logout_redirect_uri", target); p.left != nil {
			t.Errorf("post_logout_redirect_uri=%q: sent to %s", target, p.leave)
		}
	}
}

func TestRedirect_NoReturnParameterAnywhere(t *testing.T) { // SEC-1, FL-5, FD-10: as any return-like parameter of any page
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	names := []string{
		"next", "return", "return_to", "returnTo", "return_url", "redirect", "redirect_to", "redirect_url", "redirect_uri", "url", "u", "r", "to", "target", "continue", "dest",
		"callback", "goto", "service", "RelayState", "i", "post_logout_redirect_uri", "rd",
	}
	paths := []string{"/", "/login", "/consent", "/logout", "/select", "/setup", "/register", "/oauth2/authorize/resume", "/oauth2/logout", "/login/link", "/login/upstream/google"}
	// Enough of the table to meet every kind of parser; the whole of it goes to the two parameters that are meant for addresses.
	targets := []string{"//evil.example", `/\evil.example`, "https:evil.example", "https://evil.example", "javascript:alert(1)", "%20//evil.example"}
	for _, target := range targets {
		query := url.Values{}
		for _, name := range names {
			query.Set(name, target)
		}
		for _, path := range paths {
			for _, b := range []*browser{in.b, s.browser(t)} {
				p := b.open(s.Issuer + path + "?" + query.Encode())
				if p.left != nil {
					t.Errorf("GET %s with %q: sent to %s", path, target, p.leave)
				}
			}
		}
	}
	// In the form of the sign-in page, which answers with a redirect of its own.
	for _, target := range targets {
		b := s.browser(t)
		p := b.open(s.Issuer + "/login")
		if !p.is("submit-login") {
			p = b.az(server.Trusted()).wantLogin()
		}
		action, fields := p.form("submit-login")
		with(fields, "identifier", in.u.Email, "password", in.u.Password)
		for _, name := range names {
			if name != "i" && name != "u" {
				fields.Set(name, target)
			}
		}
		if p := b.post(action, fields); p.left != nil && !strings.HasPrefix(p.leave, server.Trusted().Redirect+"?") {
			t.Errorf("POST to the sign-in page with %q: sent to %s", target, p.leave)
		}
	}
}

func TestRedirect_PathsLeadNowhereElse(t *testing.T) { // SEC-1: the router's own redirects (cleaned paths, added slashes)
	t.Parallel()
	s := shared(t)
	host := strings.TrimPrefix(s.Issuer, "http://")
	for _, path := range []string{
		"//evil.example", "///evil.example", "//evil.example/..", "/\\evil.example", "/%5Cevil.example", "/%2f%2fevil.example", "/login//evil.example", "//evil.example/login/",
		"/login/", "/oauth2/authorize/", "/./login", "/x/../login", "/%2e%2e//evil.example",
	} {
		req := newRequest(t, http.MethodGet, s.Issuer+"/", nil)
		req.URL.Opaque = "//" + host + path // as it is, without Go's cleaning
		a := s.call(t, req)
		to := a.header.Get("Location")
		if to == "" {
			continue
		}
		at, err := url.Parse(to)
		if err != nil || at.Host != "" && at.Host != host || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
			t.Errorf("%q: Location %q leads off the provider", path, to)
		}
	}
}

func TestRedirect_HeadersCannotBeSplit(t *testing.T) { // RFC 6749 §10.15: CR and LF in what is sent back
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	p := b.get(b.azURL(server.Trusted(), "state", "a\r\nX-Evil: 1\r\n\r\n<script>", "prompt", "none"))
	if p.header.Get("X-Evil") != "" {
		t.Error("a header was injected through state")
	}
	p.follow().wantErr("login_required")
}

func TestHost_IsNeverBelieved(t *testing.T) { // SEC-9
	t.Parallel()
	s := shared(t)
	for _, header := range []http.Header{
		{"Host": {"evil.example"}},
		{"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Port": {"444"}, "X-Forwarded-Prefix": {"/evil"}},
		{"Forwarded": {"for=1.2.3.4;host=evil.example;proto=https"}},
		{"X-Original-Url": {"/evil.example"}, "X-Rewrite-Url": {"/evil.example"}, "X-Host": {"evil.example"}},
		{"X-Forwarded-Host": {"evil.example, other.example"}},
	} {
		t.Run(fmt.Sprint(header), func(t *testing.T) {
			t.Parallel()
			ask := func(method, at string) *answer {
				t.Helper()
				req := newRequest(t, method, at, nil)
				for name, values := range header {
					if name == "Host" {
						req.Host = values[0]
					} else {
						req.Header[name] = values
					}
				}
				return s.call(t, req)
			}
			b := s.browser(t)
			for _, at := range []string{
				s.Issuer + "/.well-known/openid-configuration", s.endpoint(t, "jwks_uri"), b.azURL(server.Trusted()), s.Issuer + "/login", s.Issuer + "/", s.Issuer + "/nowhere",
				s.endpoint(t, "end_session_endpoint"), s.endpoint(t, "userinfo_endpoint"), b.azURL(server.Trusted(), "prompt", "none"),
			} {
				a := ask(http.MethodGet, at)
				if a.status == http.StatusMisdirectedRequest || a.status == http.StatusBadRequest {
					continue
				}
				if strings.Contains(string(a.body), "evil") || strings.Contains(fmt.Sprint(a.header), "evil") {
					t.Errorf("GET %s: the answer names evil.example: %v %.300s", at, a.header, a.body)
				}
				for _, cookie := range a.header.Values("Set-Cookie") {
					if strings.Contains(strings.ToLower(cookie), "domain=") || strings.Contains(cookie, "__Host-") {
						t.Error("a header changed the cookies' attributes")
					}
				}
			}
		})
	}
}
