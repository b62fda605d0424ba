package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys/keystest"
)

// signer is the key of a client that signs its requests.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return signer{key}
}

// register lets the client sign.
func (s signer) register(t testing.TB) func(*idp.Client) {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "1", Use: "sig"}}})
	must(t, err)
	return func(c *idp.Client) { c.JWKS = set }
}

// sign returns a request object with the good parameters and what is laid over them.
func (s signer) sign(t testing.TB, over map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": "app", "aud": issuer, "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for name, values := range goodParams() {
		claims[name] = values[0]
	}
	for name, value := range over {
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	must(t, err)
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, new(jose.SignerOptions).WithHeader("kid", "1").WithType("oauth-authz-req+jwt"))
	must(t, err)
	return keystest.Sign(t, made, payload)
}

// ask sends parameters and returns where the browser goes, or the code on the page.
func (w *world) ask(t testing.TB, cookies []*http.Cookie, params url.Values) (code string, to *url.URL) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"/oauth2/authorize?"+params.Encode(), nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec := w.do(t, r)
	to, err := url.Parse(rec.Header().Get("Location"))
	must(t, err)
	if rec.Code != http.StatusSeeOther {
		return w.lastPage.Code, to
	}
	return to.Query().Get("error"), to
}

func TestRequestObject_MayBeEncrypted(t *testing.T) { // RFC 9101 §6.1, OpenID Connect Core §6.1
	t.Parallel()
	s := newSigner(t)
	w := newWorld(t, s.register(t))
	must(t, w.Keys.Ensure(t.Context(), idp.AlgECDHES))
	cookies := w.signIn(t)
	encrypt := func(text string) string {
		var set jose.JSONWebKeySet
		must(t, json.Unmarshal(w.get(t, "/.well-known/jwks.json").Body.Bytes(), &set))
		for _, key := range set.Keys {
			if key.Use != "enc" || key.Algorithm != idp.AlgECDHES {
				continue
			}
			e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key}, new(jose.EncrypterOptions).WithContentType("oauth-authz-req+jwt"))
			must(t, err)
			jwe, err := e.Encrypt([]byte(text))
			must(t, err)
			out, err := jwe.CompactSerialize()
			must(t, err)
			return out
		}
		t.Fatal("the JWKS has no key to encrypt to")
		return ""
	}
	object := s.sign(t, nil)
	for name, c := range map[string]struct{ request, want string }{
		"encrypted":        {encrypt(object), ""},
		"encrypted twice":  {encrypt(encrypt(object)), "invalid_request_object"},
		"not signed":       {encrypt(`{"client_id":"app","response_type":"code"}`), "invalid_request_object"},
		"changed":          {changed(encrypt(object)), "invalid_request_object"},
		"encrypted to air": {"a.b.c.d.e", "invalid_request_object"},
	} {
		if code, to := w.ask(t, cookies, url.Values{"client_id": {"app"}, "request": {c.request}}); code != c.want || c.want == "" && to.Query().Get("code") == "" {
			t.Errorf("%s: got %q and %s, want %q", name, code, to, c.want)
		}
	}
}

// changed turns a letter in the ciphertext.
func changed(jwe string) string {
	at := strings.LastIndex(jwe, ".") - 10
	letter := "A"
	if jwe[at] == 'A' {
		letter = "B"
	}
	return jwe[:at] + letter + jwe[at+1:]
}

// FuzzRequestObject: whatever an object holds, nothing breaks, and nobody is sent elsewhere.
func FuzzRequestObject(f *testing.F) {
	s := newSigner(f)
	w := newWorld(f, s.register(f))
	f.Fuzz(func(t *testing.T, payload string) {
		made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, nil)
		must(t, err)
		text := keystest.Sign(t, made, []byte(payload))
		for _, params := range []url.Values{
			{"client_id": {"app"}, "request": {text}},
			{"client_id": {"app"}, "request": {text}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {callback}},
		} {
			r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/authorize?"+params.Encode(), nil)
			rec := w.do(t, r)
			location := rec.Header().Get("Location")
			if rec.Code >= 500 || location != "" && !strings.HasPrefix(location, callback+"?") && !strings.HasPrefix(location, issuer+"/") {
				t.Fatalf("%q: got %d, sent to %q", payload, rec.Code, location)
			}
		}
	})
}
