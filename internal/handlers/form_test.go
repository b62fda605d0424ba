package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// posts lists every form of the server.
func posts() []string {
	return []string{"/login", "/select", "/login/upstream/fake", "/login/link", "/consent", "/logout", "/setup", "/register"}
}

func TestForms_NeedTheirToken(t *testing.T) { // FS-47, SEC-5
	t.Parallel()
	s := newSite(t)
	victim, attacker := s.browser(), s.browser()
	_, own := victim.get(s.issuer + "/login").form("submit-login")
	_, foreign := attacker.get(s.issuer + "/login").form("submit-login")
	credentials := url.Values{"identifier": {"ann"}, "password": {goodPassword}, "action": {"confirm"}}
	for _, path := range posts() {
		for name, change := range map[string]func(*browser, url.Values){
			"without token":      func(_ *browser, v url.Values) { v.Del("csrf") },
			"empty token":        func(_ *browser, v url.Values) { v.Set("csrf", "") },
			"another browser's":  func(_ *browser, v url.Values) { v.Set("csrf", foreign.Get("csrf")) },
			"without any cookie": func(b *browser, _ url.Values) { clear(b.cookies) },
			"foreign origin":     func(b *browser, _ url.Values) { b.header.Set("Origin", "https://evil.example") },
			"cross-site":         func(b *browser, _ url.Values) { b.header.Set("Sec-Fetch-Site", "cross-site") },
			"sibling subdomain":  func(b *browser, _ url.Values) { b.header.Set("Sec-Fetch-Site", "same-site") },
		} {
			b := victim.copy()
			form := url.Values{"csrf": {own.Get("csrf")}}
			for k, v := range credentials {
				form[k] = v
			}
			change(b, form)
			p := b.send(http.MethodPost, s.issuer+path, form)
			p.wantStatus(http.StatusForbidden)
			if b.cookies["__Host-idp_session"] != nil {
				t.Errorf("%s %s: there is a session", path, name)
			}
		}
	}
}

func TestForms_TokenCountsInTheBodyOnly(t *testing.T) { // FS-47
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	_, own := b.get(s.issuer + "/login").form("submit-login")
	b.send(http.MethodPost, s.issuer+"/login?csrf="+url.QueryEscape(own.Get("csrf")), url.Values{"identifier": {"ann"}, "password": {goodPassword}}).
		wantStatus(http.StatusForbidden)
}

func TestForms_AreForms(t *testing.T) { // FS-47
	t.Parallel()
	s := newSite(t)
	for _, kind := range []string{"text/plain", "application/json", "multipart/form-data; boundary=x", ""} {
		b := s.browser()
		_, own := b.get(s.issuer + "/login").form("submit-login")
		own.Set("identifier", "ann")
		own.Set("password", goodPassword)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/login", strings.NewReader(own.Encode()))
		r.Header.Set("Content-Type", kind)
		b.sendRequest(r).wantStatus(http.StatusUnsupportedMediaType)
	}
}

func TestForms_AreBounded(t *testing.T) { // FB-5
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	_, own := b.get(s.issuer + "/login").form("submit-login")
	own.Set("identifier", "ann")
	own.Set("password", strings.Repeat("a", 10<<20))
	b.send(http.MethodPost, s.issuer+"/login", own).wantStatus(http.StatusRequestEntityTooLarge).want("error-code")

	unannounced := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/login", strings.NewReader(own.Encode()))
	unannounced.ContentLength = -1
	unannounced.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.sendRequest(unannounced).wantStatus(http.StatusRequestEntityTooLarge)

	own.Set("password", strings.Repeat("a", 5000))
	b.send(http.MethodPost, s.issuer+"/login", own).wantStatus(http.StatusOK).want("error-summary")
}

func TestForms_OwnOriginIsKnownBehindAProxyThatRenamesTheHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	_, own := b.get(s.issuer + "/login").form("submit-login")
	own.Set("identifier", "ann")
	own.Set("password", goodPassword)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/login", strings.NewReader(own.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", s.issuer)
	r.Host = "idp-7c9f.internal:8080"
	b.sendRequest(r).wantStatus(http.StatusSeeOther)
}
