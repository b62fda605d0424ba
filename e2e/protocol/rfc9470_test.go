package protocol

// RFC 9470, Step Up Authentication Challenge.

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestStepUp_AnOldSignInIsChallenged(t *testing.T) { // RFC 9470 §3, §4, §5
	t.Parallel()
	s := start(t, server.Set("IDP_REQUESTS__USER_INFO_MAX_AGE", "3s"))
	in := s.signIn(t, server.Trusted())
	s.userInfo(t, in.access).want(200)
	pause(t, 5*time.Second)
	a := s.userInfo(t, in.access).wantError(401, "insufficient_user_authentication")
	if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, `max_age="3"`) {
		t.Errorf("WWW-Authenticate: %s, want the error and max_age", challenge)
	}
	// The application does as it was told, and the token says when the person signed in.
	g := in.b.az(server.Trusted(), "max_age", "3").submit("use-another-account").login(s.user(t)).wantCode()
	tk := s.exchange(t, g).tokens()
	s.userInfo(t, tk.access).want(200)
	if answer := s.introspect(t, server.Trusted(), tk.access).want(200); answer.json["auth_time"] == nil { // §6.2
		t.Errorf("introspection says %v, want auth_time", answer.json)
	}
	if s.verify(t, tk.access).claims["auth_time"] == nil { // §6.1
		t.Error("the access token does not say when the person signed in")
	}
}

func TestStepUp_WhatCannotBeReachedFails(t *testing.T) { // RFC 9470 §5
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	// Who asks for nothing but who somebody is has a wish in acr_values, and is answered by the acr that there is (OpenID Connect Core §5.5.1.1); a demand
	// fails.
	s.wantACR(t, in.b.az(server.Trusted(), "acr_values", "urn:example:gold").wantCode(), passwordContext)
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:gold"}}}`).wantErr("unmet_authentication_requirements")
	// What is for an API is for what the API asked for: it would refuse a token without it, and the application go in a circle.
	in.b.az(server.Trusted(), "scope", "profile", "acr_values", "urn:example:gold").wantErr("unmet_authentication_requirements")
	in.b.az(server.Trusted(), "scope", "profile", "acr_values", "urn:example:gold "+passwordContext).wantCode()
	for name, pairs := range map[string][]string{
		"a scope":  {"scope", "openid api.read"},
		"resource": {"scope", "openid", "resource", "https://api.example/calendar"},
	} {
		unmet := append(slices.Clone(pairs), "acr_values", "urn:example:gold")
		if p := in.b.az(server.Resources(), unmet...); p.left == nil || p.left.Query().Get("error") != "unmet_authentication_requirements" {
			t.Errorf("%s: want unmet_authentication_requirements, got %s", name, p.describe())
		}
		g := in.b.az(server.Resources(), append(pairs, "acr_values", "urn:example:gold "+passwordContext)...).wantCode()
		if acr := s.verify(t, s.exchange(t, g).tokens().access).claims["acr"]; acr != passwordContext {
			t.Errorf("%s: the access token's acr = %v, want %s", name, acr, passwordContext)
		}
	}
	// Where an essential claim says what it must be, acr_values are a wish: what both together mean is unspecified (OpenID Connect Core §5.5.1.1).
	in.b.az(server.Resources(), "scope", "openid api.read", "acr_values", "urn:example:gold", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+passwordContext+`"}}}`).wantCode()
	in.b.az(server.Trusted(), "acr_values", strings.Repeat("urn:example:gold ", 40)).wantErr("invalid_request")
}

const partnerContext = "urn:example:partner"

