package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"idp/internal/idp"
)

// FuzzFormsOfAClient: behind a client's own credentials the grants, claims, resources, authorization details and tokens of a form are really read.
// Whatever they are, the answer is JSON with an error of OAuth, never a 5xx.
func FuzzFormsOfAClient(f *testing.F) {
	w := newWorld(f, func(c *idp.Client) {
		c.GrantTypes = append(c.GrantTypes, idp.GrantDeviceCode, idp.GrantCIBA, idp.GrantTokenExchange, idp.GrantJWTBearer)
		c.DeliveryMode = idp.DeliveryPoll
	})
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/oauth2/token", "/oauth2/par", "/oauth2/device", "/oauth2/ciba", "/oauth2/introspect", "/oauth2/revoke"} {
			r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(w.client.ID, w.secret)
			rec := w.do(t, r)
			if rec.Code < 200 || rec.Code >= 500 {
				t.Fatalf("%s %q: got %d %s", path, body, rec.Code, rec.Body)
			}
			if rec.Body.Len() == 0 && rec.Code < 300 {
				continue // RFC 7009 §2.2: a revocation says nothing
			}
			var members map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &members); err != nil {
				t.Fatalf("%s %q: %d is no JSON object: %s", path, body, rec.Code, rec.Body)
			}
			if word, _ := members["error"].(string); rec.Code >= 400 && word == "" {
				t.Fatalf("%s %q: %d without an error: %s", path, body, rec.Code, rec.Body)
			}
		}
	})
}

// FuzzLogout: no hint, no address and no state makes the server send anybody anywhere but to the registered address.
func FuzzLogout(f *testing.F) {
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, issuer+"/oauth2/logout", nil)
			r.URL.RawQuery = query
			if method == http.MethodPost {
				r = httptest.NewRequest(method, issuer+"/oauth2/logout", strings.NewReader(query))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			rec := w.do(t, r)
			to := rec.Header().Get("Location")
			if rec.Code >= 500 || strings.ContainsAny(to, "\r\n") {
				t.Fatalf("%s %q: got %d, Location %q", method, query, rec.Code, to)
			}
			if to != "" && !strings.HasPrefix(to, "https://app.example/bye") && !strings.HasPrefix(to, issuer+"/") && !strings.HasPrefix(to, "/") {
				t.Fatalf("%s %q: sent to %q", method, query, to)
			}
		}
	})
}

// FuzzResourceMetadata: no path below the well-known one finds anything here, where the operator has named no resource.
func FuzzResourceMetadata(f *testing.F) {
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, issuer+"/.well-known/oauth-protected-resource/", nil)
		r.URL.Path += path
		if rec := w.do(t, r); rec.Code == http.StatusOK || rec.Code >= 500 {
			t.Fatalf("%q: got %d %s", path, rec.Code, rec.Body)
		}
	})
}
