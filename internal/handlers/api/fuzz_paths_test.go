package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzNames: whatever an administrator, or a command for them, puts where an id belongs, a trace's say, it finds nothing or is a fault, never a 5xx.
func FuzzNames(f *testing.F) {
	w := newWorld(f)
	h, err := New(w.Dependencies)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || strings.Contains(name, "/") {
			return // another address
		}
		for _, path := range []string{
			"/traces/", "/users/", "/clients/", "/providers/", "/sessions/", "/resources/", "/registration-tokens/", "/pending-clients/",
		} {
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				r := httptest.NewRequest(method, "https://id.example/sso"+Path+path+"x", nil)
				r.URL.Path = "/sso" + Path + path + name
				r.Header.Set("Authorization", "Bearer "+adminToken)
				r.Header.Set("If-Match", `"`+name+`"`)
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				if rec.Code >= 500 || rec.Code < 300 {
					t.Fatalf("%s %s%q: status %d %s", method, path, name, rec.Code, rec.Body)
				}
				if strings.ContainsAny(rec.Header().Get("Location"), "\r\n") {
					t.Fatalf("%s %s%q: Location %q", method, path, name, rec.Header().Get("Location"))
				}
			}
		}
	})
}