// vouchedFor returns a server whose upstream vouches for partnerContext, the upstream, and somebody with an account at both, linked
// by nothing but the address.
func vouchedFor(t *testing.T) (s, up *site, u server.User) {
	t.Helper()
	s = start(t, server.Set("IDP_AUTHENTICATION_CONTEXTS", passwordContext+"=pwd,"+partnerContext))
	text := "clients:\n  - {client_id: main, client_name: Main, secret_env: E2E_UPSTREAM_SECRET, trusted: true, redirect_uris: [" + s.Issuer + "/login/callback/hq], scopes: [openid, profile, email]}\n"
	u = s.user(t)
	up = start(t, server.Issuer("http://127.0.0.1:PORT"), server.Seed(text), server.Set("E2E_UPSTREAM_SECRET", "an-upstream-secret-of-some-length-0123456789"))
	up.Run(t, "user", "create", u.Email, "--email-verified", "--password-file", passwordFile(t, server.Password))
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("an-upstream-secret-of-some-length-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "provider", "create", "hq", "--type", "oidc", "--name", "HQ", "--issuer", up.Issuer, "--client-id", "main", "--client-secret-file", file,
		"--trust-email", "--vouches-for", partnerContext+" acr="+passwordContext)
	eventually(t, 10*time.Second, "the sign-in page offers the upstream", func() bool { return s.browser(t).open(s.Issuer + "/login").is("upstream-hq") })
	return s, up, u
}

// through signs in at the upstream, and comes back.
func (up *site) vouch(t *testing.T, p *page, b *browser, u server.User) (back *page, asked url.Values) {
	t.Helper()
	p = p.submit("upstream-hq")
	if p.left == nil || !strings.HasPrefix(p.leave, up.Issuer+"/") {
		t.Fatalf("want the upstream, got %s", p.describe())
	}
	there := b.open(p.leave)
	if there.is("submit-login") {
		there = there.login(u)
	}
	if there.left == nil {
		t.Fatalf("want the way back from the upstream, got %s", there.describe())
	}
	back = p.b.open(there.leave)
	back.asked = p.asked
	return back, p.left.Query()
}

func TestStepUp_TheUpstreamThatVouchesIsTheWay(t *testing.T) { // RFC 9470 §3–§6; OpenID Connect Core §3.1.2.1, §5.5.1.1
	t.Parallel()
	s, up, u := vouchedFor(t)
	if got := stringsOf(t, metadata(t, s), "acr_values_supported"); !slices.Equal(got, []string{passwordContext, partnerContext}) {
		t.Errorf("acr_values_supported = %v, want the setting", got)
	}
	in := s.signInAs(t, u, server.Trusted())
	// The wish is for what the person has no way to: nobody is bothered.
	s.wantACR(t, in.b.az(server.Trusted(), "acr_values", partnerContext).wantCode(), passwordContext)
	demand := []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"` + partnerContext + `"}}}`}
	in.b.az(server.Trusted(), append(demand, "prompt", "none")...).wantErr("login_required")
	// A demand is worth linking the two accounts for.
	only := func(p *page) {
		t.Helper()
		if p.is("password") || !p.is("upstream-hq") || !p.is("notice") || !p.is("use-another-account") {
			t.Fatalf("want the upstream as the only way, and a sentence why: %s", p.describe())
		}
	}
	before := time.Now().Unix()
	pause(t, time.Second)
	p := in.b.az(server.Trusted(), demand...)
	only(p)
	there := up.browser(t)
	p, asked := up.vouch(t, p, there, u)
	if asked.Get("acr_values") != passwordContext || asked.Get("prompt") != "login" {
		t.Errorf("the upstream was asked %v, want its own word for the context, and a new sign-in", asked)
	}
	g := p.submit("submit-link", "password", u.Password).wantCode()
	if token := s.wantACR(t, g, partnerContext); token.number("auth_time") <= before {
		t.Errorf("auth_time = %d, want that of the new sign-in, after %d", token.number("auth_time"), before)
	}

	// Now it is a way of theirs, and a wish is enough.
	b := s.browser(t)
	b.az(server.Trusted()).login(u).wantCode()
	s.wantACR(t, b.az(server.Trusted(), "acr_values", partnerContext, "prompt", "none").wantCode(), passwordContext)
	p = b.az(server.Web(), "acr_values", "urn:example:unknown "+partnerContext, "scope", "openid offline_access")
	only(p)
	// It is a step of the request: it cannot be skipped.
	wantNoCode(t, "resumed", b.open(s.Issuer+"/oauth2/authorize/resume?i="+p.url.Query().Get("i")))
	p, _ = up.vouch(t, p, there, u)
	g = p.allow().wantCode()
	tk := s.exchange(t, g).tokens()
	id := s.verify(t, tk.id).claims
	if id["acr"] != partnerContext || id["amr"] != nil {
		t.Errorf("the ID token says acr %v and amr %v, want the context that was vouched for, and no method: none was used here", id["acr"], id["amr"])
	}
	again := s.refresh(t, server.Web(), tk.refresh).tokens()
	for what, claims := range map[string]map[string]any{
		"the access token": s.verify(t, tk.access).claims, "introspection": s.introspect(t, server.Web(), tk.access).want(200).json,
		"the refreshed ID token": s.verify(t, again.id).claims, "the refreshed access token": s.verify(t, again.access).claims,
	} {
		if claims["acr"] != partnerContext || claims["auth_time"] != id["auth_time"] {
			t.Errorf("%s: acr %v, auth_time %v, want those of the ID token: %v, %v", what, claims["acr"], claims["auth_time"], partnerContext, id["auth_time"])
		}
	}
	// What is there is more than what is wished for: no page. What is demanded must be it.
	s.wantACR(t, b.az(server.Trusted(), "acr_values", passwordContext).wantCode(), partnerContext)
	g = b.az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+passwordContext+`"}}}`).login(u).wantCode()
	s.wantACR(t, g, passwordContext)
}

