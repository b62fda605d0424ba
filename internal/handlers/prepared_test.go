package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Discovery and the key set are asked for all day: they are counted, and have a line in the log only where it holds everything.
func TestPrepared_CountedAndNotLogged(t *testing.T) {
	t.Parallel()
	for level, logged := range map[string]bool{"info": false, "debug": true} {
		s := newSite(t, func(o *options) { o.level = level })
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"} {
			for _, origin := range []string{"", "https://elsewhere.example"} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.issuer+path, nil)
				if origin != "" {
					r.Header.Set("Origin", origin)
				}
				rec := httptest.NewRecorder()
				s.handler.ServeHTTP(rec, r)
				if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s, origin %q: got %d %v", path, origin, rec.Code, rec.Header())
				}
				if got := rec.Header().Get("Access-Control-Allow-Origin"); got != "*" || rec.Header().Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s, origin %q: Access-Control-Allow-Origin %q, want everybody without cookies", path, origin, got)
				}
			}
			want := 0
			if logged {
				want = 2
			}
			if got := strings.Count(s.log.String(), `"route":"`+path+`"`); got != want {
				t.Errorf("%s at level %s: %d lines, want %d", path, level, got, want)
			}
			rec := httptest.NewRecorder()
			s.metrics.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if want := `idp_http_requests_total{class="2xx",route="` + path + `"} 2`; !strings.Contains(rec.Body.String(), want) {
				t.Errorf("%s at level %s: the metrics lack %s", path, level, want)
			}
		}
	}
}
