package protocol

// SEC-5, FS-47, FS-8: nobody's page but ours makes a browser do something here.

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// forged returns requests that a hostile page could make a browser send for a form, by name.
func forged(t *testing.T, action string, fields url.Values, foreignToken string) map[string]*http.Request {
	t.Helper()
	request := func(fields url.Values, headers ...string) *http.Request {
		req := newRequest(t, http.MethodPost, action, fields)
		for pair := range slices.Chunk(headers, 2) {
			if pair[1] == absent {
				req.Header.Del(pair[0])
			} else {
				req.Header.Set(pair[0], pair[1])
			}
		}
		return req
	}
	changed := func(pairs ...string) url.Values { return with(maps.Clone(fields), pairs...) }
	plain := []string{"Origin", absent, "Sec-Fetch-Site", absent} // an old browser, or a tool: the token alone decides
	return map[string]*http.Request{
		"no token":              request(changed("csrf", absent), plain...),
		"empty token":           request(changed("csrf", ""), plain...),
		"rubbish token":         request(changed("csrf", "rubbish"), plain...),
		"another browser's":     request(changed("csrf", foreignToken), plain...),
		"no token, same origin": request(changed("csrf", absent)),
		"foreign origin":        request(fields, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"),
		"foreign origin alone":  request(fields, "Origin", "https://evil.example", "Sec-Fetch-Site", absent),
		"sibling site":          request(fields, "Origin", "https://evil.localhost", "Sec-Fetch-Site", "same-site"),
		"null origin":           request(fields, "Origin", "null", "Sec-Fetch-Site", absent),
		"cross-site fetch":      request(fields, "Origin", absent, "Sec-Fetch-Site", "cross-site"),
	}
}

// wantForbidden wants 403 and no effect on where the browser is.
func wantForbidden(t *testing.T, name string, p *page) {
	t.Helper()
	if p.status != http.StatusForbidden || p.header.Get("Location") != "" {
		t.Errorf("%s: %s, want 403", name, p.describe())
	}
}

func TestCSRF_SignInNeedsTheFormOfThisBrowser(t *testing.T) { // SEC-5: the attacker's credentials in the victim's browser
	t.Parallel()
	s := shared(t)
	attacker := s.user(t)
	other := s.browser(t)
	_, theirs := other.az(server.Trusted()).wantLogin().form("submit-login")
	b := s.browser(t)
	action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
	if fields.Get("csrf") == "" || fields.Get("csrf") == theirs.Get("csrf") {
		t.Fatalf("csrf = %q and %q in two browsers, want each its own", fields.Get("csrf"), theirs.Get("csrf"))
	}
	with(fields, "identifier", attacker.Email, "password", attacker.Password)
	for name, req := range forged(t, action, fields, theirs.Get("csrf")) {
		wantForbidden(t, name, b.send(req))
		if b.cookie("idp_session") != "" {
			t.Fatalf("%s: the browser is signed in", name)
		}
	}
	// Without cookies at all, as SameSite=Lax makes a cross-site POST.
	bare := s.browser(t)
	if p := bare.send(newRequest(t, http.MethodPost, action, fields)); p.status < 400 || p.status >= 500 || bare.cookie("idp_session") != "" {
		t.Errorf("a POST without cookies: %s, want it refused", p.describe())
	}
	// The form itself still works.
	b.post(action, fields).wantCode()
}

func TestCSRF_ConsentAndSignOutNeedTheFormOfThisBrowser(t *testing.T) { // SEC-5, FS-47
	t.Parallel()
	s := shared(t)
	other := s.signIn(t, server.Trusted())
	_, theirs := other.b.open(s.Issuer + "/").form("sign-out")
	in := s.signIn(t, server.Trusted())

	for _, button := range []string{"allow", "deny"} {
		p := in.b.az(server.Web(), "scope", "openid email").wantConsent()
		action, fields := p.form(button)
		for name, req := range forged(t, action, fields, theirs.Get("csrf")) {
			wantForbidden(t, button+", "+name, in.b.send(req))
		}
	}
	in.b.az(server.Web(), "scope", "openid email", "prompt", "none").wantErr("consent_required")

	action, fields := in.b.open(s.Issuer + "/").form("sign-out")
	for name, req := range forged(t, action, fields, theirs.Get("csrf")) {
		wantForbidden(t, "sign-out, "+name, in.b.send(req))
	}
	in.wantIn(t)
}

func TestCSRF_GetChangesNothing(t *testing.T) { // FS-8, SEC-5: sign-out and upstream sign-in start by POST only
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	pending := in.b.az(server.Web(), "scope", "openid email").wantConsent()
	action, fields := pending.form("allow")
	for _, at := range []string{
		s.Issuer + "/logout", s.Issuer + "/logout?action=confirm", s.endpoint(t, "end_session_endpoint"), action + "?" + fields.Encode(),
		s.Issuer + "/login/upstream/google", s.Issuer + "/login?identifier=" + url.QueryEscape(in.u.Email) + "&password=" + url.QueryEscape(in.u.Password),
	} {
		in.b.get(at)
		in.wantIn(t)
	}
	in.b.az(server.Web(), "scope", "openid email", "prompt", "none").wantErr("consent_required")
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete} {
		in.b.send(newRequest(t, method, s.Issuer+"/logout", nil))
		in.wantIn(t)
	}
}

func TestCSRF_OtherContentTypesAreRefused(t *testing.T) { // FS-47: text/plain is what a foreign page may send without asking
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
	with(fields, "identifier", u.Email, "password", u.Password)
	for _, contentType := range []string{"text/plain", "application/json", "multipart/form-data; boundary=x", ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, action, strings.NewReader(fields.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		p := b.send(req)
		if p.status < 400 || p.status >= 500 || b.cookie("idp_session") != "" {
			t.Errorf("%q: status %d, want 4xx and nobody signed in", contentType, p.status)
		}
	}
}
