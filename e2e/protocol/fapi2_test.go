package protocol

// FAPI 2.0 Security Profile and Message Signing, for clients that an operator created with `--profile fapi2`; protocol.md §3.7, §3.8.

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
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

// fapiClient is an application that is held to the profile, with the keys it signs and proves with.
type fapiClient struct {
	server.Client
	s     *site
	key   signs
	rsa   signs // registered as well, so that RS256 fails by its name and not by its key
	prove *prover
}

// fapi creates the client as an operator does.
func fapi(t *testing.T, s *site, id string, flags ...string) *fapiClient {
	t.Helper()
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &fapiClient{
		Client: server.Client{ID: id, Redirect: "https://" + id + ".example/cb"}, s: s,
		key: newSigner(t, "sig"), rsa: signs{"RS256", large, "rsa"}, prove: newProver(t, jose.ES256),
	}
	ec := c.key.key.(*ecdsa.PrivateKey).Public()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ec, KeyID: "sig"}, {Key: large.Public(), KeyID: "rsa"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, append([]string{"client", "create", id, "--profile", "fapi2", "--jwks", file, "--redirect-uri", c.Redirect, "--scope", "openid,offline_access", "--trusted"}, flags...)...)
	eventually(t, 5*time.Second, "the client is known", func() bool {
		return s.form(t, "pushed_authorization_request_endpoint", c.auth(t)).status != http.StatusUnauthorized
	})
	return c
}

// auth authenticates with a good assertion, or one with other claims.
func (c *fapiClient) auth(t *testing.T, pairs ...any) auth {
	t.Helper()
	return asserted(c.key.sign(t, c.s.claims(c.ID, pairs...)))
}

// flat returns the parameters of an authorization request, as pairs.
func flat(form url.Values) []string {
	var pairs []string
	for name := range form {
		pairs = append(pairs, name, form.Get(name))
	}
	return pairs
}

func (c *fapiClient) push(t *testing.T, b *browser, pairs ...string) *answer {
	t.Helper()
	return c.s.form(t, "pushed_authorization_request_endpoint", c.auth(t), flat(b.azForm(c.Client, pairs...))...)
}

// open sends the browser with a request that was pushed.
func (c *fapiClient) open(t *testing.T, b *browser, pushed *answer) *page {
	t.Helper()
	p := b.open(b.pushedURL(c.Client, pushed.want(http.StatusCreated).str("request_uri")))
	p.asked = b.asked
	return p
}

// redeem redeems a code as someone, with a proof.
func (c *fapiClient) redeem(t *testing.T, as auth, g grant, pairs ...string) *answer {
	t.Helper()
	return c.s.token(t, proving(as, c.prove.proof("POST", c.s.endpoint(t, "token_endpoint"), "")), append([]string{
		"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier,
	}, pairs...)...)
}