func TestStepUp_AnUpstreamThatDoesNotVouchReachesNothing(t *testing.T) { // FL-16: an upstream's word is worth what the operator says
	t.Parallel()
	s, up, u := vouchedFor(t)
	s.Run(t, "provider", "update", "hq", "--linking", "automatic", "--vouches-for", partnerContext+" acr=urn:example:never amr=hwk+user")
	eventually(t, 10*time.Second, "the provider changed", func() bool {
		_, asked := up.vouch(t, s.browser(t).az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+partnerContext+`"}}}`), up.browser(t), u)
		return asked.Get("acr_values") == "urn:example:never"
	})
	p, _ := up.vouch(t, s.browser(t).az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+partnerContext+`"}}}`), up.browser(t), u)
	p.wantErr("unmet_authentication_requirements")
	// Without a demand the sign-in is good, and claims nothing. Asked for the password, the person has one.
	b := s.browser(t)
	p, _ = up.vouch(t, b.az(server.Trusted()), up.browser(t), u)
	s.wantACR(t, p.wantCode(), "")
	p = b.az(server.Trusted(), "acr_values", passwordContext).wantLogin()
	if p.is("upstream-hq") {
		t.Error("the page offers a way that leads nowhere")
	}
	s.wantACR(t, p.login(u).wantCode(), passwordContext)
}

func TestStepUp_TheTraceSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:gold"}}}`).wantErr("unmet_authentication_requirements")
	id := p.header.Get("X-Trace-Id")
	s.Stop(t)
	for _, want := range []string{"urn:example:gold", "the session has " + passwordContext, "authentication_contexts"} {
		if text := s.Run(t, "trace", id); !strings.Contains(text, want) {
			t.Errorf("the trace does not say %q:\n%s", want, text)
		}
	}
}

// linked is vouchedFor with the two accounts linked: the upstream is a way of theirs.
func linked(t *testing.T) (s, up *site, u server.User, there *browser) {
	t.Helper()
	s, up, u = vouchedFor(t)
	there = up.browser(t)
	b := s.browser(t)
	b.az(server.Trusted()).login(u).wantCode()
	p, _ := up.vouch(t, b.az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+partnerContext+`"}}}`), there, u)
	p.submit("submit-link", "password", u.Password).wantCode()
	return s, up, u, there
}

