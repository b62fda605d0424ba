package conformance

// The plans of Dynamic registration and of Third-Party-Initiated Login.

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/html"

	"idp/e2e/jws"
	"idp/e2e/walk"
)

func dynamicPlans() []playedPlan {
	return []playedPlan{
		{"oidcc-dynamic", []entry{{variant{responseType: "code", auth: "private_key_jwt", dynamic: true}, []string{
			"oidcc-idtoken-rs256", "oidcc-idtoken-unsigned", "oidcc-userinfo-rs256", "oidcc-ensure-redirect-uri-in-authorization-request", "oidcc-redirect-uri-query-OK", "oidcc-redirect-uri-query-mismatch",
			"oidcc-redirect-uri-query-added", "oidcc-redirect-uri-regfrag", "oidcc-discovery-endpoint-verification", "oidcc-server", "oidcc-registration-logo-uri", "oidcc-registration-policy-uri", "oidcc-registration-tos-uri",
			"oidcc-registration-jwks-uri", "oidcc-registration-sector-uri", "oidcc-registration-sector-bad", "oidcc-server-rotate-keys", "oidcc-refresh-token-rp-key-rotation",
			"oidcc-request-uri-unsigned", "oidcc-request-uri-signed-rs256", "oidcc-ensure-request-object-with-redirect-uri", "oidcc-refresh-token", "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
		}}}},
		{"oidcc-3rdparty-login", []entry{{variant{responseType: "code", auth: "client_secret_basic", dynamic: true}, []string{"oidcc-3rd_party-init-login", "oidcc-3rd_party-init-login-nohttps"}}}},
	}
}

func dynamicModules() []module {
	const page = "REVIEW: the error page"
	return []module{
		{id: "oidcc-idtoken-rs256", shows: "an ID token signed as the client registered, with a kid", play: playIDTokenRS256},
		{id: "oidcc-userinfo-rs256", shows: "UserInfo as a JWT that is signed as the client registered", play: playUserInfoRS256},
		{id: "oidcc-ensure-redirect-uri-in-authorization-request", shows: "a request without redirect_uri is an error page", verdict: page, play: playRedirectMissing},
		{id: "oidcc-redirect-uri-query-OK", shows: "a redirect URI with a query, as it was registered", play: playRedirectQuery},
		{id: "oidcc-redirect-uri-query-mismatch", shows: "another query than the registered one is an error page", verdict: page, play: playRedirectOther("?foo=bar", "?bar=foo")},
		{id: "oidcc-redirect-uri-query-added", shows: "a query where none was registered is an error page", verdict: page, play: playRedirectOther("", "?foo=bar")},
		{id: "oidcc-redirect-uri-regfrag", shows: "no redirect URI with a fragment is registered", play: playRedirectFragment},
		{id: "oidcc-registration-logo-uri", shows: "the client's logo on the sign-in page", verdict: "REVIEW: the sign-in page with the logo", play: playShown("logo_uri", "logo")},
		{id: "oidcc-registration-policy-uri", shows: "the client's privacy policy on the sign-in page", verdict: "REVIEW: the sign-in page with the policy", play: playShown("policy_uri", "policy")},
		{id: "oidcc-registration-tos-uri", shows: "the client's terms on the sign-in page", verdict: "REVIEW: the sign-in page with the terms", play: playShown("tos_uri", "terms")},
		{id: "oidcc-registration-jwks-uri", shows: "a client whose keys are at an address of its own", play: playJWKSURI},
		{id: "oidcc-registration-sector-uri", shows: "a sector identifier whose document names the redirect URIs", play: playSector(true)},
		{id: "oidcc-registration-sector-bad", shows: "one whose document does not", play: playSector(false)},
		{id: "oidcc-server-rotate-keys", shows: "a new signing key beside the old one", play: playRotateKeys},
		{id: "oidcc-refresh-token-rp-key-rotation", shows: "a client changes its key, and refreshes with the new one", play: playPartyRotates},
		{id: "oidcc-request-uri-unsigned", shows: "a request object without a signature, at an address of the client", play: playRequestURI(false)},
		{id: "oidcc-request-uri-signed-rs256", shows: "a signed one", play: playRequestURI(true)},
		{id: "oidcc-ensure-client-assertion-with-iss-aud-succeeds", shows: "a client assertion that is made for the issuer", play: playIssuerAudience},
		{id: "oidcc-3rd_party-init-login", shows: "initiate_login_uri in the registration, and in what is read of it later", play: playInitiateLogin},
		{id: "oidcc-3rd_party-init-login-nohttps", shows: "one without https is refused", play: playInitiateLoginPlain},
	}
}

