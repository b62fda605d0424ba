package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzPageForms: behind the form's own token, where fields are really read, no field of a page makes it fail, and none sends the browser elsewhere.
func FuzzPageForms(f *testing.F) {
	s := newSite(f, func(o *options) { o.open, o.failures, o.tries, o.starts = true, 1_000_000, 1_000_000, 1_000_000 })
	b := s.browser()
	login := b.get(s.az()).want("submit-login")
	_, fields := login.form("submit-login")
	token := url.Values{"csrf": fields["csrf"], "i": fields["i"]}.Encode()
	f.Fuzz(func(t *testing.T, page uint8, body string) {
		s.t = t
		paths := []string{"/login", "/select", "/consent", "/logout", "/register", "/device", "/device/confirm", "/approvals", "/login/link", "/login/upstream/fake"}
		path := paths[int(page)%len(paths)]
		r := httptest.NewRequest(http.MethodPost, s.issuer+path, strings.NewReader(token+"&"+body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.issuer)
		p := b.copy().sendRequest(r)
		to := p.header.Get("Location")
		if p.status >= 500 && p.status != http.StatusServiceUnavailable || strings.ContainsAny(to, "\r\n") {
			t.Fatalf("%s %q: status %d, Location %q", path, body, p.status, to)
		}
		if to != "" && !strings.HasPrefix(to, s.issuer+"/") && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, callback) && path != "/login/upstream/fake" {
			t.Fatalf("%s %q: sent to %q", path, body, to)
		}
		q := httptest.NewRequest(http.MethodGet, s.issuer+path, nil)
		q.URL.RawQuery = body
		if p := b.copy().sendRequest(q); p.status >= 500 {
			t.Fatalf("%s?%q: status %d", path, body, p.status)
		}
	})
}
