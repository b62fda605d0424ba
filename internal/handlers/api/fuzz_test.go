package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequests: an administrator's request may say anything, in its body, its query and what it holds against an ETag: the answer is what the
// description promises, and never a 5xx.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	h, err := New(w.Dependencies)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, query, etag string) {
		for _, ask := range []struct{ method, path, kind string }{
			{"POST", "/users", "application/json"},
			{"POST", "/clients", "application/json"},
			{"PATCH", "/clients/nobody", "application/merge-patch+json"},
			{"POST", "/providers", "application/json"},
			{"POST", "/users/import", "application/x-ndjson"},
			{"GET", "/users", ""},
			{"GET", "/clients", ""},
			{"GET", "/audit", ""},
			{"GET", "/sessions", ""},
		} {
			r := httptest.NewRequest(ask.method, "https://id.example/sso"+Path+ask.path, nil)
			if ask.kind != "" {
				r = httptest.NewRequest(ask.method, "https://id.example/sso"+Path+ask.path, strings.NewReader(body))
				r.Header.Set("Content-Type", ask.kind)
			}
			r.URL.RawQuery = query
			r.Header["If-Match"] = []string{etag}
			r.Header.Set("Authorization", "Bearer "+adminToken)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code >= 500 || rec.Code < 200 {
				t.Fatalf("%s %s?%q %q: status %d %s", ask.method, ask.path, query, body, rec.Code, rec.Body)
			}
			if rec.Code >= 400 && rec.Code != http.StatusNotFound && !strings.Contains(rec.Header().Get("Content-Type"), "problem+json") {
				t.Fatalf("%s %s: %d is %q, want a problem", ask.method, ask.path, rec.Code, rec.Header().Get("Content-Type"))
			}
		}
	})
}
