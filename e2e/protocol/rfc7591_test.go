package protocol

// RFC 7591, dynamic client registration; OpenID Connect Dynamic Client Registration 1.0.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
	"idp/e2e/walk"
)

func TestRegister_AnswerHoldsWhatWasRegistered(t *testing.T) { // RFC 7591 §3.2.1, protocol.md §3.5
	t.Parallel()
	s := shared(t)
	said := webApp().and(doc{
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "client_secret_post",
		"contacts": []string{"ops@notes.example"}, "logo_uri": "https://notes.example/logo.png", "client_uri": "https://notes.example/", "policy_uri": "https://notes.example/privacy",
		"tos_uri": "https://notes.example/terms", "scope": "email openid", "software_id": "notes", "software_version": "4.2", "application_type": "web",
		"initiate_login_uri": "https://notes.example/login", "default_max_age": 3600, "require_auth_time": true, "post_logout_redirect_uris": []string{"https://notes.example/out"},
		"id_token_signed_response_alg": "RS256", "client_name#de": "Feldnotizen", "policy_uri#de": "https://notes.example/datenschutz",
	})
	a := s.register(t, said.and(doc{"favourite_colour": "blue", "client_id": "chosen", "trusted": true, "scopes": []string{"idp.admin"}}))
	for name, want := range said {
		got, _ := json.Marshal(a.json[name])
		text, _ := json.Marshal(want)
		if string(got) != string(text) {
			t.Errorf("%s: got %s, want %s", name, got, text)
		}
	}
	for _, name := range []string{"favourite_colour", "trusted", "scopes", "secrets", "managed_by"} {
		if _, has := a.json[name]; has {
			t.Errorf("the answer has %s, which is no registered member", name)
		}
	}
	if id := a.str("client_id"); id == "" || id == "chosen" {
		t.Errorf("client_id %q, want one that the server made", id)
	}
	if a.str("client_secret") == "" || a.json["client_secret_expires_at"] != json.Number("0") {
		t.Errorf("client_secret and client_secret_expires_at: got %v, %v, want both", a.json["client_secret"] != nil, a.json["client_secret_expires_at"])
	}
	if uri := a.str("registration_client_uri"); !strings.HasPrefix(uri, s.Issuer+"/") || a.str("registration_access_token") == "" {
		t.Errorf("registration_client_uri %q and its token, want both, below the issuer", uri)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
}

func TestRegister_SignsIn(t *testing.T) { // from nothing to a token
	t.Parallel()
	s := shared(t)
	a := s.register(t, webApp().and(doc{"scope": "openid email"}))
	c := a.application("https://notes.example/cb")
	b := s.browser(t)
	p := b.az(c, "scope", "openid email").login(s.user(t))
	p.wantConsent() // OpenID Connect Core §3.1.2.4: nobody skips it for an application that named itself
	if !p.is("notice") {
		t.Error("the consent page does not warn of an application that named itself")
	}
	got := s.exchange(t, p.allow().wantCode()).tokens()
	if s.verify(t, got.id).claims["aud"] == nil {
		t.Error("the ID token has no aud")
	}
}

func TestRegister_FillsInDefaults(t *testing.T) { // RFC 7591 §2
	t.Parallel()
	a := shared(t).register(t, webApp())
	if got := a.str("token_endpoint_auth_method"); got != "client_secret_basic" {
		t.Errorf("token_endpoint_auth_method %q", got)
	}
	if got := list(a, "grant_types"); !slices.Equal(got, []string{"authorization_code"}) {
		t.Errorf("grant_types %v", got)
	}
	if got := list(a, "response_types"); !slices.Equal(got, []string{"code"}) {
		t.Errorf("response_types %v", got)
	}
	if a.str("application_type") != "web" {
		t.Errorf("application_type %q", a.str("application_type"))
	}
}

func list(a *answer, name string) []string {
	var out []string
	values, _ := a.json[name].([]any)
	for _, v := range values {
		text, _ := v.(string)
		out = append(out, text)
	}
	return out
}

func TestRegister_PublicClientHasNoSecret(t *testing.T) { // RFC 7591 §2, RFC 8252 §8.4
	t.Parallel()
	s := shared(t)
	a := s.register(t, doc{"redirect_uris": []string{"http://127.0.0.1/cb"}, "token_endpoint_auth_method": "none", "application_type": "native", "grant_types": []string{"authorization_code", "refresh_token"}})
	for _, name := range []string{"client_secret", "client_secret_expires_at"} {
		if _, has := a.json[name]; has {
			t.Errorf("a client without a secret got %s", name)
		}
	}
	c := a.application("http://127.0.0.1:4711/cb")
	s.browser(t).az(c, "code_challenge", "", "code_challenge_method", "").wantErr("invalid_request") // RFC 9700 §2.1.1: PKCE
}

// The secret that is told once is the key of the assertions (RFC 7518 §3.2), and no other is.
func TestRegister_ClientSecretJWTSignsWithTheSecretThatWasTold(t *testing.T) { // OpenID Connect Core §9; RFC 7591 §2, RFC 7592 §2.2
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	signsIn := func(made *answer, secret string) *answer {
		app := made.application("https://notes.example/cb")
		var p *page
		eventually(t, 5*time.Second, "the new client is known", func() bool { p = b.az(app, "scope", "openid"); return p.status == http.StatusOK || p.left != nil })
		if p.is("submit-login") {
			p = p.login(u)
		}
		if p.is("allow") {
			p = p.submit("allow")
		}
		g := p.wantCode()
		k := signs{"HS256", []byte(secret), ""}
		return s.token(t, asserted(k.sign(t, s.claims(app.ID))), "grant_type", "authorization_code", "code", g.code, "redirect_uri", app.Redirect)
	}
	made := s.register(t, webApp().and(doc{"token_endpoint_auth_method": "client_secret_jwt"}))
	if made.str("client_secret") == "" || made.str("token_endpoint_auth_method") != "client_secret_jwt" {
		t.Fatalf("got %v, want a secret and the method", made.json)
	}
	signsIn(made, made.str("client_secret")).want(http.StatusOK)
	signsIn(made, "another secret that is long enough for HS256").wantError(http.StatusUnauthorized, "invalid_client")
	// Of another method only a digest of the secret is kept: who changes to this one gets a new secret.
	basic := s.register(t, webApp())
	changed := s.registrationCall(t, http.MethodPut, basic.str("registration_client_uri"), basic.str("registration_access_token"),
		webApp().and(doc{"client_id": basic.str("client_id"), "token_endpoint_auth_method": "client_secret_jwt"})).want(http.StatusOK)
	if fresh := changed.str("client_secret"); fresh == "" || fresh == basic.str("client_secret") {
		t.Fatalf("after the change: got the secret %q, want another one", fresh)
	}
	signsIn(changed, changed.str("client_secret")).want(http.StatusOK)
}

func TestRegister_BadRedirectURIIsRefused(t *testing.T) { // RFC 7591 §3.2.2, RFC 6749 §3.1.2
	t.Parallel()
	s := shared(t)
	for _, uri := range []string{
		"https://notes.example/cb#fragment", "http://notes.example/cb", "javascript:alert(1)", "data:text/html,x", "//notes.example", "https://*.notes.example/cb",
		"https://user@notes.example/cb", "https://notes.example/a/../cb", "", "notes", "https://notes.example\\@evil.example/",
	} {
		s.refused(t, "invalid_redirect_uri", webApp().and(doc{"redirect_uris": []string{uri}}))
	}
	s.refused(t, "invalid_redirect_uri", webApp().and(doc{"redirect_uris": nil}))
	s.refused(t, "invalid_redirect_uri", webApp().and(doc{"redirect_uris": []string{"com.example.app:/cb"}, "application_type": "web"}))
	many := make([]string, 101)
	for i := range many {
		many[i] = "https://notes.example/" + strings.Repeat("x", i+1)
	}
	s.refused(t, "invalid_redirect_uri", webApp().and(doc{"redirect_uris": many}))
}

func TestRegister_BadMetadataIsRefused(t *testing.T) { // RFC 7591 §3.2.2
	t.Parallel()
	s := shared(t)
	for name, more := range map[string]doc{
		"http initiate_login_uri": {"initiate_login_uri": "http://notes.example/login"}, "script as logo": {"logo_uri": "javascript:alert(1)"}, "script as policy": {"policy_uri": "javascript:alert(1)"},
		"data as terms": {"tos_uri": "data:text/html,x"}, "script in German": {"tos_uri#de": "javascript:alert(1)"}, "http home": {"client_uri": "http://notes.example"},
		"unknown method": {"token_endpoint_auth_method": "telepathy"}, "method is a list": {"token_endpoint_auth_method": []string{"none"}}, "redirects are a text": {"contacts": "me"},
		"bidirectional name": {"client_name": "gnp\u202eexe"}, "unknown kind": {"application_type": "desktop"}, "unknown alg": {"id_token_signed_response_alg": "HS256"},
		"alg none": {"id_token_signed_response_alg": "none"}, "negative age": {"default_max_age": -1}, "both key sets": {"jwks_uri": "https://notes.example/jwks", "jwks": doc{"keys": []doc{}}},
		"mixed types": {"response_types": []string{"code"}, "grant_types": []string{"client_credentials"}}, "scopes it cannot have": {"scope": "idp.admin"},
		"jwks_uri of another kind": {"jwks_uri": "file:///etc/passwd"}, "long name": {"client_name": strings.Repeat("x", 101)},
	} {
		t.Run(name, func(t *testing.T) {
			s.refused(t, "invalid_client_metadata", webApp().and(more))
		})
	}
}

func TestRegister_RequestURIsMayHaveAMarkOfTheClient(t *testing.T) { // OpenID Connect Dynamic Client Registration §2: the digest behind # is a SHOULD
	t.Parallel()
	s := shared(t)
	uris := []string{"https://notes.example/request#c67DmgDZ7Vk77emM", "https://notes.example/request"}
	a := s.registrationCall(t, http.MethodPost, s.endpoint(t, "registration_endpoint"), "", webApp().and(doc{"request_uris": uris}))
	if got := list(a.want(http.StatusCreated), "request_uris"); !slices.Equal(got, uris) {
		t.Errorf("got request_uris %q, want %q", got, uris)
	}
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"request_uris": []string{"http://notes.example/request"}}))
}

