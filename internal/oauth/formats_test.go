package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// keyed gives the client a key to encrypt to, and returns what opens it.
func keyed(t testing.TB, c *idp.Client) (open func(jwe any, wantCty string) string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c.JWKS, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "enc-1", Use: "enc"}}})
	must(t, err)
	return func(jwe any, wantCty string) string {
		t.Helper()
		text, _ := jwe.(string)
		parsed, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.ECDH_ES_A256KW}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			t.Fatalf("%.60s: %v", text, err)
		}
		if cty, _ := parsed.Header.ExtraHeaders["cty"].(string); cty != wantCty || parsed.Header.KeyID != "enc-1" {
			t.Errorf("got cty %q and kid %q, want %q and enc-1", cty, parsed.Header.KeyID, wantCty)
		}
		plain, err := parsed.Decrypt(private)
		must(t, err)
		return string(plain)
	}
}

func encrypted(c *idp.Client) {
	c.IDTokenEncryptedAlg, c.IDTokenEncryptedEnc = idp.AlgECDHESA256KW, idp.EncA256GCM
	c.UserInfoEncryptedAlg, c.UserInfoEncryptedEnc = idp.AlgECDHESA256KW, idp.EncA256GCM
	c.IntrospectionEncryptedAlg, c.IntrospectionEncryptedEnc = idp.AlgECDHESA256KW, idp.EncA256GCM
}

// asked sends a request and returns type and text of the answer, and what it cost.
func (w *world) asked(t testing.TB, path, bearer, accept string, form url.Values) (status int, kind, text string, trips int64) {
	t.Helper()
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		r.SetBasicAuth("app", w.secret)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	rec := w.do(t, r)
	return rec.Code, rec.Header().Get("Content-Type"), rec.Body.String(), n.Trips()
}

// OpenID Connect Core §5.3.2: iss and aud, the same claims as in JSON, no nonce; whatever the request accepts.
func TestUserInfo_SignedForWhoIsRegisteredForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.UserInfoSignedAlg = "ES256" })
	answer := w.tokens(t)
	status, kind, text, trips := w.asked(t, "/oauth2/userinfo", answer["access_token"].(string), "application/json", nil)
	if status != 200 || kind != "application/jwt" || trips != 1 {
		t.Fatalf("got %d %s in %d round trips, want 200 application/jwt in 1", status, kind, trips)
	}
	claims := claimsOf(t, text)
	if claims["iss"] != issuer || claims["aud"] != "app" || claims["sub"] != w.user.ID || claims["name"] != "Ann Example" || claims["nonce"] != nil {
		t.Errorf("got %v", claims)
	}
	if h := headerOf(t, text); h["alg"] != "ES256" || h["typ"] != nil || h["kid"] == nil {
		t.Errorf("got header %v, want ES256, a kid and no typ: it is no ID token", h)
	}
}

func TestUserInfo_MayBeEncrypted(t *testing.T) {
	t.Parallel()
	var open func(any, string) string
	w := newWorld(t, func(c *idp.Client) {
		open = keyed(t, c)
		encrypted(c)
		c.IDTokenEncryptedAlg = ""
	})
	answer := w.tokens(t)
	_, kind, text, _ := w.asked(t, "/oauth2/userinfo", answer["access_token"].(string), "", nil)
	var claims map[string]any
	must(t, json.Unmarshal([]byte(open(text, "")), &claims))
	if kind != "application/jwt" || claims["sub"] != w.user.ID || claims["aud"] != "app" {
		t.Errorf("got %s %v", kind, claims)
	}
	w.change(t, func(c *idp.Client) { c.UserInfoSignedAlg = "RS256" })
	_, _, text, _ = w.asked(t, "/oauth2/userinfo", answer["access_token"].(string), "", nil)
	if claims := claimsOf(t, open(text, "JWT")); claims["sub"] != w.user.ID {
		t.Errorf("signed and encrypted: got %v", claims)
	}
}