// signIn goes through a whole authorization and returns the ID token and the tokens.
func (p *party) signIn(pairs ...string) (idToken, tokens) {
	p.Helper()
	a := p.authorize(pairs...).good()
	return a.finish()
}

// finish redeems the code of an authorization.
func (a *authorization) finish() (idToken, tokens) {
	a.Helper()
	t := a.read(a.redeem())
	token := a.checkIDToken(t.id, a.query.Get("nonce"))
	a.userInfo(t.access)
	return token, t
}

// at registers a party with a redirect URI of its own.
func (r *run) at(redirect string, pairs ...any) *party {
	r.Helper()
	p := &party{run: r, auth: r.auth, scope: "openid", redirect: redirect}
	p.register(p.metadata("Conformance suite", pairs...))
	return p
}

// own is an address at the suite that belongs to the run; the browser goes there, and nobody calls it.
func (r *run) own(path string) string { return suiteURL + "/test/a/" + r.alias + path }

// serve answers at an address that the server calls.
func (r *run) serve(path, contentType string, body func() []byte) string {
	return r.op.suite.serve("/test/a/"+r.alias+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body())
	})
}

// notRegistered wants a registration refused with one of codes.
func (r *run) notRegistered(metadata object, codes ...string) {
	r.Helper()
	a := r.send(http.MethodPost, r.op.endpoint("registration_endpoint"), "", metadata)
	r.wantJSON(a)
	if a.status != http.StatusBadRequest || !slices.Contains(codes, a.str("error")) {
		r.failure("registration: %d %s, want 400 and one of %q", a.status, a.body, codes)
	}
}

// errorPage wants that the browser did not come back, and that somebody looks at an error page.
func (a *authorization) errorPage() {
	a.Helper()
	if a.at.arrival != nil {
		a.failure("the browser came back to %s", a.at.url)
		return
	}
	if !a.at.page.Is("error-code") {
		a.failure("no error page: %s", a.at.page.Describe())
	}
	a.look("the error page")
}

func playIDTokenRS256(r *run) {
	token, _ := r.first("id_token_signed_response_alg", "RS256").signIn()
	if kid, _ := token.header["kid"].(string); token.header["alg"] != "RS256" || kid == "" {
		r.failure("the ID token's header is %v", token.header)
	}
}

func playUserInfoRS256(r *run) {
	if !r.op.lists("userinfo_signing_alg_values_supported", "RS256") {
		r.failure("userinfo_signing_alg_values_supported has no RS256")
	}
	p := r.first("userinfo_signed_response_alg", "RS256")
	token, t := p.signIn()
	info := p.userInfo(t.access)
	if media, _, _ := strings.Cut(info.header.Get("Content-Type"), ";"); media != "application/jwt" {
		r.failure("UserInfo is of type %q", info.header.Get("Content-Type"))
	}
	header, claims, err := jws.Decode(string(info.body))
	if err != nil {
		r.stop("UserInfo: %v", err)
	}
	p.checkSignature(idToken{string(info.body), header, claims})
	if header["alg"] != "RS256" || claims["sub"] != token.claims["sub"] || claims["nonce"] != nil {
		r.failure("UserInfo says %v %v", header, claims)
	}
	if claims["iss"] != r.op.Issuer || claims["aud"] != p.id {
		r.warning("UserInfo is by %v for %v", claims["iss"], claims["aud"])
	}
}