func TestRegister_AnAlgorithmOfAssertionsBesideASecretIsLeftOut(t *testing.T) { // OpenID Connect Dynamic Client Registration §2: it is about two methods; libraries say it beside any
	t.Parallel()
	s := shared(t)
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		a := s.register(t, webApp().and(doc{"token_endpoint_auth_method": method, "token_endpoint_auth_signing_alg": "RS256"}))
		if got, there := a.json["token_endpoint_auth_signing_alg"]; there {
			t.Errorf("%s: got token_endpoint_auth_signing_alg %v, want none", method, got)
		}
	}
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"token_endpoint_auth_signing_alg": "none"}))
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"}))
}

func TestRegister_HostileBodiesAreRefused(t *testing.T) { // bounded before anything is parsed
	t.Parallel()
	s := shared(t)
	endpoint := s.endpoint(t, "registration_endpoint")
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "redirect_uris=x", "a list": `[]`, "null": `null`, "a number": `1`, "twice": `{"client_name":"a","client_name":"b","redirect_uris":["https://notes.example/cb"]}`,
		"two texts": `{"redirect_uris":["https://notes.example/cb"]} {}`, "deep": `{"a":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`, "NUL": "{\"client_name\":\"a\x00\"}",
		"broken UTF-8": "{\"client_name\":\"\xff\"}", "many": `{"contacts":[` + strings.Repeat(`"a",`, 5000) + `"a"]}`,
	} {
		a := s.registrationCall(t, http.MethodPost, endpoint, "", body)
		if body == "" {
			a.wantError(http.StatusBadRequest, "invalid_client_metadata")
			continue
		}
		if a.wantError(http.StatusBadRequest, "invalid_client_metadata", "invalid_redirect_uri"); t.Failed() {
			t.Fatalf("%s", name)
		}
	}
	a := s.registrationCall(t, http.MethodPost, endpoint, "", `{"client_name":"`+strings.Repeat("x", 64<<10)+`"}`)
	a.wantError(http.StatusRequestEntityTooLarge, "invalid_client_metadata")
	req, _ := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(`{"redirect_uris":["https://notes.example/cb"]}`))
	req.Header.Set("Content-Type", "text/plain") // what a page of another site can send without asking
	s.call(t, req).wantError(http.StatusBadRequest, "invalid_client_metadata")
	s.registrationCall(t, http.MethodGet, endpoint, "", nil).want(http.StatusMethodNotAllowed)
}

