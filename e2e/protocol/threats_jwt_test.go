package protocol

// SEC-17, RFC 8725: every JWT that is taken from outside, made wrong in every way that is known; and each kind brought where another is wanted.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
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

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
)

// signsAll is an application that signs everything it may sign with one key, and gets everything signed with one key: what tells its
// JWTs apart is what stands in them alone.
func (s *site) signsAll(t *testing.T, name string) (*receiver, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: server.SignerKey().Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"}, {Key: key.Public(), KeyID: "rsa", Algorithm: "PS256", Use: "sig"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.receiver(
		t, name, "--backchannel-logout-uri", "AT/bc", "--jwks", file, "--auth-method", "client_secret_basic,private_key_jwt", "--scope", "api.read",
		"--grant", "authorization_code,refresh_token,client_credentials,"+grantCIBA+","+grantExchange, "--exchange-audience", "https://inner.example",
		"--id-token-alg", "ES256", "--access-token-alg", "ES256", "--authorization-alg", "ES256", "--userinfo-alg", "ES256", "--introspection-alg", "ES256",
	), key
}

// taker is a place where a JWT is taken. good returns the claims of one that is taken there, and its typ; takes brings one there.
type taker struct {
	good  func() (claims map[string]any, typ string)
	takes func(token string) bool
}

// takers lists the places where app's own JWTs are taken. u is who signed in as in.
func (s *site) takers(t *testing.T, app *receiver, in signedIn) map[string]taker {
	t.Helper()
	claims := func(more map[string]any) map[string]any {
		now := time.Now().Unix()
		c := map[string]any{"iss": app.ID, "aud": s.Issuer, "iat": now, "nbf": now, "exp": now + 60, "jti": rand.Text()}
		maps.Copy(c, more)
		return c
	}
	object := func() (map[string]any, string) {
		return claims(map[string]any{"client_id": app.ID, "response_type": "code", "redirect_uri": app.Redirect, "scope": "openid", "state": "s", "nonce": "n"}), "oauth-authz-req+jwt"
	}
	ask := func(pairs ...string) bool {
		return s.form(t, "backchannel_authentication_endpoint", basic(app.Client), append([]string{"scope", "openid"}, pairs...)...).status == http.StatusOK
	}
	return map[string]taker{
		"client assertion": {
			func() (map[string]any, string) { return claims(map[string]any{"sub": app.ID}), "" },
			func(token string) bool {
				return s.token(t, nobody, "grant_type", "client_credentials", "scope", "api.read", "client_assertion_type", assertionType, "client_assertion", token).status == 200
			},
		},
		"request object": {object, func(token string) bool {
			b := in.b.copy()
			b.azForm(app.Client)
			p := b.byValue(app.Client, token, "response_type", "code", "scope", "openid", "redirect_uri", app.Redirect, "state", "s", "prompt", "none")
			return p.left != nil && p.left.Query().Has("code")
		}},
		"pushed request object": {object, func(token string) bool {
			return s.form(t, "pushed_authorization_request_endpoint", basic(app.Client), "request", token, "response_type", "code", "scope", "openid").status == http.StatusCreated
		}},
		"back-channel request": {
			func() (map[string]any, string) {
				return claims(map[string]any{"scope": "openid", "login_hint": in.u.Email}), ""
			},
			func(token string) bool {
				return s.form(t, "backchannel_authentication_endpoint", basic(app.Client), "request", token).status == http.StatusOK
			},
		},
		"login hint token": {
			func() (map[string]any, string) {
				return claims(map[string]any{"sub_id": map[string]string{"format": "email", "email": in.u.Email}}), ""
			},
			func(token string) bool { return ask("login_hint_token", token) },
		},
	}
}

// ownES256 signs with the key that app and signer have registered.
func ownES256(t testing.TB, signed []byte) []byte {
	t.Helper()
	return ecdsaSignature(t, server.SignerKey(), signed)
}

func ecdsaSignature(t testing.TB, key *ecdsa.PrivateKey, signed []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(signed)
	r, z, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), z.FillBytes(make([]byte, 32))...)
}