func TestFAPI2_SecurityProfileIsHeld(t *testing.T) { // protocol.md §3.7; FAPI 2.0 Security Profile §5.3
	t.Parallel()
	s := start(t)
	c, token, par := fapi(t, s, "fapi"), s.endpoint(t, "token_endpoint"), s.endpoint(t, "pushed_authorization_request_endpoint")
	u, b := s.user(t), s.browser(t)
	state := strings.Repeat("s", 1000)
	g := c.open(t, b, c.push(t, b, "scope", "openid offline_access", "state", state, "nonce", strings.Repeat("n", 64))).through(u).wantCode() // wantCode wants state and iss back
	c.redeem(t, named(c.Client), g).wantError(http.StatusUnauthorized, "invalid_client")
	got := c.redeem(t, c.auth(t), g).wantBound()
	if alg := s.verify(t, got.id).header["alg"]; alg != "ES256" {
		t.Errorf("the ID token is signed with %v, want ES256", alg)
	}
	info := s.endpoint(t, "userinfo_endpoint")
	s.ask(t, "DPoP", got.access, c.prove.proof("GET", info, got.access)).want(http.StatusOK)
	s.ask(t, "dpop", got.access, c.prove.proof("GET", info, got.access)).want(http.StatusOK)
	s.ask(t, "Bearer", got.access, "").want(http.StatusUnauthorized)

	// A refresh token does not rotate, and is nothing without assertion and proof.
	refresh := func(as auth) *answer {
		return s.token(t, as, "grant_type", "refresh_token", "refresh_token", got.refresh)
	}
	for range 2 {
		a := refresh(proving(c.auth(t), c.prove.proof("POST", token, ""))).want(http.StatusOK)
		if next := a.str("refresh_token"); next != "" && next != got.refresh {
			t.Error("the refresh token rotates")
		}
	}
	refresh(proving(named(c.Client), c.prove.proof("POST", token, ""))).wantError(http.StatusUnauthorized, "invalid_client")
	refresh(c.auth(t)).wantError(http.StatusBadRequest, "invalid_dpop_proof", "invalid_request", "invalid_grant")
	c.redeem(t, c.auth(t), g).wantError(http.StatusBadRequest, "invalid_grant")

	for name, as := range map[string]auth{
		"aud in an array":  c.auth(t, "aud", []string{s.Issuer}),
		"aud of the token": c.auth(t, "aud", token),
		"aud of PAR":       c.auth(t, "aud", par),
		"no sub":           c.auth(t, "sub", nil),
		"expired":          c.auth(t, "exp", time.Now().Unix()-61),
		"RS256":            asserted(c.rsa.sign(t, s.claims(c.ID))),
		"none at all":      named(c.Client),
	} {
		if a := s.form(t, "pushed_authorization_request_endpoint", as, flat(b.azForm(c.Client))...); a.status != http.StatusUnauthorized || a.str("error") != "invalid_client" {
			t.Errorf("assertion, %s: %d %s, want 401 invalid_client", name, a.status, a.body)
		}
	}
	s.form(t, "pushed_authorization_request_endpoint", c.auth(t, "nbf", time.Now().Unix()+8, "iat", time.Now().Unix()+8), flat(b.azForm(c.Client))...).want(http.StatusCreated)

	// What cannot be pushed; and without pushing nothing goes.
	b.az(c.Client).wantErr("invalid_request")
	for name, pairs := range map[string][]string{
		"no PKCE": {"code_challenge", absent, "code_challenge_method", absent}, "plain PKCE": {"code_challenge_method", "plain"},
		"token": {"response_type", "token"}, "code id_token": {"response_type", "code id_token"}, "request_uri": {"request_uri", "urn:ietf:params:oauth:request_uri:x"},
	} {
		if a := c.push(t, b, pairs...); a.status != http.StatusBadRequest || a.str("error") == "" {
			t.Errorf("pushed with %s: %d %s, want 400", name, a.status, a.body)
		}
	}

	// Proofs are signed by what the profile allows; a code is bound to the key of the proof that was pushed with it.
	rs := &prover{t, jose.RS256, c.rsa.key.(*rsa.PrivateKey), ""}
	g = c.open(t, b, c.push(t, b)).wantCode()
	s.token(t, proving(c.auth(t), rs.proof("POST", token, "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier).
		wantError(http.StatusBadRequest, "invalid_dpop_proof")
	g = c.open(t, b, c.push(t, b, "dpop_jkt", newProver(t, jose.ES256).jkt)).wantCode()
	c.redeem(t, c.auth(t), g).wantError(http.StatusBadRequest, "invalid_dpop_proof", "invalid_grant")
	g = c.open(t, b, c.push(t, b)).wantCode()
	c.redeem(t, c.auth(t), g, "code_verifier", newVerifier()).wantError(http.StatusBadRequest, "invalid_grant")
}

func TestFAPI2_MessageSigningIsHeld(t *testing.T) { // protocol.md §3.8; FAPI 2.0 Message Signing §5.3, JARM §2
	t.Parallel()
	s := start(t)
	c := fapi(t, s, "signing", "--require-signed-request")
	u, b, now := s.user(t), s.browser(t), time.Now().Unix()
	push := func(object string) *answer {
		return s.form(t, "pushed_authorization_request_endpoint", c.auth(t), "client_id", c.ID, "request", object)
	}
	sign := func(more members) string { return c.key.sign(t, b.object(c.Client, more)) }
	p := c.open(t, b, push(sign(members{"response_mode": "jwt", "aud": []string{s.Issuer, "https://other.example"}, "nbf": now + 8}))).through(u)
	p.asked = b.asked
	answered := p.unsigned("?", "ES256") // which wants iss, aud, state and exp in 10 s to 10 min
	c.redeem(t, c.auth(t), grant{p.asked, answered.Get("code")}).wantBound()
	other := newSigner(t, "sig")
	for name, object := range map[string]string{
		"no nbf": sign(members{"nbf": absent}), "no exp": sign(members{"exp": absent}), "an old one": sign(members{"nbf": now - 3700, "exp": now + 60}),
		"a long one": sign(members{"exp": now + 3700}), "an expired one": sign(members{"nbf": now - 200, "exp": now - 100}),
		"another aud": sign(members{"aud": "https://other.example"}), "RS256": c.rsa.sign(t, b.object(c.Client, nil)), "alg none": unsignedJWT(t, b.object(c.Client, nil)),
		"another key": other.sign(t, b.object(c.Client, nil)),
	} {
		if a := push(object); a.status != http.StatusBadRequest || a.str("error") != "invalid_request_object" {
			t.Errorf("%s: %d %s, want 400 invalid_request_object", name, a.status, a.body)
		}
	}
	c.push(t, b).wantError(http.StatusBadRequest, "invalid_request") // without a request object
	if a := push(sign(members{"request_uri": "https://signing.example/x"})); a.status != http.StatusBadRequest {
		t.Errorf("request_uri in the object: %d %s, want 400", a.status, a.body)
	}
}