func TestRegister_NobodyMakesAnAdministrator(t *testing.T) {
	t.Parallel()
	s := shared(t)
	a := s.register(t, webApp().and(doc{"scope": "openid idp.admin api.everything"}))
	if got := a.str("scope"); got != "openid" {
		t.Errorf("scope %q, want what an application may ask for here", got)
	}
	c := a.application("https://notes.example/cb")
	s.browser(t).az(c, "scope", "openid idp.admin").wantErr("invalid_scope")
	b := s.register(t, webApp().and(doc{"grant_types": []string{"authorization_code", "client_credentials", "password"}}))
	if got := list(b, "grant_types"); !slices.Equal(got, []string{"authorization_code"}) {
		t.Errorf("grant_types %v, want those that an application may have here", got)
	}
}

func TestRegister_InitialAccessTokensLetIn(t *testing.T) { // RFC 7591 §3, §1.2: protected registration
	t.Parallel()
	s := start(t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "token"), server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "1000"))
	endpoint := s.endpoint(t, "registration_endpoint")
	none := s.registrationCall(t, http.MethodPost, endpoint, "", webApp()).want(http.StatusUnauthorized)
	if got := none.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") || strings.Contains(got, "error=") {
		t.Errorf("WWW-Authenticate %q, want a bare challenge", got)
	}
	s.registrationCall(t, http.MethodPost, endpoint, "made-up", webApp()).wantError(http.StatusUnauthorized, "invalid_token")
	make := func(arguments ...string) (id, token string) {
		var made struct{ ID, Token string }
		text := s.Run(t, append([]string{"client", "registration-token", "create", "-o", "json"}, arguments...)...)
		if err := json.Unmarshal([]byte(text), &made); err != nil {
			t.Fatal(err)
		}
		suite.book.add("initial access token", made.Token)
		return made.ID, made.Token
	}
	_, token := make("--uses", "3", "--scope", "openid,reports.read", "--grant", "authorization_code,client_credentials")
	s.registrationCall(t, http.MethodPost, endpoint, token, webApp().and(doc{"redirect_uris": []string{"x"}})).wantError(http.StatusBadRequest, "invalid_redirect_uri")
	var wins sync.Map
	var wait sync.WaitGroup
	for i := range 12 { // the refused one cost no use
		wait.Go(func() {
			a := s.registrationCall(t, http.MethodPost, endpoint, token, webApp().and(doc{"grant_types": []string{"authorization_code", "client_credentials"}}))
			if a.status == http.StatusCreated {
				wins.Store(i, a)
			} else {
				a.wantError(http.StatusUnauthorized, "invalid_token")
			}
		})
	}
	wait.Wait()
	n := 0
	wins.Range(func(_, v any) bool {
		n++
		a := v.(*answer)
		if a.str("scope") != "openid reports.read" || len(list(a, "grant_types")) != 2 {
			t.Errorf("got scope %q and grants %v, want the token's", a.str("scope"), list(a, "grant_types"))
		}
		return true
	})
	if n != 3 {
		t.Errorf("%d registrations with a token for 3", n)
	}
	id, revoked := make()
	s.Run(t, "client", "registration-token", "revoke", id)
	s.registrationCall(t, http.MethodPost, endpoint, revoked, webApp()).wantError(http.StatusUnauthorized, "invalid_token")
}