// Every algorithm that discovery lists for encryption opens with another reader.
func TestEncrypt_EveryAlgorithmOpensWithAnotherReader(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	w := newWorld(t, func(c *idp.Client) {
		c.JWKS, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ec.Public(), KeyID: "e"}, {Key: private.Public(), KeyID: "r"}}})
		must(t, err)
	})
	meta := w.discovery(t)
	token := w.tokens(t)["access_token"].(string)
	for _, alg := range textsOf(t, meta, "userinfo_encryption_alg_values_supported") {
		for _, enc := range textsOf(t, meta, "userinfo_encryption_enc_values_supported") {
			w.change(t, func(c *idp.Client) { c.UserInfoEncryptedAlg, c.UserInfoEncryptedEnc = alg, enc })
			_, _, text, _ := w.asked(t, "/oauth2/userinfo", token, "", nil)
			parsed, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
			if err != nil {
				t.Errorf("%s %s: %v", alg, enc, err)
				continue
			}
			var key any = ec
			if strings.HasPrefix(alg, "RSA") {
				key = private
			}
			if plain, err := parsed.Decrypt(key); err != nil || !strings.Contains(string(plain), w.user.ID) {
				t.Errorf("%s %s: got %q, %v", alg, enc, plain, err)
			}
		}
	}
}

// OpenID Connect Core §10.2: signed, then encrypted; as a hint it comes back decrypted, or encrypted to us.
func TestIDToken_EncryptedIsTakenBackAsAHint(t *testing.T) {
	t.Parallel()
	var open func(any, string) string
	w := newWorld(t, func(c *idp.Client) { open = keyed(t, c); encrypted(c) })
	cookies := w.signIn(t)
	status, trips, answer := w.exchange(t, w.az(t, cookies).Get("code"))
	if status != 200 || trips != 1 {
		t.Fatalf("got %d in %d round trips: %v", status, trips, answer)
	}
	signed := open(answer["id_token"], "JWT")
	if claims := claimsOf(t, signed); claims["sub"] != w.user.ID || claims["aud"] != "app" {
		t.Errorf("got %v", claims)
	}
	if !w.az(t, cookies, "prompt", "none", "id_token_hint", signed).Has("code") {
		t.Error("the ID token inside is no hint")
	}
	if w.az(t, cookies, "prompt", "none", "id_token_hint", answer["id_token"].(string)).Has("code") {
		t.Error("what only the client can read was taken as a hint")
	}
	must(t, w.Keys.Ensure(t.Context(), idp.AlgECDHES))
	body, _ := w.Keys.JWKS()
	var set jose.JSONWebKeySet
	must(t, json.Unmarshal(body, &set))
	for _, k := range set.Keys {
		if k.Use != "enc" {
			continue
		}
		e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: k.Key, KeyID: k.KeyID}, nil)
		must(t, err)
		obj, err := e.Encrypt([]byte(signed))
		must(t, err)
		text, err := obj.CompactSerialize()
		must(t, err)
		if !w.az(t, cookies, "prompt", "none", "id_token_hint", text).Has("code") {
			t.Error("the ID token, encrypted to this server, is no hint")
		}
	}
	// A client whose key is gone hears why, and it is no fault of the server.
	w.change(t, func(c *idp.Client) { c.JWKS = []byte(`{"keys":[]}`) })
	status, _, answer = w.exchange(t, w.az(t, cookies).Get("code"))
	if text, _ := answer["error_description"].(string); status != 400 || !strings.Contains(text, "jwks") {
		t.Errorf("without a key: got %d %v, want 400 and the cause", status, answer)
	}
}

// RFC 9701 §4, §5: JSON for most, a JWT for who asks by its name, and nothing in clear for who is registered for encryption.
func TestIntrospect_AnswersAsAJWT(t *testing.T) {
	t.Parallel()
	var open func(any, string) string
	w := newWorld(t, func(c *idp.Client) { open = keyed(t, c) })
	token := w.tokens(t)["access_token"].(string)
	form := url.Values{"token": {token}}
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "application/*": "application/json",
		"application/token-introspection+jwt":                                     "application/token-introspection+jwt",
		"APPLICATION/token-introspection+JWT;q=0.5, text/html":                    "application/token-introspection+jwt",
		"application/json;q=0.9, application/token-introspection+jwt":             "application/token-introspection+jwt",
		"application/json, application/token-introspection+jwt;q=0.5":             "application/json",
		"application/token-introspection+jwt;q=0, */*":                            "application/json",
		"application/token-introspection+jwt;q=x, ;;, application/json;charset=x": "application/json",
	} {
		status, kind, text, trips := w.asked(t, "/oauth2/introspect", "", accept, form)
		if status != 200 || kind != want || trips != 1 {
			t.Errorf("%q: got %d %s in %d round trips, want %s in 1", accept, status, kind, trips, want)
		}
		if want == "application/json" {
			continue
		}
		if h := headerOf(t, text); h["typ"] != "token-introspection+jwt" || h["alg"] != "RS256" {
			t.Errorf("got header %v", h)
		}
		claims := claimsOf(t, text)
		inner, _ := claims["token_introspection"].(map[string]any)
		if claims["iss"] != issuer || claims["aud"] != "app" || claims["iat"] == nil || claims["exp"] != nil || claims["sub"] != nil || inner["active"] != true || inner["sub"] != w.user.ID {
			t.Errorf("got %v", claims)
		}
	}
	w.change(t, func(c *idp.Client) { encrypted(c); c.IntrospectionSignedAlg = "ES256" })
	_, kind, text, _ := w.asked(t, "/oauth2/introspect", "", "application/json", url.Values{"token": {"garbage"}})
	signed := open(text, "JWT")
	inner, _ := claimsOf(t, signed)["token_introspection"].(map[string]any)
	if kind != "application/token-introspection+jwt" || headerOf(t, signed)["alg"] != "ES256" || inner["active"] != false || len(inner) != 1 {
		t.Errorf("encrypted: got %s %v", kind, inner)
	}
}