func playRedirectMissing(r *run) { r.first().authorize("redirect_uri", "").errorPage() }

func playRedirectQuery(r *run) { r.at(r.own("/callback?foo=bar")).signIn() }

func playRedirectOther(registered, asked string) func(*run) {
	return func(r *run) {
		r.at(r.own("/callback"+registered)).authorize("redirect_uri", r.own("/callback"+asked)).errorPage()
	}
}

func playRedirectFragment(r *run) {
	p := &party{run: r, auth: r.auth, redirect: r.own("/callback#foobar")}
	r.notRegistered(p.metadata("Conformance suite"), "invalid_request", "invalid_configuration_parameter", "invalid_redirect_uri")
}

// playShown looks for an address of the client's on the sign-in page.
func playShown(member, what string) func(*run) {
	return func(r *run) {
		at := "https://www.certification.example/" + member
		p := r.first(member, at)
		if p.registration[member] != at {
			r.failure("registration: %s = %v, want %s", member, p.registration[member], at)
		}
		r.newBrowser()
		page := r.browser.Open(r.op.endpoint("authorization_endpoint") + "?" + asSuite(p.ask()))
		found := false
		for n := range page.Doc.Descendants() {
			found = found || n.Type == html.ElementNode && (walk.Attribute(n, "src") == at || walk.Attribute(n, "href") == at)
		}
		if !page.Is("identifier") || !found {
			r.failure("%s shows no %s", page.Describe(), at)
		}
		r.look("the sign-in page with the " + what)
	}
}

func playJWKSURI(r *run) {
	at := r.serve("/jwks", "application/json", func() []byte { return publicSet(partyKey()) })
	r.first("jwks", nil, "jwks_uri", at).signIn()
}

// publicSet is a JWK Set of the public half of a key.
func publicSet(key *jose.JSONWebKey) []byte {
	text, err := json.Marshal(object{"keys": []jose.JSONWebKey{key.Public()}})
	if err != nil {
		panic(err)
	}
	return text
}

func playSector(good bool) func(*run) {
	return func(r *run) {
		if !r.op.lists("subject_types_supported", "pairwise") {
			r.skip("pairwise is not in subject_types_supported")
			return
		}
		named := r.own("/callback")
		if !good {
			named = r.own("/another")
		}
		at := r.serve("/redirect_uris.json", "application/json", func() []byte { return fmt.Appendf(nil, "[%q]", named) })
		if good {
			r.first("subject_type", "pairwise", "sector_identifier_uri", at)
			return
		}
		p := &party{run: r, auth: r.auth, redirect: r.own("/callback")}
		r.notRegistered(p.metadata("Conformance suite", "subject_type", "pairwise", "sector_identifier_uri", at), "invalid_client_metadata")
	}
}

// playRotateKeys has a server of its own: the others would meet keys that they have not read.
func playRotateKeys(r *run) {
	s := startOP(r.T)
	old := s.keys
	s.Run(r.T, "key", "rotate", "--alg", "RS256")
	began := time.Now()
	for {
		fresh := &op{Server: s.Server, transport: s.transport}
		fresh.discover(r.T)
		added := slices.ContainsFunc(fresh.keys, func(k map[string]any) bool { return k["use"] == "sig" && !hasKey(old, k["kid"]) })
		if added {
			for _, k := range old {
				if !hasKey(fresh.keys, k["kid"]) {
					r.warning("the old key %v is gone", k["kid"])
				}
			}
			for i, k := range fresh.keys {
				if k["kid"] == nil || k["d"] != nil || k["k"] != nil || hasKey(fresh.keys[:i], k["kid"]) {
					r.failure("a key without a kid of its own, or with a private half: %v", k)
				}
			}
			return
		}
		if time.Since(began) > 30*time.Second {
			r.stop("no new signing key")
		}
		r.pause(200 * time.Millisecond)
	}
}