func TestStepUp_ApprovalsOfApplicationsAskForTheContext(t *testing.T) { // CIBA §7.1: acr_values
	t.Parallel()
	s, up, u, there := linked(t)
	b := s.browser(t)
	b.az(server.Trusted()).login(u).wantCode()
	ask := func() string {
		return s.askPerson(t, u, "acr_values", "urn:example:unknown "+partnerContext).want(http.StatusOK).str("auth_req_id")
	}
	acr := func(id string) any { return s.verify(t, s.pollCIBA(t, server.Bank(), id).tokens().id).claims["acr"] }

	id := ask()
	p, request := b.one(u)
	if p = p.submit("allow-" + request); p.is("password") || !p.is("upstream-hq") || !p.is("notice") {
		t.Fatalf("want the upstream as the only way, and a sentence why: %s", p.describe())
	}
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "authorization_pending")
	p, _ = up.vouch(t, p, there, u)
	if !p.is("allow-" + request) {
		t.Fatalf("want the request again, which nobody has answered: %s", p.describe())
	}
	if p = p.submit("allow-" + request); p.text("notice") == "" || p.is("request-"+request) {
		t.Fatalf("want the request to be answered, got %s", p.describe())
	}
	if got := acr(id); got != partnerContext {
		t.Errorf("acr = %v, want %s", got, partnerContext)
	}
	// The session has it now.
	id = ask()
	p, request = b.one(u)
	p.submit("allow-" + request)
	if got := acr(id); got != partnerContext {
		t.Errorf("a second time: acr = %v, want %s", got, partnerContext)
	}

	// Who says no need not prove anything.
	b = s.browser(t)
	b.az(server.Trusted()).login(u).wantCode()
	id = ask()
	p, request = b.one(u)
	p.submit("deny-" + request)
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "access_denied")

	// It is a wish: an upstream that does not vouch after all keeps nobody out, and nobody is asked twice. Of the next request they are.
	s.Run(t, "provider", "update", "hq", "--vouches-for", partnerContext+" acr=urn:example:never")
	eventually(t, 10*time.Second, "the provider changed", func() bool {
		_, asked := up.vouch(t, s.browser(t).az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+partnerContext+`"}}}`), up.browser(t), u)
		return asked.Get("acr_values") == "urn:example:never"
	})
	id = ask()
	p, request = b.one(u)
	p, _ = up.vouch(t, p.submit("allow-"+request), there, u)
	next := ask()
	if p = p.submit("allow-" + request); p.text("notice") == "" {
		t.Fatalf("want the request to be answered, got %s", p.describe())
	}
	if got := acr(id); got != nil {
		t.Errorf("acr = %v of a sign-in that nobody vouched for", got)
	}
	_, request = b.one(u)
	if p = p.submit("allow-" + request); !p.is("upstream-hq") {
		t.Errorf("want to be asked for the other request, got %s", p.describe())
	}
	s.pollCIBA(t, server.Bank(), next).wantError(http.StatusBadRequest, "authorization_pending")
}

func TestStepUp_DevicesMayAskForAContext(t *testing.T) { // RFC 9470 §4, RFC 8628 §3.1
	t.Parallel()
	s, up, u, there := linked(t)
	acr := func(d device) any { return s.verify(t, s.pollDevice(t, d).tokens().id).claims["acr"] }
	b := s.browser(t)
	d := s.device(t, server.TV())
	b.enter(d, u).submit("allow")
	if got := acr(d); got != passwordContext {
		t.Errorf("nothing is asked for: acr = %v, want %s", got, passwordContext)
	}
	d = s.device(t, server.TV(), "acr_values", partnerContext)
	p := b.open(d.page).submit("submit-code", "user_code", d.userCode)
	if p.is("password") || !p.is("upstream-hq") || !p.is("notice") {
		t.Fatalf("want the upstream as the only way, and a sentence why: %s", p.describe())
	}
	// It is a step of the request: it cannot be skipped.
	if again := b.open(s.Issuer + "/device/confirm?i=" + p.url.Query().Get("i")); again.is("allow") {
		t.Fatalf("want to be asked still, got %s", again.describe())
	}
	p, _ = up.vouch(t, p, there, u)
	p.submit("allow")
	if got := acr(d); got != partnerContext {
		t.Errorf("acr = %v, want %s", got, partnerContext)
	}
	s.form(t, "device_authorization_endpoint", usual(server.TV()), "scope", "openid", "acr_values", strings.Repeat("urn:example:gold ", 40)).wantError(http.StatusBadRequest, "invalid_request")
}