func TestRegister_IsOffUnlessTheOperatorSaysOtherwise(t *testing.T) {
	t.Parallel()
	s := start(t)
	if s.meta["registration_endpoint"] != nil {
		t.Error("discovery names a registration endpoint that is off")
	}
	if a := s.registrationCall(t, http.MethodPost, s.Issuer+"/oauth2/register", "", webApp()); a.status != http.StatusNotFound {
		t.Errorf("status %d, want 404", a.status)
	}
}

func TestRegister_IsBounded(t *testing.T) { // by address, and in all
	t.Parallel()
	s := start(t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "4"), server.Set("IDP_CLIENT_REGISTRATION__QUOTA", "2"))
	s.register(t, webApp())
	s.register(t, webApp())
	endpoint := s.endpoint(t, "registration_endpoint")
	for _, code := range []string{"temporarily_unavailable", "temporarily_unavailable", "too_many_requests"} {
		a := s.registrationCall(t, http.MethodPost, endpoint, "", webApp()).wantError(http.StatusTooManyRequests, code)
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

func TestRegister_SoftwareStatementIsVerifiedAndWins(t *testing.T) { // RFC 7591 §2.3, §3.2.1, §3.2.2
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256"}}})
	file := filepath.Join(t.TempDir(), "directory.jwks")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__STATEMENT_ISSUERS", "https://directory.example="+file),
		server.Set("IDP_CLIENT_REGISTRATION__STATEMENT_REQUIRED", "true"))
	statement := func(issuer string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(doc{"iss": issuer, "client_name": "Vouched", "software_id": "v-1"})
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := jws.CompactSerialize()
		return text
	}
	s.refused(t, "invalid_software_statement", webApp())
	s.refused(t, "invalid_software_statement", webApp().and(doc{"software_statement": "x.y.z"}))
	s.refused(t, "unapproved_software_statement", webApp().and(doc{"software_statement": statement("https://other.example")}))
	good := statement("https://directory.example")
	a := s.register(t, webApp().and(doc{"software_statement": good}))
	if a.str("client_name") != "Vouched" || a.str("software_id") != "v-1" || a.str("software_statement") != good {
		t.Errorf("got %v, want what the statement says, and the statement as it was", a.json)
	}
}

