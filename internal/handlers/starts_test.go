package handlers_test

import (
	"net/http"
	"testing"
)

// SEC-23: visitors without cookies, or with a new one each time, cannot fill the database from one address.
func TestStarts_OfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.starts = 10 }) // two at once
	known := s.browser()
	known.get(s.issuer + "/login").want("submit-login") // a cookie of ours costs nothing, so it buys nothing
	known.get(s.az()).want("submit-login")
	s.browser().get(s.az()).want("submit-login")
	for name, b := range map[string]*browser{"without cookies": s.browser(), "with our cookie": known} {
		p := b.get(s.az()).wantStatus(http.StatusTooManyRequests).want("error-code")
		if got := p.header.Get("Retry-After"); got != "6" {
			t.Errorf("%s: got Retry-After %q, want 6", name, got)
		}
		if got := p.text("error-code"); got != "too_many_sign_ins" {
			t.Errorf("%s: got %q, want too_many_sign_ins", name, got)
		}
	}
	elsewhere := s.browser()
	elsewhere.remote = "198.51.100.9:1"
	elsewhere.get(s.az()).signIn().want("allow")
}
