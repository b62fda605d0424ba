package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkOperations is what each endpoint costs inside the process, without HTTP's own work: time depends on the machine and its other
// work, allocations hardly. `make bench` measures the whole server.
func BenchmarkOperations(b *testing.B) {
	w := newWorld(b)
	cookies := w.signIn(b)
	exchange := func(b *testing.B) map[string]any {
		_, _, answer := w.exchange(b, w.az(b, cookies).Get("code"))
		return answer
	}
	tokens := exchange(b)
	access, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
	send := func(b *testing.B, method, path, body string) {
		r := httptest.NewRequestWithContext(b.Context(), method, issuer+path, strings.NewReader(body))
		if body == "" {
			r.Header.Set("Authorization", "Bearer "+access)
		} else {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("app", w.secret)
		}
		if rec := w.do(b, r); rec.Code != http.StatusOK {
			b.Fatalf("%s: got %d %s, want 200", path, rec.Code, rec.Body)
		}
	}
	for _, c := range []struct {
		name string
		do   func(b *testing.B)
	}{
		{"discovery", func(b *testing.B) { send(b, http.MethodGet, "/.well-known/openid-configuration", "") }},
		{"client_credentials", func(b *testing.B) {
			send(b, http.MethodPost, "/oauth2/token", "grant_type=client_credentials&scope=api")
		}},
		{"userinfo", func(b *testing.B) { send(b, http.MethodGet, "/oauth2/userinfo", "") }},
		{"introspect", func(b *testing.B) {
			send(b, http.MethodPost, "/oauth2/introspect", url.Values{"token": {access}}.Encode())
		}},
		{"refresh", func(b *testing.B) {
			_, _, answer := w.token(b, "grant_type", "refresh_token", "refresh_token", refresh, "scope", "offline_access")
			refresh = answer["refresh_token"].(string)
		}},
		{"authorize", func(b *testing.B) { w.az(b, cookies) }},
		{"code", func(b *testing.B) { exchange(b) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(b)
			}
		})
	}
}
