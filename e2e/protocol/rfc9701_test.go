package protocol

// RFC 9701, JWT responses of token introspection.

import (
	"net/http"
	"net/url"
	"testing"

	"idp/e2e/server"
)

// introspectAs asks about a token and says what it accepts.
func (s *site) introspectAs(t testing.TB, c server.Client, token, accept string) *answer {
	t.Helper()
	req := newRequest(t, http.MethodPost, s.endpoint(t, "introspection_endpoint"), url.Values{"token": {token}})
	req.SetBasicAuth(c.ID, c.Secret)
	req.Header.Set("Accept", accept)
	return s.call(t, req).want(http.StatusOK)
}

const introspectionJWT = "application/token-introspection+jwt"

func TestIntrospect_AnswerMayBeSigned(t *testing.T) { // RFC 9701 §4, §5, §8.1
	t.Parallel()
	s := shared(t)
	for c, alg := range map[server.Client]string{server.Formats(): "ES384", server.Trusted(): "RS256"} {
		in := s.signIn(t, c, "scope", "openid email")
		a := s.introspectAs(t, c, in.access, introspectionJWT)
		if got := a.header.Get("Content-Type"); got != introspectionJWT {
			t.Errorf("%s: Content-Type %q, want %s", c.ID, got, introspectionJWT)
		}
		token := s.verify(t, string(a.body))
		if token.header["typ"] != "token-introspection+jwt" || token.header["alg"] != alg {
			t.Errorf("%s: header %v, want its own typ, and %s", c.ID, token.header, alg)
		}
		if token.claims["iss"] != s.Issuer || token.claims["aud"] != c.ID || token.number("iat") == 0 {
			t.Errorf("%s: claims %v", c.ID, token.claims)
		}
		for _, name := range []string{"sub", "exp", "scope", "active"} {
			if _, there := token.claims[name]; there {
				t.Errorf("%s: %s stands at the top, where it would make this a token", c.ID, name)
			}
		}
		inner, _ := token.claims["token_introspection"].(map[string]any)
		plain := s.introspect(t, c, in.access).wantActive(true).json
		if len(inner) != len(plain) || inner["active"] != true || inner["sub"] != plain["sub"] || inner["client_id"] != c.ID {
			t.Errorf("%s: inside is %v, want what JSON says: %v", c.ID, inner, plain)
		}
		// It is nobody's token.
		s.userInfo(t, string(a.body)).want(401)
		s.introspect(t, c, string(a.body)).wantActive(false)
		in.b.az(c, "prompt", "none", "id_token_hint", string(a.body)).wantErr("invalid_request")
	}
}

func TestIntrospect_WhoAsksForJSONGetsIt(t *testing.T) { // RFC 9701 §4
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Formats())
	for _, accept := range []string{"application/json", "*/*", "application/jwt", "application/json, " + introspectionJWT + ";q=0.1"} {
		s.introspectAs(t, server.Formats(), in.access, accept).wantActive(true)
	}
}

func TestIntrospect_AJWTSaysNothingOfOthersTokens(t *testing.T) { // RFC 9701 §5, §8.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Formats())
	for name, token := range map[string]string{"another client's": in.access, "garbage": "garbage", "an ID token": in.id} {
		inner, _ := s.verify(t, string(s.introspectAs(t, server.Other(), token, introspectionJWT).body)).claims["token_introspection"].(map[string]any)
		if inner["active"] != false || len(inner) != 1 {
			t.Errorf("%s: %v, want active = false and nothing else", name, inner)
		}
	}
	// An error is no JWT.
	s.form(t, "introspection_endpoint", nobody, "token", in.access).wantError(401, "invalid_client")
}

func TestIntrospect_AnswerMayBeEncrypted(t *testing.T) { // RFC 9701 §5, §6
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Sealed())
	for _, accept := range []string{introspectionJWT, "application/json"} { // nothing in clear for who is registered for encryption
		a := s.introspectAs(t, server.Sealed(), in.access, accept)
		header, signed := unseal(t, string(a.body), "A256GCM")
		token := s.verify(t, signed)
		inner, _ := token.claims["token_introspection"].(map[string]any)
		if header["cty"] != "JWT" || token.header["typ"] != "token-introspection+jwt" || token.header["alg"] != "RS256" || inner["active"] != true {
			t.Errorf("%s: %v around %v with %v", accept, header, token.header, inner)
		}
	}
}
