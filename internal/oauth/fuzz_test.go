package oauth_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idp/internal/idp"
)

// No query, however malformed, gets anything but a page or a redirect to the client's own address.
func FuzzAuthorize(f *testing.F) {
	w := newWorld(f)
	f.Add(goodParams().Encode())
	f.Add("client_id=app&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code&state=%00")
	f.Fuzz(func(t *testing.T, query string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			var r *http.Request
			if method == http.MethodPost {
				r = httptest.NewRequest(method, issuer+"/oauth2/authorize", strings.NewReader(query))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			} else {
				r = httptest.NewRequest(method, issuer+"/oauth2/authorize", nil)
				r.URL.RawQuery = query
			}
			rec := w.do(t, r)
			location := rec.Header().Get("Location")
			if rec.Code >= 500 || strings.ContainsAny(location, "\r\n") {
				t.Fatalf("%s %q: got %d, Location %q", method, query, rec.Code, location)
			}
			if location != "" && !strings.HasPrefix(location, callback+"?") && !strings.HasPrefix(location, issuer+"/") {
				t.Fatalf("%s %q: sent to %q", method, query, location)
			}
		}
	})
}

// No form gets a token without a secret, and none a 5xx.
func FuzzToken(f *testing.F) {
	w := newWorld(f)
	f.Add("grant_type=refresh_token&refresh_token=" + w.Keyring.NewToken("rt", idp.NewID()).Text + "&client_id=app")
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/userinfo", "/oauth2/par"} {
			r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if rec := w.do(t, r); rec.Code < 400 || rec.Code >= 500 {
				t.Fatalf("%s %q: got %d %s", path, body, rec.Code, rec.Body)
			}
		}
	})
}

// Whatever stands behind "Basic", nobody gets in and nothing breaks.
func FuzzBasicHeader(f *testing.F) {
	w := newWorld(f)
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("app:x")))
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("app\x00%00+:%zz")))
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/token", strings.NewReader("grant_type=client_credentials&scope=api"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["Authorization"] = []string{header}
		if rec := w.do(t, r); rec.Code != http.StatusUnauthorized && rec.Code != http.StatusBadRequest {
			t.Fatalf("%q: got %d %s", header, rec.Code, rec.Body)
		}
		r = httptest.NewRequest(http.MethodGet, issuer+"/oauth2/userinfo", nil)
		r.Header["Authorization"] = []string{header}
		if rec := w.do(t, r); rec.Code != http.StatusUnauthorized {
			t.Fatalf("%q as a bearer token: got %d %s", header, rec.Code, rec.Body)
		}
	})
}