// OpenID Connect Core §8.1: one name everywhere at this client, another at the next, and the endpoints know whose it is.
func TestSubject_IsPairwiseEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) {
		c.SubjectType, c.BackchannelLogoutURI = idp.SubjectPairwise, "https://bye.example/" // who hears of the end of a session is told its name
	})
	other := *w.client
	other.ID, other.RedirectURIs = "other", []string{"https://other.example/cb"}
	must(t, w.store.CreateClient(t.Context(), &other))
	cookies := w.signIn(t)
	_, _, answer := w.exchange(t, w.az(t, cookies, "scope", "openid offline_access").Get("code"))
	id, access := claimsOf(t, answer["id_token"]), claimsOf(t, answer["access_token"])
	sub, _ := id["sub"].(string)
	if sub == "" || sub == w.user.ID || access["sub"] != sub {
		t.Fatalf("got sub %q in the ID token and %q in the access token, want one that is not the account's id", sub, access["sub"])
	}
	_, _, text, _ := w.asked(t, "/oauth2/userinfo", answer["access_token"].(string), "", nil)
	if !strings.Contains(text, `"sub":"`+sub+`"`) {
		t.Errorf("UserInfo: got %s", text)
	}
	for _, token := range []string{"access_token", "refresh_token"} {
		_, got := w.post(t, "/oauth2/introspect", "token", answer[token].(string))
		if got["active"] != true || got["sub"] != sub || got["username"] != nil {
			t.Errorf("introspected %s: got %v, want the sub, and no name that others know", token, got)
		}
	}
	_, next := w.refresh(t, answer["refresh_token"])
	if again := claimsOf(t, next["id_token"]); again["sub"] != sub || again["sid"] != id["sid"] {
		t.Errorf("after a refresh: got %v", again)
	}
	_, _, there := w.token(t, "grant_type", "authorization_code", "code", w.az(t, cookies, "client_id", "other", "redirect_uri", "https://other.example/cb").Get("code"),
		"redirect_uri", "https://other.example/cb", "code_verifier", verifier, "client_id", "other", "client_secret", w.secret)
	elsewhere := claimsOf(t, there["id_token"])
	if elsewhere["sub"] == sub || elsewhere["sub"] == w.user.ID || elsewhere["sid"] == id["sid"] {
		t.Errorf("another sector: got sub %v and sid %v, which connect the two", elsewhere["sub"], elsewhere["sid"])
	}

	// The name is understood when it comes back.
	hint := answer["id_token"].(string)
	if !w.az(t, cookies, "prompt", "none", "id_token_hint", hint).Has("code") {
		t.Error("the hint names the signed-in user, and was not understood")
	}
	if q := w.az(t, nil, "prompt", "none", "id_token_hint", hint); q.Get("error") != "login_required" {
		t.Errorf("a hint without a session: got %v", q)
	}
	w.user = &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: "bob", Email: "bob@example.com", EmailVerified: true, CreatedAt: w.user.CreatedAt, UpdatedAt: w.user.UpdatedAt}
	must(t, w.store.CreateUser(t.Context(), w.user))
	if q := w.az(t, w.signIn(t), "prompt", "none", "id_token_hint", hint); q.Has("code") {
		t.Error("the hint of one person got another person's code")
	}
	rec := w.do(t, func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode(), nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return r
	}())
	if got := rec.Header().Get("Location"); got != "https://app.example/bye" {
		t.Errorf("sign-out with the hint: got %q, want the session ended at once", got)
	}
}
