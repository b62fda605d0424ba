package clients

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/walk"
)

// The clients that programs are registered as, beside those of the applications. The API is what the people's application gets tokens for.
func programsSeed() string {
	var private jose.JSONWebKey
	if err := json.Unmarshal([]byte(strictKey()), &private); err != nil {
		panic(err)
	}
	return `  - {client_id: television, client_name: Television, token_endpoint_auth_methods: [none],
     grant_types: ["urn:ietf:params:oauth:grant-type:device_code", refresh_token], scopes: [openid, profile, email, offline_access]}
  - {client_id: callcentre, client_name: Call Centre, secret_env: E2E_APP_SECRET,
     grant_types: ["urn:openid:params:grant-type:ciba", refresh_token], scopes: [openid, profile, email, offline_access]}
  - {client_id: pushes, client_name: Pushes, secret_env: E2E_APP_SECRET, require_pushed_authorization_requests: true, require_pkce: true,
     redirect_uris: ["http://127.0.0.1/callback"], grant_types: [authorization_code], scopes: [openid, profile, email], audience: ["https://api.example"]}
  - {client_id: signed-push, client_name: Signed Push, token_endpoint_auth_methods: [private_key_jwt], jwks: {keys: [` + jwkText(private.Public()) + `]},
     require_pushed_authorization_requests: true, require_pkce: true, response_modes: [jwt], authorization_signed_response_alg: ES256,
     redirect_uris: ["http://127.0.0.1/callback"], grant_types: [authorization_code], scopes: [openid, profile, email], contract: {id_token_alg: ES256}}
  - {client_id: api, client_name: API, secret_env: E2E_APP_SECRET, audience: ["https://api.example"],
     grant_types: ["urn:ietf:params:oauth:grant-type:token-exchange"], scopes: [profile, email], token_exchange_audiences: ["https://inner.example"]}
  - {client_id: job, client_name: Job, token_endpoint_auth_methods: [private_key_jwt], jwks: {keys: [` + jwkText(private.Public()) + `]},
     grant_types: [client_credentials], scopes: [api.read, api.write]}
  - {client_id: bound-job, client_name: Bound Job, secret_env: E2E_APP_SECRET, dpop_bound_access_tokens: true, require_dpop_nonce: true,
     grant_types: [client_credentials], scopes: [api.read]}
`
}

// flow starts a flow of node/flows.mjs as a client.
func flow(t testing.TB, name, client, scope string) *program {
	t.Helper()
	return flowOf(t, "flows.mjs", name, client, scope)
}

// flowOf starts a flow of a program of node/ as a client.
func flowOf(t testing.TB, script, name, client, scope string) *program {
	t.Helper()
	settings := []string{"FLOW=" + name, "ISSUER=" + suite.site.Issuer, "CLIENT_ID=" + client, "SCOPE=" + scope}
	switch client {
	case "television":
	case "job":
		settings = append(settings, "CLIENT_KEY="+strictKey())
	case "signed-push":
		settings = append(settings, "CLIENT_KEY="+strictKey(), "SIGNED_ANSWER=ES256")
	default:
		settings = append(settings, "CLIENT_SECRET="+appSecret)
	}
	return launch(t, script, settings...)
}

func TestOAuth4WebAPI_SignsADeviceIn(t *testing.T) { // RFC 8628
	t.Parallel()
	p := flow(t, "device", "television", "openid email offline_access")
	device := p.hear()
	if got := p.hear().text("pending"); got != "authorization_pending" {
		t.Errorf("before anybody said yes: %q", got)
	}
	allowDevice(t, p, device)
}

// allowDevice lets somebody connect a device, and wants it to know them.
func allowDevice(t *testing.T, p *program, device said) {
	t.Helper()
	u := someone(t)
	g := visitor(t).open(device.text("verification_uri")).submit("submit-code", "user_code", strings.ToLower(device.text("user_code"))).login(u).submit("allow")
	if !g.Is("device-connected") {
		t.Fatalf("want the page that says that the device is connected, got %s", g.Describe())
	}
	if got := p.end(); got.object("user").text("email") != u.Email || got.object("token").text("refresh_token") == "" {
		t.Errorf("got %v, want %s and a refresh token\n%s", got, u.Email, p.log)
	}
}

func TestOAuth4WebAPI_DeviceHearsANo(t *testing.T) { // RFC 8628 §3.5
	t.Parallel()
	p := flow(t, "device", "television", "openid")
	visitor(t).open(p.hear().text("verification_uri_complete")).submit("submit-code").login(someone(t)).submit("deny")
	if got := p.end().text("error"); got != "access_denied" {
		t.Errorf("after a no: %q, want access_denied\n%s", got, p.log)
	}
}

// approvals opens the page of what waits for a person who signs in, and returns the id of the one request on it.
func approvals(t testing.TB, issuer, message string, open func(address string) *page) (g *page, id string) {
	t.Helper()
	g = open(issuer + "/approvals")
	for n := range g.Doc.Descendants() {
		if found, ok := strings.CutPrefix(walk.Attribute(n, "id"), "request-"); ok {
			id = found
		}
	}
	if id == "" || !strings.Contains(g.Text("message-"+id), message) {
		t.Fatalf("want a request that says %q, got %s", message, g.Describe())
	}
	return g, id
}

func TestOAuth4WebAPI_AsksByCIBA(t *testing.T) { // CIBA §7, §10.1, §11: poll
	t.Parallel()
	askedByCIBA(t, "flows.mjs", func(p *program) bool { return p.hear().text("pending") == "authorization_pending" })
}

