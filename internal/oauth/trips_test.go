package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idp/internal/store/sqldb"
)

// Round trips to the database are exact, so they are what guards the speed: each operation has its number, on both engines.
func TestTrips_EachOperationHasItsNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies := w.signIn(t)
	w.az(t, cookies) // warms the client

	n, q := w.azTrips(t, cookies)
	if q.Get("code") == "" || n != 1 {
		t.Errorf("authorization with session and grant: got %v in %d trips, want a code in 1", q, n)
	}
	// So is one that asks for an authentication context which the session has: by wish, among others, by demand, by registration.
	for name, params := range map[string][]string{
		"acr_values":             {"acr_values", "urn:example:password"},
		"several":                {"acr_values", "urn:example:other urn:example:password", "prompt", "none"},
		"of an upstream as well": {"acr_values", "urn:example:vouched urn:example:password"},
		"a demand":               {"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:password"}}}`},
		"for an API":             {"scope", "api", "acr_values", "urn:example:password"},
	} {
		if n, q := w.azTrips(t, cookies, params...); q.Get("code") == "" || n != 1 {
			t.Errorf("authorization request with a context, %s: got %v in %d trips, want a code in 1", name, q, n)
		}
	}
	status, n, answer := w.exchange(t, q.Get("code"))
	if status != 200 || n != 1 {
		t.Fatalf("code exchange: got %d %v in %d trips, want 200 in 1", status, answer, n)
	}
	status, n, refreshed := w.token(t, "grant_type", "refresh_token", "refresh_token", answer["refresh_token"].(string))
	if status != 200 || n != 1 {
		t.Errorf("refresh: got %d %v in %d trips, want 200 in 1", status, refreshed, n)
	}
	if status, n, v := w.token(t, "grant_type", "client_credentials", "scope", "api"); status != 200 || n != 0 {
		t.Errorf("client_credentials: got %d %v in %d trips, want 200 in 0", status, v, n)
	}
	access := answer["access_token"].(string)
	for _, c := range []struct {
		name, method, path, body string
		want                     int64
	}{
		{"userinfo", "GET", "/oauth2/userinfo", "", 1},
		{"introspection", "POST", "/oauth2/introspect", url.Values{"token": {access}}.Encode(), 1},
		{"discovery", "GET", "/.well-known/openid-configuration", "", 0},
		{"jwks", "GET", "/.well-known/jwks.json", "", 0},
	} {
		ctx, counter := sqldb.WithCounter(t.Context())
		r := httptest.NewRequestWithContext(ctx, c.method, issuer+c.path, strings.NewReader(c.body))
		if c.body == "" {
			r.Header.Set("Authorization", "Bearer "+access)
		} else {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("app", w.secret)
		}
		rec := w.do(t, r)
		if rec.Code != http.StatusOK || counter.Trips() != c.want {
			t.Errorf("%s: got %d %s in %d trips, want 200 in %d", c.name, rec.Code, rec.Body, counter.Trips(), c.want)
		}
		if c.name == "introspection" && !strings.Contains(rec.Body.String(), `"active":true`) {
			t.Errorf("introspection: got %s, want active", rec.Body)
		}
	}
}
