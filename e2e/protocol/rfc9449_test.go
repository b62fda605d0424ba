package protocol

// RFC 9449, DPoP; FAPI 2.0 Security Profile §5.3.2.1, §5.3.4 (protocol.md §3.7).

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

// machine asks for a token of its own as the client c with a proof.
func (s *site) machine(t testing.TB, c server.Client, proof string) *answer {
	t.Helper()
	return s.token(t, proving(usual(c), proof), "grant_type", "client_credentials", "scope", "api.read")
}

func TestDPoP_DiscoverySaysTheAlgorithms(t *testing.T) { // RFC 9449 §5.1
	t.Parallel()
	s := shared(t)
	algs, _ := s.meta["dpop_signing_alg_values_supported"].([]any)
	for _, want := range []any{"ES256", "PS256", "EdDSA", "Ed25519"} {
		if !slices.Contains(algs, want) {
			t.Errorf("dpop_signing_alg_values_supported %v, want %s in it", algs, want)
		}
	}
	for _, alg := range algs {
		if name, _ := alg.(string); name == "none" || strings.HasPrefix(name, "HS") {
			t.Errorf("dpop_signing_alg_values_supported has %s", name)
		}
	}
}

func TestDPoP_AlgorithmsAreThoseOfFAPI(t *testing.T) { // protocol.md §3.7, RFC 9864 §2.2
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "token_endpoint")
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA, ed25519Name} {
		p := newProver(t, alg)
		got := s.machine(t, server.DPoP(), p.proof("POST", at, "")).wantBound()
		if cnf, _ := s.verify(t, got.access).claims["cnf"].(map[string]any); cnf["jkt"] != p.jkt {
			t.Errorf("%s: cnf %v, want the key's thumbprint", alg, cnf)
		}
	}
	s.machine(t, server.DPoP(), newProver(t, jose.RS256).proof("POST", at, "")).wantError(http.StatusBadRequest, "invalid_dpop_proof")
	s.token(t, proving(usual(server.Service()), newProver(t, jose.RS256).proof("POST", at, "")), "grant_type", "client_credentials").wantBound() // elsewhere it may
}