// askedByCIBA lets somebody say yes, and somebody else no, to a program that asks.
func askedByCIBA(t *testing.T, script string, waits func(p *program) bool) {
	t.Helper()
	for _, answer := range []string{"allow", "deny"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			p, u := flowOf(t, script, "ciba", "callcentre", "openid email"), someone(t)
			p.tell(map[string]string{"login_hint": u.Email, "binding_message": "Call 4711"})
			if p.hear().text("auth_req_id") == "" || !waits(p) {
				t.Fatalf("want a request that waits\n%s", p.log)
			}
			v := visitor(t)
			g, id := approvals(t, suite.site.Issuer, "Call 4711", func(address string) *page { return v.open(address).login(u) })
			g.submit(answer + "-" + id)
			got := p.end()
			if answer == "deny" && got.text("error") != "access_denied" || answer == "allow" && got.object("user").text("email") != u.Email {
				t.Errorf("after %s: %v\n%s", answer, got, p.log)
			}
		})
	}
}

// pushed signs somebody in to the application that pushes its requests, and returns what it knows.
func pushed(t testing.TB, email string, through func(g *page) *page) said {
	t.Helper()
	return pushedBy(t, "pushes", email, through)
}

func pushedBy(t testing.TB, client, email string, through func(g *page) *page) said {
	t.Helper()
	p := flow(t, "pushed", client, "openid email profile")
	p.tell(map[string]string{"redirect_uri": landing(t)})
	to := p.hear().text("to")
	if query := parse(t, to).Query(); len(query) != 2 || !strings.HasPrefix(query.Get("request_uri"), "urn:ietf:params:oauth:request_uri:") {
		t.Errorf("the browser carries %v, want client_id and request_uri alone", query)
	}
	g := through(visitor(t).open(to))
	if query := g.URL.Query(); client == "signed-push" && (len(query) != 1 || query.Get("response") == "") {
		t.Errorf("the browser brings back %v, want a signed response alone", query)
	}
	p.tell(map[string]string{"callback": g.URL.String()})
	got := p.end()
	if email != "" && got.object("user").text("email") != email {
		t.Fatalf("got %v, want %s\n%s", got, email, p.log)
	}
	return got
}

func TestOAuth4WebAPI_PushesARequest(t *testing.T) { // RFC 9126
	t.Parallel()
	u := someone(t)
	pushed(t, u.Email, func(g *page) *page { return g.login(u).submit("allow") })
	other := someone(t)
	if got := pushed(t, "", func(g *page) *page { return g.login(other).submit("deny") }); got.text("error") != "access_denied" {
		t.Errorf("after a no: %v", got)
	}
}

func TestOAuth4WebAPI_SignsWithAKeyAndReadsASignedAnswer(t *testing.T) { // RFC 9126 with RFC 7523 §2.2; JARM §2.3
	t.Parallel()
	u := someone(t)
	pushedBy(t, "signed-push", u.Email, func(g *page) *page { return g.login(u).submit("allow") })
	other := someone(t)
	if got := pushedBy(t, "signed-push", "", func(g *page) *page { return g.login(other).submit("deny") }); got.text("error") != "access_denied" {
		t.Errorf("after a no: %v", got)
	}
}

func TestOAuth4WebAPI_ExchangesAToken(t *testing.T) { // RFC 8693
	t.Parallel()
	traded(t, "flows.mjs")
}

// traded lets an API trade a person's token by a program.
func traded(t *testing.T, script string) {
	t.Helper()
	u := someone(t)
	subject := pushed(t, u.Email, func(g *page) *page { return g.login(u).submit("allow") }).object("token").text("access_token")
	trade := func(audience string) said {
		p := flowOf(t, script, "exchange", "api", "")
		p.tell(map[string]string{"subject_token": subject, "audience": audience, "scope": "email"})
		return p.end()
	}
	got := trade("https://inner.example")
	token, claims := got.object("token"), got.object("introspection")
	if token.text("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" || token.text("refresh_token") != "" {
		t.Errorf("got %v, want an access token alone", token)
	}
	if claims["active"] != true || !slices.Equal(claims.list("aud"), []string{"https://inner.example"}) || claims.text("scope") != "email" || claims.object("act").text("sub") != "api" {
		t.Errorf("the token says %v, want that the API acts for somebody at https://inner.example", claims)
	}
	if got := trade("https://elsewhere.example"); got.text("error") != "invalid_target" {
		t.Errorf("for another audience: %v, want invalid_target", got)
	}
}

func TestOAuth4WebAPI_GetsATokenOfItsOwn(t *testing.T) { // RFC 6749 §4.4, RFC 7523 §2.2, RFC 9449
	t.Parallel()
	p := flow(t, "job", "job", "api.read")
	got := p.end()
	if claims := got.object("introspection"); !strings.EqualFold(got.object("token").text("token_type"), "Bearer") || claims["active"] != true || claims.text("scope") != "api.read" {
		t.Errorf("with private_key_jwt: %v\n%s", got, p.log)
	}
	p = flow(t, "bound-job", "bound-job", "api.read")
	got = p.end()
	if cnf := got.object("introspection").object("cnf"); got["nonce"] != true || !strings.EqualFold(got.object("token").text("token_type"), "DPoP") || cnf.text("jkt") == "" {
		t.Errorf("with DPoP: %v, want a token that is bound to the key, after a nonce was asked for\n%s", got, p.log)
	}
	p = flow(t, "job", "job", "api.read api.delete")
	if got := p.end(); got.text("error") != "invalid_scope" {
		t.Errorf("with a scope that it lacks: %v\n%s", got, p.log)
	}
}
