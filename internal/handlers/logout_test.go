package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/internal/audit"
)

func TestLogout_EndsTheSessionForGood(t *testing.T) { // FL-14
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn("remember", "1")
	copied := b.copy()
	b.get(s.issuer + "/").submit("sign-out").want("sign-in-link").wantStatus(http.StatusOK)
	if copied.signedIn() {
		t.Error("the copied cookies are signed in after the sign-out")
	}
	copied.get(s.az()).want("submit-login")
	if n := len(s.events(audit.SessionEnded)); n != 1 {
		t.Errorf("%d events session.ended, want 1", n)
	}
	for _, name := range []string{"__Host-idp_session", "__Host-idp_remember"} {
		if b.cookies[name] != nil {
			t.Errorf("the browser still has %s", name)
		}
	}
}

func TestLogout_NothingEndsByAGet(t *testing.T) { // FS-8, SEC-5
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn()
	for _, path := range []string{"/logout", "/logout/done", "/oauth2/logout", "/oauth2/logout?client_id=app", "/"} {
		b.send(http.MethodGet, s.issuer+path, nil)
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.send(http.MethodPost, s.issuer+"/logout", url.Values{"action": {"confirm"}}).wantStatus(http.StatusForbidden)
	b.header.Del("Sec-Fetch-Site")
	if !b.signedIn() {
		t.Error("the session is gone")
	}
}

func TestLogout_ApplicationAsksAndThePersonDecides(t *testing.T) { // FL-14
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn()
	ask := s.issuer + "/oauth2/logout?" + url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {farewell}, "state": {"a b&c"}}.Encode()
	p := b.get(ask).want("confirm-logout")
	if !strings.Contains(p.body, "Field Notes") {
		t.Error("the page does not say who asks")
	}
	p.submit("cancel").want("sign-out")
	b.get(p.url.String()).page400() // answered once
	done := b.get(ask).submit("confirm-logout")
	if want := farewell + "?state=a+b%26c"; done.left != want {
		t.Errorf("the browser left for %q, want %q", done.left, want)
	}
	if b.signedIn() {
		t.Error("the session lives on")
	}
	if p := b.get(s.issuer + "/oauth2/logout?client_id=app&post_logout_redirect_uri=https%3A%2F%2Fevil.example"); p.left != "" {
		t.Errorf("the browser left for %s, which is not registered", p.left)
	}
}

func TestLogout_WithoutASession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.browser().get(s.issuer + "/logout").want("sign-in-link").wantStatus(http.StatusOK)
	s.browser().get(s.issuer + "/oauth2/logout").want("sign-in-link").wantStatus(http.StatusOK)
}

func TestPages_AreKeptByNobody(t *testing.T) { // FS-9, SEC-2
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn()
	for _, path := range []string{"/", "/login?switch=1", "/logout", "/nothing", "/setup", "/login?i=x", "/consent"} {
		p := b.send(http.MethodGet, s.issuer+path, nil)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Strict-Transport-Security": "max-age=31536000", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if got := p.header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'none'") || !strings.Contains(got, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, got)
		}
		if p.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s has CORS headers", path)
		}
	}
}