func hasKey(keys []map[string]any, kid any) bool {
	return slices.ContainsFunc(keys, func(k map[string]any) bool { return k["kid"] == kid })
}

func playPartyRotates(r *run) {
	var present atomic.Pointer[jose.JSONWebKey]
	present.Store(partyKey())
	at := r.serve("/jwks", "application/json", func() []byte { return publicSet(present.Load()) })
	p := r.first("jwks", nil, "jwks_uri", at, "grant_types", []string{"authorization_code", "refresh_token"})
	p.scope = "openid offline_access"
	first, t := p.signIn("prompt", "consent")
	if t.refresh == "" {
		r.stop("no refresh token: %s", t.body)
	}
	if !r.op.lists("grant_types_supported", "refresh_token") {
		r.warning("grant_types_supported has no refresh_token")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		r.stop("%v", err)
	}
	next := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: "RS256", Use: "sig"}
	present.Store(&next)
	p.key = &next
	again := p.read(p.token("grant_type", "refresh_token", "refresh_token", t.refresh))
	p.userInfo(again.access)
	if again.id == "" {
		return
	}
	// OpenID Connect Core §12.2
	second := p.checkIDToken(again.id, "")
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
		if fmt.Sprint(first.claims[name]) != fmt.Sprint(second.claims[name]) {
			r.failure("after the refresh %s = %v, was %v", name, second.claims[name], first.claims[name])
		}
	}
}

// playRequestURI has the request read from an address of the client.
func playRequestURI(signed bool) func(*run) {
	return func(r *run) {
		if r.op.meta["request_uri_parameter_supported"] != true {
			r.failure("request_uri_parameter_supported is not true")
		}
		var text atomic.Value
		at := r.serve("/requesturi/"+rand.Text(), "application/jose", func() []byte { return []byte(text.Load().(string)) })
		pairs := []any{"request_uris", []string{at}}
		if signed {
			if !r.op.lists("request_object_signing_alg_values_supported", "RS256") {
				r.failure("request_object_signing_alg_values_supported has no RS256")
			}
			pairs = append(pairs, "request_object_signing_alg", "RS256")
		}
		p := r.first(pairs...)
		query, claims := p.ask(), object{}
		for name := range query {
			claims[name] = query.Get(name)
		}
		if signed {
			claims["iss"], claims["aud"] = p.id, r.op.Issuer
			text.Store(r.sign(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, claims))
		} else {
			text.Store(unsigned(claims))
		}
		asked := url.Values{"client_id": {p.id}, "scope": query["scope"], "response_type": query["response_type"], "redirect_uri": query["redirect_uri"], "request_uri": {at}}
		a := &authorization{party: p, query: query}
		a.at = r.visit(r.op.endpoint("authorization_endpoint")+"?"+asSuite(asked), nil)
		a.locate()
		a.good().finish()
	}
}

// unsigned makes a JWT of alg none.
func unsigned(claims object) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

func playIssuerAudience(r *run) {
	p := r.first()
	p.audience = r.op.Issuer
	p.signIn()
}

func playInitiateLogin(r *run) {
	at := r.own("/initiate_login")
	p := r.first("initiate_login_uri", at)
	if p.registration["initiate_login_uri"] != at {
		r.failure("registration: initiate_login_uri = %v, want %s", p.registration["initiate_login_uri"], at)
	}
	uri, _ := p.registration["registration_client_uri"].(string)
	token, _ := p.registration["registration_access_token"].(string)
	a := r.send(http.MethodGet, uri, token, nil)
	r.wantJSON(a)
	if a.status != http.StatusOK || a.str("initiate_login_uri") != at {
		r.failure("the registration read again: %d %s", a.status, a.body)
	}
}

func playInitiateLoginPlain(r *run) {
	p := &party{run: r, auth: r.auth, redirect: r.own("/callback")}
	r.notRegistered(p.metadata("Conformance suite", "initiate_login_uri", strings.Replace(r.own("/initiate_login"), "https:", "http:", 1)), "invalid_client_metadata")
}