func TestDPoP_BadProofsAreRefused(t *testing.T) { // RFC 9449 §4.3, §5; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "token_endpoint")
	p := newProver(t, jose.ES256)
	typed := map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt"}
	good := p.proof("POST", at, "")
	parts := strings.Split(good, ".")
	header := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	public, err := jose.JSONWebKey{Key: p.key.Public()}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	private, err := jose.JSONWebKey{Key: p.key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string]string{
		"bad typ":            p.signed(p.claims("POST", at, ""), map[jose.HeaderKey]any{jose.HeaderType: "JWT"}, true),
		"no typ":             p.signed(p.claims("POST", at, ""), nil, true),
		"no jwk":             p.signed(p.claims("POST", at, ""), typed, false),
		"alg none":           header(`{"typ":"dpop+jwt","alg":"none","jwk":`+string(public)+`}`) + "." + parts[1] + ".",
		"symmetric":          header(`{"typ":"dpop+jwt","alg":"HS256","jwk":{"kty":"oct","k":"c2VjcmV0"}}`) + "." + parts[1] + "." + parts[2],
		"a private key":      header(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+string(private)+`}`) + "." + parts[1] + "." + parts[2],
		"a bad signature":    parts[0] + "." + parts[1] + "." + strings.Split(p.proof("POST", at, ""), ".")[2],
		"no jti":             p.proof("POST", at, "", change{"jti": nil}),
		"no htm":             p.proof("POST", at, "", change{"htm": nil}),
		"no htu":             p.proof("POST", at, "", change{"htu": nil}),
		"no iat":             p.proof("POST", at, "", change{"iat": nil}),
		"wrong htm":          p.proof("GET", at, ""),
		"wrong htu":          p.proof("POST", s.endpoint(t, "userinfo_endpoint"), ""),
		"iat an hour ago":    p.proof("POST", at, "", change{"iat": time.Now().Add(-time.Hour).Unix()}),
		"iat an hour ahead":  p.proof("POST", at, "", change{"iat": time.Now().Add(time.Hour).Unix()}),
		"expired":            p.proof("POST", at, "", change{"exp": time.Now().Add(-time.Hour).Unix()}),
		"not valid yet":      p.proof("POST", at, "", change{"nbf": time.Now().Add(time.Hour).Unix()}),
		"garbage":            "x",
		"two in one header":  good + ", " + good,
		"nine kilobytes":     p.proof("POST", at, "", change{"jti": strings.Repeat("j", 9<<10)}),
		"an endless jti":     p.proof("POST", at, "", change{"jti": strings.Repeat("j", 300)}),
		"an ID token's form": header(`{"typ":"JWT","alg":"ES256","jwk":`+string(public)+`}`) + "." + parts[1] + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			s.machine(t, server.DPoP(), proof).wantError(http.StatusBadRequest, "invalid_dpop_proof")
		})
	}
	twice := func(header http.Header, form url.Values) {
		usual(server.DPoP())(header, form)
		header["Dpop"] = []string{p.proof("POST", at, ""), p.proof("POST", at, "")}
	}
	s.token(t, twice, "grant_type", "client_credentials").wantError(http.StatusBadRequest, "invalid_dpop_proof")
	s.token(t, usual(server.DPoP()), "grant_type", "client_credentials").wantError(http.StatusBadRequest, "invalid_dpop_proof", "invalid_request") // RFC 9449 §5.2

	for name, proof := range map[string]string{
		"iat ten seconds ago":   p.proof("POST", at, "", change{"iat": time.Now().Add(-10 * time.Second).Unix()}),
		"iat ten seconds ahead": p.proof("POST", at, "", change{"iat": time.Now().Add(10 * time.Second).Unix()}),
		"exp and nbf that hold": p.proof("POST", at, "", change{"exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Add(-time.Minute).Unix()}),
		"a query in htu":        p.proof("POST", at+"?a=b#c", ""),
		"scheme in capitals":    p.proof("POST", strings.Replace(at, "http", "HTTP", 1), ""),
		"an escape in htu":      p.proof("POST", strings.Replace(at, "/oauth2/", "/o%61uth2/", 1), ""),
	} {
		t.Run(name, func(t *testing.T) { s.machine(t, server.DPoP(), proof).wantBound() })
	}
}

func TestDPoP_UserInfoNeedsTheKey(t *testing.T) { // RFC 9449 §7, §7.1, §7.2
	t.Parallel()
	s := shared(t)
	p, other := newProver(t, jose.ES256), newProver(t, jose.ES256)
	g := s.browser(t).az(server.DPoP(), "dpop_jkt", p.jkt).through(s.user(t)).wantCode()
	got := s.token(t, proving(usual(server.DPoP()), p.proof("POST", s.endpoint(t, "token_endpoint"), "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantBound()
	at := s.endpoint(t, "userinfo_endpoint")
	good := s.ask(t, "DPoP", got.access, p.proof("GET", at, got.access)).want(http.StatusOK)
	if good.str("sub") == "" || good.header.Get("Date") == "" {
		t.Errorf("got %s, want a sub and a Date", good.body)
	}
	s.ask(t, "dPoP", got.access, p.proof("GET", at, got.access)).want(http.StatusOK) // the scheme's name in any case
	for name, c := range map[string]struct{ scheme, proof string }{
		"Bearer downgrade": {"Bearer", ""},
		"Bearer and proof": {"Bearer", p.proof("GET", at, got.access)},
		"no proof":         {"DPoP", ""},
		"no ath":           {"DPoP", p.proof("GET", at, "")},
		"wrong ath":        {"DPoP", p.proof("GET", at, got.access+"x")},
		"another key":      {"DPoP", other.proof("GET", at, got.access)},
		"another method":   {"DPoP", p.proof("POST", at, got.access)},
	} {
		a := s.ask(t, c.scheme, got.access, c.proof).want(http.StatusUnauthorized)
		if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `algs="`) || !strings.Contains(challenge, `error="`) {
			t.Errorf("%s: WWW-Authenticate %q, want DPoP with algs and error", name, challenge)
		}
	}
	req := newRequest(t, http.MethodGet, at, nil)
	req.Header["Authorization"] = []string{"DPoP " + got.access, "Bearer " + got.access}
	req.Header.Set("DPoP", p.proof("GET", at, got.access))
	if a := s.call(t, req); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
		t.Errorf("two Authorization headers: %d, want a refusal", a.status)
	}
	in := s.signIn(t, server.Trusted())
	s.ask(t, "DPoP", in.access, p.proof("GET", at, in.access)).want(http.StatusUnauthorized) // bound to no key

	asked := s.introspect(t, server.DPoP(), got.access).wantActive(true)
	if cnf, _ := asked.json["cnf"].(map[string]any); cnf["jkt"] != p.jkt || asked.str("token_type") != "DPoP" { // RFC 9449 §6.2
		t.Errorf("introspection says %s, want cnf and token_type DPoP", asked.body)
	}
}

func TestDPoP_CodeIsBoundToTheKey(t *testing.T) { // RFC 9449 §10, §10.1; protocol.md §3.7
	t.Parallel()
	s := shared(t)
	p, other := newProver(t, jose.ES256), newProver(t, jose.ES256)
	b, u := s.browser(t), s.user(t)
	token, par := s.endpoint(t, "token_endpoint"), s.endpoint(t, "pushed_authorization_request_endpoint")
	exchange := func(by *prover, g grant) *answer {
		return s.token(t, proving(usual(server.DPoP()), by.proof("POST", token, "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect)
	}
	push := func(proof string, pairs ...string) *answer {
		form := b.azForm(server.DPoP(), pairs...)
		form.Del("client_id")
		var flat []string
		for name := range form {
			flat = append(flat, name, form.Get(name))
		}
		as := usual(server.DPoP())
		if proof != "" {
			as = proving(as, proof)
		}
		return s.form(t, "pushed_authorization_request_endpoint", as, flat...)
	}
	code := func(a *answer) grant {
		return b.open(b.pushedURL(server.DPoP(), a.want(http.StatusCreated).str("request_uri"))).through(u).wantCode()
	}
	exchange(p, b.az(server.DPoP(), "dpop_jkt", p.jkt).through(u).wantCode()).wantBound()
	exchange(other, b.az(server.DPoP(), "dpop_jkt", p.jkt).through(u).wantCode()).wantError(http.StatusBadRequest, "invalid_grant", "invalid_dpop_proof")
	exchange(p, code(push("", "dpop_jkt", p.jkt))).wantBound()
	exchange(other, code(push("", "dpop_jkt", p.jkt))).wantError(http.StatusBadRequest, "invalid_grant", "invalid_dpop_proof")
	exchange(p, code(push(p.proof("POST", par, "")))).wantBound()
	exchange(other, code(push(p.proof("POST", par, "")))).wantError(http.StatusBadRequest, "invalid_grant", "invalid_dpop_proof")
	push(p.proof("POST", par, ""), "dpop_jkt", other.jkt).wantError(http.StatusBadRequest, "invalid_dpop_proof", "invalid_request")
	push(p.proof("GET", par, "")).wantError(http.StatusBadRequest, "invalid_dpop_proof")
	push("", "dpop_jkt", "short").wantError(http.StatusBadRequest, "invalid_request")
}

func TestDPoP_RefreshTokensOfPublicClientsAreBound(t *testing.T) { // RFC 9449 §5
	t.Parallel()
	s := shared(t)
	p, other := newProver(t, jose.ES256), newProver(t, jose.ES256)
	c, at := server.Native(), s.endpoint(t, "token_endpoint")
	g := s.browser(t).az(c, "scope", "openid offline_access").through(s.user(t)).wantCode()
	in := s.token(t, proving(named(c), p.proof("POST", at, "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier).wantBound()
	refresh := []string{"grant_type", "refresh_token", "refresh_token", in.refresh}
	s.token(t, named(c), refresh...).wantError(http.StatusBadRequest, "invalid_grant", "invalid_dpop_proof")
	s.token(t, proving(named(c), other.proof("POST", at, "")), refresh...).wantError(http.StatusBadRequest, "invalid_grant", "invalid_dpop_proof")
	next := s.token(t, proving(named(c), p.proof("POST", at, "")), refresh...).wantBound()
	s.ask(t, "DPoP", next.access, p.proof("GET", s.endpoint(t, "userinfo_endpoint"), next.access)).want(http.StatusOK)
	s.ask(t, "Bearer", next.access, "").want(http.StatusUnauthorized)
}

func TestDPoP_RefreshOfAClientWithCredentialsNeedsProofAndAuthentication(t *testing.T) { // protocol.md §3.7: not without a proof, not without authentication
	t.Parallel()
	s := shared(t)
	p := newProver(t, jose.ES256)
	c, at := server.DPoP(), s.endpoint(t, "token_endpoint")
	g := s.browser(t).az(c, "scope", "openid offline_access").through(s.user(t)).wantCode()
	in := s.token(t, proving(usual(c), p.proof("POST", at, "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantBound()
	refresh := []string{"grant_type", "refresh_token", "refresh_token", in.refresh}
	s.token(t, usual(c), refresh...).wantError(http.StatusBadRequest, "invalid_dpop_proof")
	s.token(t, proving(named(c), p.proof("POST", at, "")), refresh...).wantError(http.StatusUnauthorized, "invalid_client")
	s.token(t, proving(usual(c), newProver(t, jose.ES256).proof("POST", at, "")), refresh...).wantBound() // bound to the credentials, not to the key
}

func TestDPoP_NonceIsLearnedFromTheRefusal(t *testing.T) { // RFC 9449 §8, §8.2, §9
	t.Parallel()
	s := shared(t)
	p, at := newProver(t, jose.ES256), s.endpoint(t, "token_endpoint")
	refused := s.machine(t, server.DPoPNonce(), p.proof("POST", at, "")).wantError(http.StatusBadRequest, "use_dpop_nonce")
	nonce := refused.header.Get("DPoP-Nonce")
	if nonce == "" || refused.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got the header %v, want DPoP-Nonce and no-store", refused.header)
	}
	s.machine(t, server.DPoPNonce(), p.proof("POST", at, "", change{"nonce": "mine"})).wantError(http.StatusBadRequest, "use_dpop_nonce")
	a := s.machine(t, server.DPoPNonce(), p.proof("POST", at, "", change{"nonce": nonce}))
	a.wantBound()
	if a.header.Get("DPoP-Nonce") == "" {
		t.Error("no DPoP-Nonce beside the token, want the next one")
	}
	s.machine(t, server.DPoPNonce(), p.proof("POST", at, "", change{"nonce": nonce, "iat": time.Now().Add(-time.Hour).Unix()})).wantBound()

	g := s.browser(t).az(server.DPoPNonce()).through(s.user(t)).wantCode()
	got := s.token(t, proving(usual(server.DPoPNonce()), p.proof("POST", at, "", change{"nonce": nonce})), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantBound()
	userinfo := s.endpoint(t, "userinfo_endpoint")
	asked := s.ask(t, "DPoP", got.access, p.proof("GET", userinfo, got.access)).want(http.StatusUnauthorized)
	if !strings.Contains(asked.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`) || asked.header.Get("DPoP-Nonce") == "" {
		t.Errorf("UserInfo: %v, want use_dpop_nonce and a nonce", asked.header)
	}
	s.ask(t, "DPoP", got.access, p.proof("GET", userinfo, got.access, change{"nonce": asked.header.Get("DPoP-Nonce")})).want(http.StatusOK)
}

func TestDPoP_NonceIsAskedOfEveryClientBySetting(t *testing.T) { // RFC 9449 §8
	t.Parallel()
	s := start(t, server.Set("IDP_DPOP__REQUIRE_NONCE", "true"))
	p, at := newProver(t, jose.ES256), s.endpoint(t, "token_endpoint")
	a := s.machine(t, server.Service(), p.proof("POST", at, "")).wantError(http.StatusBadRequest, "use_dpop_nonce")
	s.machine(t, server.Service(), p.proof("POST", at, "", change{"nonce": a.header.Get("DPoP-Nonce")})).wantBound()
	s.token(t, usual(server.Service()), "grant_type", "client_credentials").tokens() // who proves nothing needs none
}

func TestDPoP_ProofWorksOnce(t *testing.T) { // RFC 9449 §11.1
	t.Parallel()
	s := shared(t)
	p, at := newProver(t, jose.ES256), s.endpoint(t, "token_endpoint")
	proof := p.proof("POST", at, "")
	answers := make([]*answer, 32)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.machine(t, server.DPoP(), proof) })
	}
	group.Wait()
	won := 0
	for _, a := range answers {
		if a.status == http.StatusOK {
			won++
		} else {
			a.wantError(http.StatusBadRequest, "invalid_dpop_proof")
		}
	}
	if won != 1 {
		t.Errorf("%d of %d uses of one proof succeeded, want 1", won, len(answers))
	}
	// Another key may use the same jti.
	jti := change{"jti": "the same"}
	s.machine(t, server.DPoP(), p.proof("POST", at, "", jti)).wantBound()
	s.machine(t, server.DPoP(), newProver(t, jose.ES256).proof("POST", at, "", jti)).wantBound()
	s.machine(t, server.DPoP(), p.proof("POST", at, "", jti)).wantError(http.StatusBadRequest, "invalid_dpop_proof")
}

func TestDPoP_ReplicasShareNoncesAndReplays(t *testing.T) { // RFC 9449 §8, §11.1, behind a proxy that ends TLS
	t.Parallel()
	_, first, second := replicas(t)
	p, at := newProver(t, jose.ES256), first.endpoint(t, "token_endpoint")
	nonce := first.machine(t, server.DPoPNonce(), p.proof("POST", at, "")).wantError(http.StatusBadRequest, "use_dpop_nonce").header.Get("DPoP-Nonce")
	proof := p.proof("POST", at, "", change{"nonce": nonce})
	second.machine(t, server.DPoPNonce(), proof).wantBound()
	first.machine(t, server.DPoPNonce(), proof).wantError(http.StatusBadRequest, "invalid_dpop_proof")
}

func TestDPoP_AddressIsTheIssuersBehindAProxy(t *testing.T) { // RFC 9449 §4.3: htu is what the client called, not what the proxy made of it
	t.Parallel()
	s := start(t, server.Issuer("https://id.example.test/sso"))
	p, at := newProver(t, jose.ES256), s.endpoint(t, "token_endpoint")
	s.machine(t, server.DPoP(), p.proof("POST", at, "")).wantBound()
	s.machine(t, server.DPoP(), p.proof("POST", strings.Replace(at, "id.example.test", "ID.example.test:443", 1), "")).wantBound()
	s.machine(t, server.DPoP(), p.proof("POST", strings.Replace(at, "https://id.example.test", "http://"+s.Address, 1), "")).wantError(http.StatusBadRequest, "invalid_dpop_proof")
}

func TestDPoP_ScriptsOfApplicationsMayUseIt(t *testing.T) { // RFC 9449 §8: browsers let them send DPoP and read DPoP-Nonce
	t.Parallel()
	s := shared(t)
	for _, name := range []string{"token_endpoint", "userinfo_endpoint"} {
		a := preflight(t, s, s.endpoint(t, name), "https://spa.example", "POST")
		if !strings.Contains(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), "dpop") {
			t.Errorf("%s: Access-Control-Allow-Headers %q, want DPoP", name, a.header.Get("Access-Control-Allow-Headers"))
		}
		req := newRequest(t, http.MethodPost, s.endpoint(t, name), url.Values{"grant_type": {"x"}})
		req.Header.Set("Origin", "https://spa.example")
		exposed := strings.ToLower(s.call(t, req).header.Get("Access-Control-Expose-Headers"))
		if !strings.Contains(exposed, "dpop-nonce") || !strings.Contains(exposed, "www-authenticate") {
			t.Errorf("%s: Access-Control-Expose-Headers %q, want DPoP-Nonce and WWW-Authenticate", name, exposed)
		}
	}
}

func TestDPoP_TokensOfADeviceAreBound(t *testing.T) { // RFC 9449 §5: every grant; the device is a public client
	t.Parallel()
	s := shared(t)
	p, at := newProver(t, jose.ES256), s.endpoint(t, "token_endpoint")
	d := s.device(t, server.TV(), "scope", "openid offline_access")
	s.browser(t).enter(d, s.user(t)).submit("allow")
	got := s.token(t, proving(usual(d.client), p.proof("POST", at, "")), "grant_type", grantDevice, "device_code", d.code).wantBound()
	s.ask(t, "Bearer", got.access, "").want(http.StatusUnauthorized)
	refresh := []string{"grant_type", "refresh_token", "refresh_token", got.refresh}
	s.token(t, usual(d.client), refresh...).wantError(http.StatusBadRequest, "invalid_grant")
	s.token(t, proving(usual(d.client), p.proof("POST", at, "")), refresh...).wantBound()
}

// A client learns the nonce from a refusal, and many repeat the request as it was but for the proof: with the same assertion and the same code.
// So nothing that is good once may be spent before the nonce is looked at.
func TestDPoP_NonceIsAskedForBeforeAnythingIsSpent(t *testing.T) { // RFC 9449 §8; RFC 7523 §3 (7)
	t.Parallel()
	key := newSigner(t, "k")
	s := start(t, server.Set("IDP_DPOP__REQUIRE_NONCE", "true"), server.Seed(strings.Replace(server.SeedText(), "clients:\n", `clients:
  - client_id: keyed
    client_name: Signs And Proves
    trusted: true
    token_endpoint_auth_methods: [private_key_jwt]
    redirect_uris: [https://keyed.example/cb]
    grant_types: [authorization_code, refresh_token, client_credentials, "`+grantDevice+`", "`+grantCIBA+`"]
    scopes: [openid, offline_access, api.read]
    jwks: `+jwks(t, key)+"\n", 1)))
	c := server.Client{ID: "keyed", Redirect: "https://keyed.example/cb"}
	p, u := newProver(t, jose.ES256), s.user(t)
	once := func() auth { return asserted(key.sign(t, s.claims(c.ID))) }
	// dance asks without a nonce and then with it, with one assertion.
	dance := func(endpoint string, pairs ...string) *answer {
		t.Helper()
		as, at := once(), s.endpoint(t, endpoint)
		for _, stale := range []change{{}, {"nonce": "mine"}} {
			s.form(t, endpoint, proving(as, p.proof("POST", at, "", stale)), pairs...).wantError(http.StatusBadRequest, "use_dpop_nonce")
		}
		nonce := s.form(t, endpoint, proving(as, p.proof("POST", at, "")), pairs...).wantError(http.StatusBadRequest, "use_dpop_nonce").header.Get("DPoP-Nonce")
		a := s.form(t, endpoint, proving(as, p.proof("POST", at, "", change{"nonce": nonce})), pairs...)
		// The assertion is spent now.
		s.form(t, endpoint, proving(as, p.proof("POST", at, "", change{"nonce": nonce})), pairs...).wantError(http.StatusUnauthorized, "invalid_client")
		return a
	}
	dance("token_endpoint", "grant_type", "client_credentials", "scope", "api.read").wantBound()

	b := s.browser(t)
	pushed := dance("pushed_authorization_request_endpoint", flat(b.azForm(c, "scope", "openid offline_access"))...).want(http.StatusCreated)
	opened := b.open(b.pushedURL(c, pushed.str("request_uri")))
	opened.asked = b.asked
	g := opened.through(u).wantCode()
	got := dance("token_endpoint", "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier).wantBound()
	dance("token_endpoint", "grant_type", "refresh_token", "refresh_token", got.refresh).wantBound()

	// No proof is looked at where a device or a question begins, and so no nonce asked for; where it is polled for, no poll counts before it.
	a := s.form(t, "device_authorization_endpoint", proving(once(), p.proof("POST", s.endpoint(t, "device_authorization_endpoint"), "")), "scope", "openid").want(http.StatusOK)
	d := device{c, a.str("device_code"), a.str("user_code"), a.str("verification_uri"), "", a}
	dance("token_endpoint", "grant_type", grantDevice, "device_code", d.code).wantError(http.StatusBadRequest, "authorization_pending")
	b.enter(d, u).submit("allow")
	dance("token_endpoint", "grant_type", grantDevice, "device_code", d.code).wantBound()

	a = s.form(t, "backchannel_authentication_endpoint", proving(once(), p.proof("POST", s.endpoint(t, "backchannel_authentication_endpoint"), "")), "scope", "openid", "login_hint", u.Email).want(http.StatusOK)
	dance("token_endpoint", "grant_type", grantCIBA, "auth_req_id", a.str("auth_req_id")).wantError(http.StatusBadRequest, "authorization_pending")
	page, request := b.one(u)
	page.submit("allow-" + request)
	dance("token_endpoint", "grant_type", grantCIBA, "auth_req_id", a.str("auth_req_id")).wantBound()
}