// Each trap, at each place where an application's JWT is taken. SEC-17: none, HMAC with the public key, RS for PS, an unknown crit, b64, another key's
// kid, embedded jwk, jku, x5u and x5c, size, typ, aud, exp, members that stand there twice.
func TestThreat_JWTsAreForged(t *testing.T) { // SEC-17, RFC 8725 §2.1, §3.1, §3.11
	t.Parallel()
	s := shared(t)
	app, rsaKey := s.signsAll(t, "forged")
	in := s.signIn(t, app.Client)
	own := func(signed []byte) []byte { return ownES256(t, signed) }
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(signed []byte) []byte { return ecdsaSignature(t, thief, signed) }
	public, err := jose.JSONWebKey{Key: server.SignerKey().Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	point, err := server.SignerKey().PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(key []byte) func([]byte) []byte {
		return func(signed []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(signed)
			return mac.Sum(nil)
		}
	}
	pss := func(signed []byte) []byte {
		sum := sha256.Sum256(signed)
		text, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	nothing := func([]byte) []byte { return nil }
	embedded := map[string]any{"kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(thief.X.FillBytes(make([]byte, 32))), "y": encode(thief.Y.FillBytes(make([]byte, 32)))}
	evil := newReceiverOfNothing(t)
	for place, at := range s.takers(t, app, in) {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			make := func(header, more map[string]any, sign func([]byte) []byte) string {
				claims, typ := at.good()
				h := map[string]any{"alg": "ES256", "kid": "ec"}
				if typ != "" {
					h["typ"] = typ
				}
				for _, over := range []struct{ into, from map[string]any }{{h, header}, {claims, more}} {
					for name, value := range over.from {
						if over.into[name] = value; value == absent {
							delete(over.into, name)
						}
					}
				}
				return forge(t, h, claims, sign)
			}
			header := func(pairs ...any) map[string]any {
				h := map[string]any{}
				for i := 0; i < len(pairs); i += 2 {
					h[pairs[i].(string)] = pairs[i+1]
				}
				return h
			}
			// What is right is taken: else the rest of this test says nothing.
			for name, token := range map[string]string{
				"right":           make(nil, nil, own),
				"right, PS256":    make(header("alg", "PS256", "kid", "rsa"), nil, pss),
				"right, no kid":   make(header("kid", absent), nil, own),
				"right, an array": make(nil, header("aud", []string{s.Issuer}), own),
			} {
				if !at.takes(token) {
					t.Errorf("%s: refused", name)
				}
			}
			good := make(nil, nil, own)
			parts := strings.Split(good, ".")
			claims, _ := at.good()
			payload, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			twice := encode([]byte(`{"iss":"other",` + string(payload[1:])))
			trailing := encode(append(payload, "{}"...))
			resigned := func(header, payload string) string {
				return header + "." + payload + "." + encode(own([]byte(header+"."+payload)))
			}
			deep := encode([]byte(`{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "," + string(payload[1:])))
			for name, token := range map[string]string{
				"alg none":                    make(header("alg", "none"), nil, nothing),
				"alg None":                    make(header("alg", "None"), nil, nothing),
				"alg nOnE, signed":            make(header("alg", "nOnE"), nil, own),
				"no alg":                      make(header("alg", absent), nil, own),
				"alg is a list":               make(header("alg", []string{"ES256"}), nil, own),
				"signature cut off":           parts[0] + "." + parts[1] + ".",
				"signature of zeros":          parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
				"two parts":                   parts[0] + "." + parts[1],
				"HS256 with the public JWK":   make(header("alg", "HS256"), nil, hs256(public)),
				"HS256 with the public PEM":   make(header("alg", "HS256"), nil, hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: point}))),
				"HS256 with the public point": make(header("alg", "HS256"), nil, hs256(point)),
				"HS256 with nothing":          make(header("alg", "HS256", "kid", ""), nil, hs256(nil)),
				"RS256 for PS256":             make(header("alg", "RS256", "kid", "rsa"), nil, func(signed []byte) []byte { return signRS256(t, rsaKey, signed) }),
				"PS256 that is PKCS 1":        make(header("alg", "PS256", "kid", "rsa"), nil, func(signed []byte) []byte { return signRS256(t, rsaKey, signed) }),
				"ES384 over P-256":            make(header("alg", "ES384"), nil, own),
				"another key":                 make(nil, nil, foreign),
				"another key's kid":           make(header("kid", "rsa"), nil, own),
				"an unknown kid":              make(header("kid", "mine"), nil, foreign),
				"kid is a path":               make(header("kid", "../../../../dev/null"), nil, hs256(nil)),
				"embedded jwk":                make(header("jwk", embedded, "kid", absent), nil, foreign),
				"jku":                         make(header("jku", evil.URL+"/jwks", "kid", "mine"), nil, foreign),
				"x5u":                         make(header("x5u", evil.URL+"/cert", "kid", absent), nil, foreign),
				"x5c":                         make(header("x5c", []string{"MAo="}, "kid", absent), nil, foreign),
				"an unknown crit":             make(header("crit", []string{"x"}, "x", 1), nil, own),
				"crit of nothing":             make(header("crit", []string{}), nil, own),
				"crit b64":                    make(header("crit", []string{"b64"}, "b64", false), nil, own),
				"an ID token's typ":           make(header("typ", "at+jwt"), nil, own),
				"a proof's typ":               make(header("typ", "dpop+jwt"), nil, own),
				"a logout token's typ":        make(header("typ", "logout+jwt"), nil, own),
				"an introspection's typ":      make(header("typ", "token-introspection+jwt"), nil, own),
				"another's aud":               make(nil, header("aud", "https://other.example"), own),
				"another's aud in a list":     make(nil, header("aud", []string{"https://other.example"}), own),
				"an empty aud":                make(nil, header("aud", []string{}), own),
				"no aud":                      make(nil, header("aud", absent), own),
				"aud is an object":            make(nil, header("aud", map[string]string{"a": s.Issuer}), own),
				"exp is text":                 make(nil, header("exp", "9999999999"), own),
				"exp is null":                 make(nil, header("exp", nil), own),
				"expired":                     make(nil, header("exp", time.Now().Unix()-3600), own),
				"not yet":                     make(nil, header("nbf", time.Now().Unix()+3600), own),
				"another's iss":               make(nil, header("iss", "web"), own),
				"no iss":                      make(nil, header("iss", absent), own),
				"a member twice":              resigned(parts[0], twice),
				"two texts":                   resigned(parts[0], trailing),
				"nested deeply":               resigned(parts[0], deep),
				"alg twice":                   resigned(encode([]byte(`{"alg":"none","alg":"ES256","kid":"ec"}`)), parts[1]),
				"JSON form":                   `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
				"padded":                      parts[0] + "=." + parts[1] + "." + parts[2],
				"sixty thousand bytes":        make(nil, header("x", strings.Repeat("x", 60_000)), own),
				"nothing but dots":            "..",
			} {
				// no iss, no aud: OpenID Connect Core §6.1 lets request objects of plain clients leave them out.
				if strings.HasSuffix(place, "request object") && (name == "no iss" || name == "no aud" || name == "exp is null") {
					continue
				}
				if at.takes(token) {
					t.Errorf("%s: taken", name)
				}
			}
			// More than any form may hold: refused before it is read.
			if a := s.form(t, "token_endpoint", nobody, "grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", strings.Repeat("e", 10<<20)); a.status != http.StatusRequestEntityTooLarge {
				t.Errorf("ten megabytes: status %d, want 413", a.status)
			}
		})
	}
	t.Cleanup(func() {
		if n := evil.asked(); n != 0 {
			t.Errorf("the address in a header was asked %d times", n)
		}
	})
}

// No JWT is taken for another, in whichever direction there is a place for it, although all of the server's are signed by one key and all of the
// client's by another.
func TestThreat_JWTsAreConfused(t *testing.T) { // SEC-17, RFC 8725 §2.8, §3.9, §3.11, §3.12
	t.Parallel()
	s := shared(t)
	app, _ := s.signsAll(t, "confused")
	first := s.signIn(t, app.Client)
	first.b.logout("id_token_hint", first.id)
	app.wantToken(t, 1, soon)
	in := s.signInAs(t, first.u, app.Client, "scope", "openid email offline_access")
	takers := s.takers(t, app, in)
	proof := &prover{t: t, alg: jose.ES256, key: server.SignerKey()}
	at := s.endpoint(t, "token_endpoint")
	kinds := map[string]func() string{
		"ID token":     func() string { return in.id },
		"access token": func() string { return in.access },
		"logout token": func() string { return app.heard()[0].form.Get("logout_token") },
		"signed answer": func() string {
			return in.b.az(app.Client, "response_mode", "jwt", "prompt", "none").answered("?").Get("response")
		},
		"UserInfo":          func() string { return string(s.userInfo(t, in.access).want(200).body) },
		"introspection":     func() string { return string(s.introspectAs(t, app.Client, in.access, introspectionJWT).body) },
		"DPoP proof":        func() string { return proof.proof("POST", at, "") },
		"code":              func() string { return in.b.az(app.Client, "prompt", "none").wantCode().code },
		"refresh token":     func() string { return s.signInAs(t, in.u, app.Client, "scope", "openid offline_access").refresh },
		"pushed request":    func() string { return in.b.push(app.Client).want(http.StatusCreated).str("request_uri") },
		"untyped object":    nil, // made below
		"device's own text": func() string { return "idp_dc_" + rand.Text() },
	}
	for name, taker := range takers {
		if name == "pushed request object" {
			continue
		}
		kinds[name] = func() string {
			claims, typ := taker.good()
			header := map[string]any{"alg": "ES256", "kid": "ec"}
			if typ != "" {
				header["typ"] = typ
			}
			return forge(t, header, claims, func(signed []byte) []byte { return ownES256(t, signed) })
		}
	}
	kinds["untyped object"] = func() string {
		claims, _ := takers["request object"].good()
		return forge(t, map[string]any{"alg": "ES256", "kid": "ec"}, claims, func(signed []byte) []byte { return ownES256(t, signed) })
	}
	param := func(pairs ...string) bool { return s.token(t, basic(app.Client), pairs...).status == 200 }
	places := map[string]struct {
		takes func(token string) bool
		kinds string
	}{
		"bearer token":  {func(token string) bool { return s.userInfo(t, token).status == 200 }, "access token"},
		"introspection": {func(token string) bool { return s.introspect(t, app.Client, token).json["active"] == true }, "access token, refresh token"},
		"subject_token": {func(token string) bool {
			return param("grant_type", grantExchange, "subject_token", token, "subject_token_type", accessType)
		}, "access token"},
		"actor_token": {func(token string) bool {
			return param("grant_type", grantExchange, "subject_token", in.access, "subject_token_type", accessType, "actor_token", token, "actor_token_type", accessType)
		}, "access token"},
		"id_token_hint": {func(token string) bool {
			p := in.b.copy().az(app.Client, "prompt", "none", "id_token_hint", token)
			return p.left != nil && p.left.Query().Has("code")
		}, "ID token"},
		"id_token_hint at sign-out": {func(token string) bool {
			return s.browser(t).logout("id_token_hint", token, "post_logout_redirect_uri", app.Logout).left != nil
		}, "ID token"},
		"id_token_hint at the back channel": {func(token string) bool {
			return s.form(t, "backchannel_authentication_endpoint", basic(app.Client), "scope", "openid", "id_token_hint", token).status == 200
		}, "ID token"},
		"DPoP header": {func(token string) bool {
			a := s.token(t, proving(basic(app.Client), token), "grant_type", "client_credentials", "scope", "api.read")
			return a.status == 200
		}, "DPoP proof"},
		"refresh_token": {func(token string) bool { return param("grant_type", "refresh_token", "refresh_token", token) }, "refresh token"},
		"code": {func(token string) bool {
			return param("grant_type", "authorization_code", "code", token, "redirect_uri", app.Redirect)
		}, "code"},
		"auth_req_id": {func(token string) bool { return param("grant_type", grantCIBA, "auth_req_id", token) }, ""},
		"request_uri": {func(token string) bool {
			p := in.b.copy().open(s.endpoint(t, "authorization_endpoint") + "?" + url.Values{"client_id": {app.ID}, "request_uri": {token}}.Encode())
			return p.left != nil && p.left.Query().Has("code")
		}, "pushed request"},
		"client_secret": {func(token string) bool {
			thief := app.Client
			thief.Secret = token
			return s.token(t, basic(thief), "grant_type", "client_credentials", "scope", "api.read").status == 200
		}, ""},
		"registration access token": {func(token string) bool {
			return s.registrationCall(t, http.MethodGet, s.endpoint(t, "registration_endpoint")+"/"+app.ID, token, nil).status == 200
		}, ""},
		"administrator's token": {func(token string) bool {
			return s.registrationCall(t, http.MethodGet, s.Issuer+"/api/v1/clients", token, nil).status == 200
		}, ""},
		"session cookie": {func(token string) bool {
			b := in.b.copy()
			b.setCookie("idp_session", token)
			p := b.az(app.Client, "prompt", "none")
			return p.left != nil && p.left.Query().Has("code")
		}, ""},
	}
	for name, taker := range takers {
		right := name
		if strings.HasSuffix(name, "request object") {
			right = "request object, untyped object"
		}
		places[name] = struct {
			takes func(token string) bool
			kinds string
		}{taker.takes, right}
	}
	for place, at := range places {
		for kind, token := range kinds {
			right := false
			for _, one := range strings.Split(at.kinds, ", ") {
				right = right || one == kind
			}
			if got := at.takes(token()); got != right {
				t.Errorf("%s as %s: taken %v, want %v", kind, place, got, right)
			}
		}
	}
}
