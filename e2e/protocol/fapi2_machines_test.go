package protocol

// FAPI 2.0 Security Profile with the grant client_credentials, as the conformance suite's modules for it: no person, no browser. The resource is the
// administration interface, the one here that takes tokens of clients.

import (
	"crypto/ecdsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

// fapiMachine creates a client without people that is held to the profile.
func fapiMachine(t *testing.T, s *site, id string) *fapiClient {
	t.Helper()
	c := &fapiClient{Client: server.Client{ID: id}, s: s, key: newSigner(t, "sig"), prove: newProver(t, jose.ES256)}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.key.(*ecdsa.PrivateKey).Public(), KeyID: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "client", "create", id, "--profile", "fapi2", "--type", "service", "--scope", "idp.admin", "--jwks", file)
	eventually(t, 5*time.Second, "the client is known", func() bool { return c.earn(t, c.auth(t)).status == http.StatusOK })
	return c
}

// earn asks for a token of the client's own, with a proof that is changed so.
func (c *fapiClient) earn(t *testing.T, as auth, changes ...change) *answer {
	t.Helper()
	return c.s.token(t, proving(as, c.prove.proof("POST", c.s.endpoint(t, "token_endpoint"), "", changes...)), "grant_type", "client_credentials", "scope", "idp.admin")
}

// whoami asks the administration interface; an empty proof is none.
func (s *site) whoami(t *testing.T, scheme, token string, proofs ...string) *answer {
	t.Helper()
	req := newRequest(t, http.MethodGet, s.Issuer+"/api/v1/whoami", nil)
	req.Header.Set("Authorization", scheme+" "+token)
	req.Header["Dpop"] = proofs
	return s.call(t, req)
}

func TestFAPI2_ClientCredentialsAreHeldToTheProfile(t *testing.T) { // protocol.md §3.7; FAPI 2.0 Security Profile §5.3.2, §5.3.4
	t.Parallel()
	s := start(t)
	c, other := fapiMachine(t, s, "machine"), fapiMachine(t, s, "another-machine")
	at := s.Issuer + "/api/v1/whoami"
	got := c.earn(t, c.auth(t)).wantBound()
	good := func(changes ...change) string { return c.prove.proof("GET", at, got.access, changes...) }
	for _, scheme := range []string{"DPoP", "dpop", "dPOP"} {
		s.whoami(t, scheme, got.access, good()).want(http.StatusOK)
	}
	now := time.Now().Unix()
	for name, ok := range map[string]change{"nbf and exp": {"nbf": now, "exp": now + 300}, "ten seconds ago": {"iat": now - 10}, "a clock that is ahead": {"iat": now + 8}} {
		t.Run("a proof with "+name, func(t *testing.T) {
			c.earn(t, c.auth(t), ok).wantBound()
			s.whoami(t, "DPoP", got.access, good(ok)).want(http.StatusOK)
		})
	}
	for name, as := range map[string]auth{
		"expired": c.auth(t, "exp", now-300), "of another server": c.auth(t, "aud", "https://invalid.example.com/token"), "without sub": c.auth(t, "sub", nil), "none": named(c.Client),
		"of another client": asserted(other.key.sign(t, s.claims(c.ID))),
	} {
		t.Run("an assertion, "+name, func(t *testing.T) { c.earn(t, as).wantError(http.StatusUnauthorized, "invalid_client") })
	}
	t.Run("the id of another client beside the assertion", func(t *testing.T) {
		own := c.auth(t)
		c.earn(t, func(h http.Header, form url.Values) {
			own(h, form)
			form.Set("client_id", other.ID)
		}).wantError(http.StatusUnauthorized, "invalid_client")
	})
	t.Run("no proof", func(t *testing.T) {
		s.token(t, c.auth(t), "grant_type", "client_credentials", "scope", "idp.admin").wantError(http.StatusBadRequest, "invalid_dpop_proof", "invalid_request")
	})

	header := map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt"}
	claims := c.prove.claims("GET", at, got.access)
	with := func(name string, value any) map[string]any {
		changed := maps.Clone(claims)
		changed["jti"] = name
		changed[name] = value
		return changed
	}
	once := good()
	s.whoami(t, "DPoP", got.access, once).want(http.StatusOK)
	for name, proofs := range map[string][]string{
		"none": nil, "of another key": {other.prove.proof("GET", at, got.access)}, "two": {good(), good()}, "a second time": {once},
		"another typ": {c.prove.signed(with("a", 1), map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt+wrong"}, true)}, "no typ": {c.prove.signed(with("b", 1), nil, true)},
		"no jwk": {c.prove.signed(with("c", 1), header, false)}, "no jti": {good(change{"jti": nil})}, "no htm": {good(change{"htm": nil})}, "no htu": {good(change{"htu": nil})},
		"no iat": {good(change{"iat": nil})}, "no ath": {good(change{"ath": nil})}, "another ath": {c.prove.proof("GET", at, "another token")}, "another method": {c.prove.proof("PUT", at, got.access)},
		"another address": {c.prove.proof("GET", at+"x", got.access)}, "from the future": {good(change{"iat": now + 3600})}, "of an hour ago": {good(change{"iat": now - 3600})},
		"another signature": {strings.Join(append(strings.Split(good(), ".")[:2], strings.Split(good(), ".")[2]), ".")}, "half a JWT": {good()[:40]},
	} {
		t.Run("a proof at the resource, "+name, func(t *testing.T) {
			a := s.whoami(t, "DPoP", got.access, proofs...).want(http.StatusUnauthorized)
			if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "DPoP ") {
				t.Errorf("the challenge is %q, want one of DPoP", challenge)
			}
		})
	}
	s.whoami(t, "Bearer", got.access).want(http.StatusUnauthorized)
	s.whoami(t, "Bearer", got.access, good()).want(http.StatusUnauthorized)
	s.get(t, at+"?access_token="+got.access).want(http.StatusUnauthorized)
	mine := other.earn(t, other.auth(t)).wantBound()
	s.whoami(t, "DPoP", mine.access, c.prove.proof("GET", at, mine.access)).want(http.StatusUnauthorized)
	s.whoami(t, "DPoP", mine.access, other.prove.proof("GET", at, mine.access)).want(http.StatusOK)
}
