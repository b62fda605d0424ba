package protocol

// RFC 7523 §3 and OpenID Connect Core §9: clients that sign their authentication.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// signs is a key that a client signs with.
type signs struct {
	alg string
	key any
	kid string
}

func newSigner(t testing.TB, kid string) signs {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signs{"ES256", key, kid}
}

// jwks is the set of the public halves.
func jwks(t testing.TB, keys ...signs) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.(*ecdsa.PrivateKey).Public(), KeyID: k.kid, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sign signs claims, with further headers.
func (k signs) sign(t testing.TB, claims map[string]any, pairs ...any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	if k.kid != "" {
		options.ExtraHeaders["kid"] = k.kid
	}
	for i := 0; i < len(pairs); i += 2 {
		options.ExtraHeaders[jose.HeaderKey(pairs[i].(string))] = pairs[i+1]
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.alg), Key: k.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// claims are those of a good assertion, with changes: a nil takes one away.
func (s *site) claims(client string, pairs ...any) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{"iss": client, "sub": client, "aud": s.Issuer, "jti": rand.Text(), "iat": now, "exp": now + 60}
	for i := 0; i < len(pairs); i += 2 {
		if name := pairs[i].(string); pairs[i+1] == nil {
			delete(claims, name)
		} else {
			claims[name] = pairs[i+1]
		}
	}
	return claims
}

// asserted authenticates with an assertion.
func asserted(assertion string) auth {
	return func(_ http.Header, form url.Values) {
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	}
}

// machine describes a client of the grant client_credentials in a seed file.
func machine(id, method string, lines ...string) string {
	return fmt.Sprintf("  - client_id: %s\n    client_name: %s\n    token_endpoint_auth_methods: [%s]\n    grant_types: [client_credentials]\n    scopes: [api.read]\n    %s\n",
		id, id, method, strings.Join(lines, "\n    "))
}

// mine asks for a token of the client's own.
func (s *site) mine(t testing.TB, as auth) *answer {
	t.Helper()
	return s.token(t, as, "grant_type", "client_credentials", "scope", "api.read")
}

func TestClientAssertion_SignsAtEveryEndpoint(t *testing.T) { // protocol.md §3.4; RFC 7523 §2.2, §3; OpenID Connect Core §9; RFC 7009 §2.1; RFC 7662 §2.1
	t.Parallel()
	key := newSigner(t, "k")
	secret := server.Service().Secret
	s := start(t, server.Seed("clients:\n"+machine("keyed", "private_key_jwt", "jwks: "+jwks(t, key))+machine("hmac", "client_secret_jwt", "secret_file: secrets/service")))
	token := s.endpoint(t, "token_endpoint")
	for client, k := range map[string]signs{"keyed": key, "hmac": {"HS256", []byte(secret), ""}} {
		for name, aud := range map[string]any{"issuer": s.Issuer, "token endpoint": token, "both": []string{s.Issuer, token}} {
			s.mine(t, asserted(k.sign(t, s.claims(client, "aud", aud)))).want(http.StatusOK)
			if t.Failed() {
				t.Fatalf("%s: aud is the %s", client, name)
			}
		}
		s.mine(t, asserted(k.sign(t, s.claims(client, "iat", time.Now().Unix()+8, "nbf", time.Now().Unix()+8)))).want(http.StatusOK) // clocks differ a little
		s.mine(t, asserted(k.sign(t, s.claims(client), "typ", "client-authentication+jwt"))).want(http.StatusOK)
		access := s.mine(t, asserted(k.sign(t, s.claims(client)))).want(http.StatusOK).str("access_token")
		for _, aud := range []string{s.Issuer, token, s.endpoint(t, "introspection_endpoint")} {
			s.form(t, "introspection_endpoint", asserted(k.sign(t, s.claims(client, "aud", aud))), "token", access).wantActive(true)
		}
		s.form(t, "revocation_endpoint", asserted(k.sign(t, s.claims(client))), "token", access).want(http.StatusOK)
		s.form(t, "introspection_endpoint", asserted(k.sign(t, s.claims(client))), "token", access).wantActive(false)
	}
}

