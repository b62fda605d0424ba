package protocol

// RFC 8707, Resource Indicators for OAuth 2.0.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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
	object := func(resources ...string) *page {
		return in.b.byValue(server.Signer(), es256(t, in.b.object(server.Signer(), members{"scope": "openid", "resource": resources})), "redirect_uri", server.Signer().Redirect)
	}
	s.wantAudience(t, s.exchange(t, object(calendar, contacts).wantCode()).tokens().access, calendar, contacts, s.Issuer)
	object(calendar, "urn:example:files").wantErr("invalid_target")
}

const (
	mailAPI  = "https://mail.example/mcp"
	filesAPI = "https://files.example/mcp"
)

// serving starts a server with two protected resources, each with a scope of its own, and an application that registered itself.
func serving(t *testing.T) (*site, server.Client) {
	t.Helper()
	s := start(t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"))
	s.Run(t, "resource", "create", "mail", "--identifier", mailAPI, "--scope", "mail.read,shared.read")
	s.Run(t, "resource", "create", "files", "--identifier", filesAPI, "--scope", "files.read,shared.read")
	s.wantResources(t, 2)
	c := s.register(t, webApp().and(doc{"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access mail.read files.read shared.read"})).application("https://notes.example/cb")
	return s, c
}

// wantResources waits until so many resources are known.
func (s *site) wantResources(t *testing.T, n int) {
	t.Helper()
	eventually(t, 5*time.Second, "the resources are known", func() bool {
		return len(list(s.get(t, s.Issuer+"/.well-known/oauth-authorization-server"), "protected_resources")) == n
	})
}

// codeFor signs a fresh person in, who allows what is asked.
func (s *site) codeFor(t testing.TB, c server.Client, scope string, resources ...string) grant {
	t.Helper()
	return s.browser(t).azResources(c, scope, resources...).login(s.user(t)).wantConsent().allow().wantCode()
}

// wantScope wants the access token of an answer to hold these scopes, and the answer to say so.
func (s *site) wantScope(t testing.TB, a *answer, want string) tokens {
	t.Helper()
	got := a.tokens()
	for where, scope := range map[string]any{"the answer": a.json["scope"], "the access token": s.verify(t, got.access).claims["scope"]} {
		text, _ := scope.(string)
		if words := strings.Fields(text); !slices.Equal(slices.Sorted(slices.Values(words)), slices.Sorted(slices.Values(strings.Fields(want)))) {
			t.Errorf("%s has the scope %q, want %q", where, text, want)
		}
	}
	return got
}

// What one resource may be asked for is nothing that a token for another one tells, or opens there.
func TestResource_ScopesOfAnotherResourceStayOut(t *testing.T) { // RFC 8707 §2, §2.2
	t.Parallel()
	s, c := serving(t)
	const all = "offline_access mail.read files.read shared.read"
	g := s.codeFor(t, c, all, mailAPI, filesAPI)
	tk := s.wantScope(t, s.tokenFor(t, c, []string{mailAPI}, "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect), "offline_access mail.read shared.read")
	s.wantAudience(t, tk.access, mailAPI)
	refresh := func(resources []string, pairs ...string) *answer {
		t.Helper()
		return s.tokenFor(t, c, resources, append([]string{"grant_type", "refresh_token", "refresh_token", tk.refresh}, pairs...)...)
	}
	tk = s.wantScope(t, refresh([]string{filesAPI}), "offline_access files.read shared.read")
	tk = s.wantScope(t, refresh([]string{filesAPI}, "scope", "mail.read files.read"), "files.read")
	tk = s.wantScope(t, refresh(nil), all) // nothing is lost: each token is narrowed anew
	tk = s.wantScope(t, refresh([]string{mailAPI, filesAPI}), all)
	// A scope of no resource in particular goes everywhere; what signs people in does too.
	g = s.codeFor(t, c, "openid mail.read files.read", filesAPI)
	one := s.wantScope(t, s.tokenFor(t, c, nil, "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect), "openid files.read")
	if one.id == "" {
		t.Error("there is no ID token")
	}
	if got := s.introspect(t, c, one.access).wantActive(true).str("scope"); strings.Contains(got, "mail") {
		t.Errorf("introspection: scope %q", got)
	}
}

// A resource that is gone refuses the refresh, and costs nothing: when it is back, so are the tokens.
func TestResource_RefusalCostsNoRefreshToken(t *testing.T) { // RFC 8707 §2.2, RFC 6749 §6
	t.Parallel()
	s, c := serving(t)
	redeem := func(g grant, resources ...string) *answer {
		t.Helper()
		return s.tokenFor(t, c, resources, "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect)
	}
	tk := redeem(s.codeFor(t, c, "offline_access mail.read", mailAPI)).tokens()
	both := redeem(s.codeFor(t, c, "offline_access mail.read files.read", mailAPI, filesAPI)).tokens()
	person := redeem(s.codeFor(t, c, "openid offline_access mail.read", mailAPI)).tokens()
	code, part, forBoth := s.codeFor(t, c, "offline_access mail.read", mailAPI), s.codeFor(t, c, "mail.read files.read", mailAPI, filesAPI), s.codeFor(t, c, "files.read", mailAPI, filesAPI)
	s.introspect(t, c, tk.access).wantActive(true)

	s.Run(t, "--yes", "resource", "delete", "mail")
	s.wantResources(t, 1)
	for name, resources := range map[string][]string{"naming none": nil, "naming it": {mailAPI}, "naming another": {filesAPI}} {
		s.tokenFor(t, c, resources, "grant_type", "refresh_token", "refresh_token", tk.refresh).wantError(400, "invalid_target")
		if got := s.introspect(t, c, tk.refresh); got.json["active"] != true {
			t.Errorf("%s: the refused request spent the refresh token: %v", name, got.json)
		}
	}
	s.tokenFor(t, c, []string{mailAPI}, "grant_type", "refresh_token", "refresh_token", both.refresh).wantError(400, "invalid_target")
	// Introspection knows that nobody serves the one, and who is left of the others (RFC 7662 §2.2).
	s.introspect(t, c, tk.access).wantActive(false)
	s.introspect(t, c, person.access).wantActive(true)
	if got := list(s.introspect(t, c, both.access).wantActive(true), "aud"); !slices.Equal(got, []string{filesAPI}) {
		t.Errorf("introspection: aud %v, want the resource that is left", got)
	}
	// Codes of before.
	redeem(code).wantError(400, "invalid_target")
	redeem(part, mailAPI).wantError(400, "invalid_target")
	s.wantAudience(t, redeem(forBoth).tokens().access, filesAPI)
	both = s.refresh(t, c, both.refresh).tokens()
	s.wantAudience(t, both.access, filesAPI)
	person = s.refresh(t, c, person.refresh).tokens() // the tokens are good for UserInfo still
	s.wantAudience(t, person.access, s.Issuer)

	s.Run(t, "resource", "create", "mail", "--identifier", mailAPI, "--scope", "mail.read")
	s.wantResources(t, 2)
	tk = s.refresh(t, c, tk.refresh).tokens()
	s.wantAudience(t, tk.access, mailAPI)
	s.introspect(t, c, s.refresh(t, c, tk.refresh).tokens().refresh).wantActive(true)
}
