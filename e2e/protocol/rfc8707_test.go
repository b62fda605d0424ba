package protocol

// RFC 8707, Resource Indicators for OAuth 2.0.

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"idp/e2e/server"
)

const (
	calendar = "https://api.example/calendar"
	contacts = "https://api.example/contacts"
)

// azResources makes an authorization request with several resources.
func (b *browser) azResources(c server.Client, scope string, resources ...string) *page {
	b.t.Helper()
	form := b.azForm(c, "scope", scope)
	form["resource"] = resources
	return b.open(b.site.endpoint(b.t, "authorization_endpoint") + "?" + form.Encode())
}

// tokenFor calls the token endpoint with several resources.
func (s *site) tokenFor(t testing.TB, c server.Client, resources []string, pairs ...string) *answer {
	t.Helper()
	form := with(url.Values{"resource": resources}, pairs...)
	header := http.Header{}
	usual(c)(header, form)
	req := newRequest(t, http.MethodPost, s.endpoint(t, "token_endpoint"), form)
	req.Header = header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.call(t, req)
}

// wantAudience wants an access token for just these.
func (s *site) wantAudience(t testing.TB, access string, want ...string) {
	t.Helper()
	var got []string
	switch aud := s.verify(t, access).claims["aud"].(type) {
	case string:
		got = []string{aud}
	case []any:
		for _, one := range aud {
			got = append(got, one.(string))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("aud = %v, want %v", got, want)
	}
}

func TestResource_TokensAreForWhatWasAsked(t *testing.T) { // RFC 8707 §2.1, §2.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	c := server.Resources()
	code := func(scope string, resources ...string) []string {
		t.Helper()
		g := in.b.azResources(c, scope, resources...).wantCode()
		return []string{"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect}
	}
	s.wantAudience(t, s.tokenFor(t, c, nil, code("api.read", calendar)...).tokens().access, calendar)
	s.wantAudience(t, s.tokenFor(t, c, nil, code("api.read", calendar, contacts)...).tokens().access, calendar, contacts)
	s.wantAudience(t, s.tokenFor(t, c, nil, code("openid", calendar)...).tokens().access, calendar, s.Issuer) // UserInfo is a resource too
	s.wantAudience(t, s.tokenFor(t, c, nil, code("api.read")...).tokens().access, s.Issuer)
	// Narrower at the exchange, and anew at each refresh; never wider.
	tk := s.tokenFor(t, c, []string{calendar}, code("api.read offline_access", calendar, contacts)...).tokens()
	s.wantAudience(t, tk.access, calendar)
	for _, one := range []string{contacts, calendar} {
		tk = s.tokenFor(t, c, []string{one}, "grant_type", "refresh_token", "refresh_token", tk.refresh).tokens()
		s.wantAudience(t, tk.access, one)
	}
	s.tokenFor(t, c, []string{"urn:example:files"}, "grant_type", "refresh_token", "refresh_token", tk.refresh).wantError(400, "invalid_target")
	tk = s.tokenFor(t, c, nil, "grant_type", "refresh_token", "refresh_token", tk.refresh).tokens() // the refusal cost nothing
	s.wantAudience(t, tk.access, calendar, contacts)
	s.tokenFor(t, c, []string{contacts}, code("api.read", calendar)...).wantError(400, "invalid_target")
	// As itself.
	s.wantAudience(t, s.tokenFor(t, c, []string{calendar, "urn:example:files"}, "grant_type", "client_credentials", "scope", "api.read").tokens().access, calendar, "urn:example:files")
}

func TestResource_OthersAreRefused(t *testing.T) { // RFC 8707 §2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	c := server.Resources()
	for name, resource := range map[string]string{
		"not registered": "https://evil.example/", "almost": calendar + "/", "with a fragment": calendar + "#x", "no URI": "calendar", "relative": "/calendar", "a space": "https://a b/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := in.b.copy()
			b.t = t
			b.azResources(c, "api.read", resource).wantErr("invalid_target")
			b.push(c, "resource", resource).wantError(400, "invalid_target")
			s.tokenFor(t, c, []string{resource}, "grant_type", "client_credentials", "scope", "api.read").wantError(400, "invalid_target")
		})
	}
	in.b.azResources(server.Trusted(), "openid", calendar).wantErr("invalid_target")
	g := in.b.az(server.Trusted()).wantCode()
	pairs := []string{"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect}
	s.tokenFor(t, server.Trusted(), []string{calendar}, pairs...).wantError(400, "invalid_target")
	s.exchange(t, g).tokens() // what a client may never have does not cost it the code
}

func TestResource_SurvivesThePagesAndThePush(t *testing.T) { // RFC 8707 §2.1
	t.Parallel()
	s := shared(t)
	c := server.Resources()
	b := s.browser(t)
	form := b.azForm(c, "scope", "api.read")
	form["resource"] = []string{calendar, contacts}
	g := b.open(s.endpoint(t, "authorization_endpoint") + "?" + form.Encode()).login(s.user(t)).wantCode()
	s.wantAudience(t, s.exchange(t, g).tokens().access, calendar, contacts)
	header := http.Header{}
	usual(c)(header, form)
	req := newRequest(t, http.MethodPost, s.endpoint(t, "pushed_authorization_request_endpoint"), form)
	req.Header = header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	g = b.open(b.pushedURL(c, s.call(t, req).want(http.StatusCreated).str("request_uri"))).wantCode()
	s.wantAudience(t, s.exchange(t, g).tokens().access, calendar, contacts)
	// In a request object several are a list.
	in := s.signIn(t, server.Trusted())
	in.b.byValue(server.Signer(), es256(t, in.b.object(server.Signer(), members{"resource": []string{calendar}})), "redirect_uri", server.Signer().Redirect).wantErr("invalid_target")
}
