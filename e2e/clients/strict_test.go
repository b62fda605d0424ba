package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// strictKey returns the key of the strict applications, as a private JWK.
var strictKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return jwkText(jose.JSONWebKey{Key: key, KeyID: "app", Algorithm: "ES256"})
})

func jwkText(key jose.JSONWebKey) string {
	text, err := json.Marshal(key)
	if err != nil {
		panic(err) // a key that was just made
	}
	return string(text)
}

// strictSeed is what a strict application is registered with: all of the profile fapi2 but https, which these applications do not speak.
func (a *app) strictSeed() string {
	var private jose.JSONWebKey
	if err := json.Unmarshal([]byte(strictKey()), &private); err != nil {
		panic(err)
	}
	seed := "token_endpoint_auth_methods: [private_key_jwt], client_assertion_audience: issuer, jwks: {keys: [" + jwkText(private.Public()) + "]}, " +
		"require_pushed_authorization_requests: true, dpop_bound_access_tokens: true, require_pkce: true, contract: {id_token_alg: ES256, refresh_mode: static}"
	if a.signed {
		seed += ", require_signed_request_object: true, response_modes: [jwt], authorization_signed_response_alg: ES256"
	}
	return seed
}

// openid-client, unmodified, with pushed requests, private_key_jwt and DPoP, and with signed requests and answers on top: FAPI 2.0's
// Security Profile and Message Signing, but for https.
func TestStrict_OpenIDClientWorksUnmodified(t *testing.T) { // RFC 9126, RFC 9101, RFC 9449, RFC 7523, JARM
	t.Parallel()
	s := deploy(t,
		variant{library: "openid-client", name: "strict", callback: "/callback", strict: true},
		variant{library: "openid-client", name: "signing", callback: "/callback", strict: true, signed: true})
	for _, id := range []string{"openid-client-strict", "openid-client-signing"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			a := s.app(t, id)
			p, u := visitor(t), someone(t)
			got := p.signIn(a, u)
			if got.User == nil || got.User["email"] != u.Email || !strings.EqualFold(got.Token.Type, "DPoP") {
				t.Fatalf("signed in as %v with a token of type %q, want %s and DPoP: %s\nIts log ends:\n%s", got.User, got.Token.Type, u.Email, got.Message, a.log)
			}
			if info := p.ask(a, "/userinfo"); info.Claims["sub"] != got.User["sub"] {
				t.Errorf("UserInfo = %v, want sub %v\n%s", info.Claims, got.User["sub"], a.log)
			}
			if stolen := p.ask(a, "/stolen"); stolen.Status != 401 {
				t.Errorf("the token alone, as a bearer token, got %d from UserInfo, want 401", stolen.Status)
			}
			if info := p.ask(a, "/introspect"); info.Claims["active"] != true || info.Claims["cnf"] == nil {
				t.Errorf("introspection = %v, want active with cnf\n%s", info.Claims, a.log)
			}
			if r := p.ask(a, "/refresh"); r.Error != "" || r.Message != "" {
				t.Errorf("refresh: %s %s\n%s", r.Error, r.Message, a.log)
			}
		})
	}
}

// A person says no, and the application hears of it in a signed answer.
func TestStrict_DenialIsSigned(t *testing.T) { // JARM §2.3
	t.Parallel()
	s := deploy(t, variant{library: "openid-client", name: "signing", callback: "/callback", strict: true, signed: true})
	a := s.app(t, "openid-client-signing")
	p, u := visitor(t), someone(t)
	if got := p.open(a.home + "/login").login(u).submit("deny").json(a); got.Error != "access_denied" {
		t.Errorf("after a no the application knows of %q, want access_denied: %s\n%s", got.Error, got.Message, a.log)
	}
}