func TestClientAssertion_ForgeriesAreRefused(t *testing.T) { // SEC-17; RFC 7523 §3; RFC 8725 §3; protocol.md §3.7
	t.Parallel()
	key, other := newSigner(t, "k"), newSigner(t, "k")
	s := start(t, server.Seed("clients:\n"+machine("keyed", "private_key_jwt", "jwks: "+jwks(t, key))+machine("other", "private_key_jwt", "jwks: "+jwks(t, other))+
		machine("hmac", "client_secret_jwt", "secret_file: secrets/service")+machine("basic", "client_secret_basic", "secret_file: secrets/web")+
		machine("pinned", "private_key_jwt", "token_endpoint_auth_signing_alg: PS256", "jwks: "+jwks(t, key))))
	now := time.Now().Unix()
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	good, err := json.Marshal(s.claims("keyed"))
	if err != nil {
		t.Fatal(err)
	}
	public := []byte(jwks(t, key))
	hostile := other.key.(*ecdsa.PrivateKey).Public()
	for name, assertion := range map[string]string{
		"empty":                      "x",
		"no JWT":                     "a.b.c",
		"alg none":                   part(`{"alg":"none"}`) + "." + part(string(good)) + ".",
		"alg nOnE":                   part(`{"alg":"nOnE"}`) + "." + part(string(good)) + ".",
		"HMAC with the public key":   signs{"HS256", public, "k"}.sign(t, s.claims("keyed")),
		"another client's key":       other.sign(t, s.claims("keyed")),
		"assertion of another":       other.sign(t, s.claims("other", "sub", "keyed")),
		"sub of another":             key.sign(t, s.claims("keyed", "sub", "other")),
		"iss of another":             key.sign(t, s.claims("keyed", "iss", "other")),
		"embedded jwk":               other.sign(t, s.claims("keyed"), "jwk", jose.JSONWebKey{Key: hostile, KeyID: "k"}),
		"jku":                        other.sign(t, s.claims("keyed"), "jku", "https://evil.example/jwks"),
		"x5u":                        other.sign(t, s.claims("keyed"), "x5u", "https://evil.example/x5u"),
		"crit":                       key.sign(t, s.claims("keyed"), "crit", []string{"x"}, "x", 1),
		"typ of an access token":     key.sign(t, s.claims("keyed"), "typ", "at+jwt"),
		"typ of a request object":    key.sign(t, s.claims("keyed"), "typ", "oauth-authz-req+jwt"),
		"typ of a proof":             key.sign(t, s.claims("keyed"), "typ", "dpop+jwt"),
		"no aud":                     key.sign(t, s.claims("keyed", "aud", nil)),
		"aud of another server":      key.sign(t, s.claims("keyed", "aud", "https://other.example")),
		"aud with another server":    key.sign(t, s.claims("keyed", "aud", []string{s.Issuer, "https://other.example"})),
		"aud empty":                  key.sign(t, s.claims("keyed", "aud", []string{})),
		"aud with a slash":           key.sign(t, s.claims("keyed", "aud", s.Issuer+"/")),
		"aud of another endpoint":    key.sign(t, s.claims("keyed", "aud", s.endpoint(t, "introspection_endpoint"))),
		"aud a number":               key.sign(t, s.claims("keyed", "aud", 1)),
		"expired":                    key.sign(t, s.claims("keyed", "exp", now-1)),
		"no exp":                     key.sign(t, s.claims("keyed", "exp", nil)),
		"exp a text":                 key.sign(t, s.claims("keyed", "exp", fmt.Sprint(now+60))),
		"exp huge":                   key.sign(t, s.claims("keyed", "exp", 1e300)),
		"exp negative":               key.sign(t, s.claims("keyed", "exp", -1)),
		"good for two hours":         key.sign(t, s.claims("keyed", "exp", now+7200)),
		"nbf in a minute":            key.sign(t, s.claims("keyed", "nbf", now+61)),
		"iat in a minute":            key.sign(t, s.claims("keyed", "iat", now+61)),
		"no jti":                     key.sign(t, s.claims("keyed", "jti", nil)),
		"jti empty":                  key.sign(t, s.claims("keyed", "jti", "")),
		"another alg than the one":   key.sign(t, s.claims("pinned")),
		"not registered for it":      signs{"HS256", []byte(server.Web().Secret), ""}.sign(t, s.claims("basic")),
		"with another secret":        signs{"HS256", []byte(server.Web().Secret), ""}.sign(t, s.claims("hmac")),
		"by key, registered by HMAC": key.sign(t, s.claims("hmac")),
		"unknown client":             key.sign(t, s.claims("nobody")),
		"ten kilobytes of nothing":   key.sign(t, s.claims("keyed", "x", strings.Repeat("x", 20<<10))),
		"nested":                     key.sign(t, s.claims("keyed", "sub", map[string]any{"a": []int{1}})),
	} {
		a := s.mine(t, asserted(assertion))
		if a.status != http.StatusUnauthorized || a.json["error"] != "invalid_client" {
			t.Errorf("%s: got %d %s, want 401 invalid_client", name, a.status, a.body)
		}
	}
	// One method in each request (RFC 6749 §2.3), and the parameters belong together (RFC 7521 §4.2).
	for name, tc := range map[string]struct {
		as   auth
		code string
	}{
		"with Basic": {func(h http.Header, f url.Values) {
			basic(server.Client{ID: "keyed", Secret: "x"})(h, f)
			asserted(key.sign(t, s.claims("keyed")))(h, f)
		}, "invalid_request"},
		"with a secret": {func(h http.Header, f url.Values) {
			asserted(key.sign(t, s.claims("keyed")))(h, f)
			f.Set("client_secret", "x")
		}, "invalid_request"},
		"another type": {func(h http.Header, f url.Values) {
			asserted(key.sign(t, s.claims("keyed")))(h, f)
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
		}, "invalid_client"},
		"no type": {func(_ http.Header, f url.Values) { f.Set("client_assertion", key.sign(t, s.claims("keyed"))) }, "invalid_client"},
		"no assertion": {func(_ http.Header, f url.Values) {
			f.Set("client_id", "keyed")
			f.Set("client_assertion_type", assertionType)
		}, "invalid_client"},
		"another client_id": {func(h http.Header, f url.Values) {
			asserted(key.sign(t, s.claims("keyed")))(h, f)
			f.Set("client_id", "other")
		}, "invalid_client"},
		"by name alone": {named(server.Client{ID: "keyed"}), "invalid_client"},
	} {
		if a := s.mine(t, tc.as); a.json["error"] != tc.code {
			t.Errorf("%s: got %d %s, want %s", name, a.status, a.body, tc.code)
		}
	}
	s.mine(t, asserted(string(key.sign(t, s.claims("keyed"))))).want(http.StatusOK)
}