func TestRegister_LinksAreShownAndHarmless(t *testing.T) { // protocol.md §3.5, ADR 8
	t.Parallel()
	s := shared(t)
	a := s.register(t, webApp().and(doc{
		"client_name": `Field "Notes" <b>`, "logo_uri": "https://notes.example/a;b,c.png?size=1", "client_uri": "https://notes.example/", "policy_uri": "https://notes.example/p?a=1&b=%22",
		"tos_uri": "https://notes.example/t", "tos_uri#de": "https://notes.example/agb", "client_name#de": "Feldnotizen",
	}))
	c := a.application("https://notes.example/cb")
	p := s.browser(t).az(c).wantLogin()
	if got := p.text("client-name"); got != `Field "Notes" <b>` {
		t.Errorf("name %q", got)
	}
	for id, want := range map[string]string{"client-policy": "https://notes.example/p?a=1&b=%22", "client-terms": "https://notes.example/t", "client-home": "https://notes.example/"} {
		link := p.element(id)
		if link == nil || walk.Attribute(link, "href") != want || !strings.Contains(walk.Attribute(link, "rel"), "noreferrer") {
			t.Errorf("%s: not shown as a link to %s without a referrer", id, want)
		}
	}
	policy := p.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "img-src 'self' https://notes.example/a%3Bb%2Cc.png;") {
		t.Errorf("Content-Security-Policy %q, want the one logo and no other image", policy)
	}
	other := s.browser(t).az(server.Web()).wantLogin().header.Get("Content-Security-Policy")
	if !strings.Contains(other, "img-src 'self';") {
		t.Errorf("Content-Security-Policy %q of a client without a logo", other)
	}
	german := s.browser(t).az(c, "ui_locales", "de-CH").wantLogin()
	if german.text("client-name") != "Feldnotizen" || walk.Attribute(german.element("client-terms"), "href") != "https://notes.example/agb" {
		t.Errorf("in German: %q, %s", german.text("client-name"), walk.Attribute(german.element("client-terms"), "href"))
	}
}
