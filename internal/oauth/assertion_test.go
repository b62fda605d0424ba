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

	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/store/sqldb"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionKey is the key of every client of these tests that signs.
var assertionKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

// equip gives a client what it needs to sign assertions: its key, and a secret that can be read.
func (w *world) equip(t testing.TB, c *idp.Client) {
	t.Helper()
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: assertionKey.Public(), KeyID: "k"}}})
	must(t, err)
	c.JWKS = keys
	sealed, err := w.ring.Seal([]byte(w.secret), client.SecretBinding(c.ID, "1"))
	must(t, err)
	c.Secrets = []idp.ClientSecret{{ID: "1", Digest: w.ring.KeyedDigest(idp.SecretPurpose, w.secret), Sealed: sealed}}
}

// assertion returns a fresh assertion of a client that was equipped.
func (w *world) assertion(t testing.TB, c *idp.Client, method string) string {
	t.Helper()
	key := jose.SigningKey{Algorithm: jose.ES256, Key: assertionKey}
	if method == idp.AuthClientSecretJWT {
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(w.secret)}
	}
	s, err := jose.NewSigner(key, nil)
	must(t, err)
	now := time.Now()
	claims, err := json.Marshal(map[string]any{"iss": c.ID, "sub": c.ID, "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
	must(t, err)
	return keystest.Sign(t, s, claims)
}

func TestAssertion_CostsOneTripAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{idp.AuthPrivateKeyJWT, idp.AuthClientSecretJWT} {
		c := *w.client
		c.ID, c.AuthMethods, c.GrantTypes = strings.ReplaceAll(method, "_", "-"), []string{method}, []string{idp.GrantClientCredentials}
		w.equip(t, &c)
		must(t, w.store.CreateClient(t.Context(), &c))
		for i, want := range []int64{2, 1} { // at first the client is read too
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}, "client_assertion_type": {assertionType}, "client_assertion": {w.assertion(t, &c, method)}}
			r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/token", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			ctx, n := sqldb.WithCounter(t.Context())
			if rec := w.do(t, r.WithContext(ctx)); rec.Code != http.StatusOK || n.Trips() != want {
				t.Errorf("%s, request %d: got %d in %d trips, want 200 in %d: %s", method, i, rec.Code, n.Trips(), want, rec.Body)
			}
		}
	}
}