func TestClientAssertion_IsUsedOnceAcrossReplicas(t *testing.T) { // RFC 7523 §3 (7), OpenID Connect Core §9: replay; protocol.md §3.7
	t.Parallel()
	key := newSigner(t, "")
	all := server.Replicas(t, 2, server.Seed("clients:\n"+machine("keyed", "private_key_jwt", "jwks: "+jwks(t, key))+machine("other", "private_key_jwt", "jwks: "+jwks(t, key))))
	s := newSite(t, all[0], server.Transport(all...))
	assertion := key.sign(t, s.claims("keyed", "jti", "one"))
	answers := make([]*answer, 32)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.mine(t, asserted(assertion)) })
	}
	group.Wait()
	won := 0
	for _, a := range answers {
		switch a.status {
		case http.StatusOK:
			won++
		case http.StatusUnauthorized:
		default:
			t.Errorf("got %d %s, want 200 or 401", a.status, a.body)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d got a token, want 1", won, len(answers))
	}
	s.mine(t, asserted(key.sign(t, s.claims("keyed", "jti", "one")))).wantError(http.StatusUnauthorized, "invalid_client") // the jti counts, not the text
	s.mine(t, asserted(key.sign(t, s.claims("other", "jti", "one")))).want(http.StatusOK)                                  // each client has its own
}

func TestClientAssertion_IssuerAloneWhereTheClientSaysSo(t *testing.T) { // FAPI 2.0 Security Profile §5.3.2.1; protocol.md §3.7
	t.Parallel()
	key := newSigner(t, "")
	s := start(t, server.Seed("clients:\n"+machine("strict", "private_key_jwt", "client_assertion_audience: issuer", "jwks: "+jwks(t, key))))
	s.mine(t, asserted(key.sign(t, s.claims("strict")))).want(http.StatusOK)
	for _, aud := range []any{s.endpoint(t, "token_endpoint"), []string{s.Issuer}, []string{s.Issuer, s.endpoint(t, "token_endpoint")}} {
		s.mine(t, asserted(key.sign(t, s.claims("strict", "aud", aud)))).wantError(http.StatusUnauthorized, "invalid_client")
	}
}

func TestClientAssertion_KeysArePublishedAndChange(t *testing.T) { // protocol.md §3.4; OpenID Connect Core §10.1.1
	t.Parallel()
	first, second := newSigner(t, "1"), newSigner(t, "2")
	var mu sync.Mutex
	published := jwks(t, first)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write([]byte(published))
	}))
	t.Cleanup(keys.Close)
	seed := server.Seed("clients:\n" + machine("published", "private_key_jwt", "jwks_uri: "+keys.URL+"/jwks.json"))
	closed := start(t, seed) // nobody allowed this machine's own addresses
	closed.mine(t, asserted(first.sign(t, closed.claims("published")))).wantError(http.StatusUnauthorized, "invalid_client")
	s := start(t, seed, server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.1"))
	s.mine(t, asserted(first.sign(t, s.claims("published")))).want(http.StatusOK)
	mu.Lock()
	published = jwks(t, first, second)
	mu.Unlock()
	// A client may change its key right after it was used: the conformance suite of 2019 refreshes with the new one in the same second.
	s.mine(t, asserted(second.sign(t, s.claims("published")))).want(http.StatusOK)
	s.mine(t, asserted(first.sign(t, s.claims("published")))).want(http.StatusOK)
}
