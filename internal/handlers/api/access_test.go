package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"idp/internal/idp"
)

// TestRoutes_NeedTokenAndScope asks every described operation, and some addresses that are none.
func TestRoutes_NeedTokenAndScope(t *testing.T) { // RFC 6750 §3
	t.Parallel()
	w := newWorld(t)
	type route struct{ method, path string }
	routes := []route{{"GET", "/openapi.json"}, {"GET", "/nowhere"}, {"TRACE", "/clients"}, {"POST", "/whoami"}, {"OPTIONS", "/clients"}}
	for path, item := range w.spec.Paths {
		for method := range operationsOf(item) {
			routes = append(routes, route{method, strings.NewReplacer("{", "", "}", "").Replace(path)})
		}
	}
	if len(routes) < 40 {
		t.Fatalf("routes: got %d, want the description's 40 and more", len(routes))
	}
	before := len(w.events(t))
	for _, r := range routes {
		for _, tc := range []struct {
			token, challenge string
			status           int
		}{
			{"", `Bearer realm="idp"`, http.StatusUnauthorized},
			{"Bearer wrong", `Bearer realm="idp", error="invalid_token"`, http.StatusUnauthorized},
			{"Basic YTpi", `Bearer realm="idp", error="invalid_token"`, http.StatusUnauthorized},
			{"Bearer " + weakToken, `Bearer realm="idp", error="insufficient_scope", scope="idp.admin"`, http.StatusForbidden},
		} {
			a := w.send(t, r.method, r.path, `{"client_id":"x"}`, "Authorization", tc.token)
			if a.status != tc.status || a.header.Get("WWW-Authenticate") != tc.challenge {
				t.Errorf("%s %s with %q: got %d %q, want %d %q", r.method, r.path, tc.token, a.status, a.header.Get("WWW-Authenticate"), tc.status, tc.challenge)
			}
		}
	}
	if got := len(w.events(t)); got != before {
		t.Errorf("audit events: got %d, want %d: nothing may have been done", got, before)
	}
}

func TestRoutes_NoneIsAProblemToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404},
		{"GET", "/", 404},
		{"GET", "", 404},
		{"GET", "/clients/", 404},
		{"GET", "/clients//check", 404},
		{"GET", "/clients/../users", 404},
		{"GET", "/clients/./x", 404},
		{"POST", "/whoami", 405},
		{"DELETE", "/clients", 405},
		{"GET", "/clients/%00", 400},
		{"GET", "/clients/%ff", 400},
		{"GET", "/clients?after=%00", 400},
		{"GET", "/clients?after=%zz", 400},
		{"GET", "/clients?after=a&after=b", 400},
		{"GET", "/audit?since=", 400},
		{"GET", "/audit?user_id=", 400}, // the variable of a script that was not set: not everybody's events
		{"GET", "/logouts?client_id", 400},
		{"GET", "/clients?limit=0", 422},
		{"GET", "/clients?limit=501", 422},
		{"GET", "/clients?limit=many", 422},
		{"GET", "/clients?colour=red", 422},
		{"GET", "/clients?after=" + strings.Repeat("a", 513), 422},
		{"GET", "/clients?after=" + strings.Repeat("a", 5000), 400},
		{"GET", "/audit?since=yesterday", 422},
		{"GET", "/audit?since=2026-01-02T15:04:05Z&after=x", 422},
		{"GET", "/clients/none", 404},
		{"GET", "/users/none", 404},
		{"GET", "/users/none/grants", 404},
		{"DELETE", "/users/none/sessions", 404},
		{"DELETE", "/users/none/grants/none", 404},
		{"DELETE", "/users/none/identities/none", 404},
		{"POST", "/users/none/disable", 404},
		{"POST", "/users/none/enable", 404},
		{"DELETE", "/users/none", 404},
		{"GET", "/sessions/none", 404},
		{"DELETE", "/sessions/none", 404},
		{"GET", "/providers/none", 404},
		{"POST", "/providers/none/test", 404},
		{"DELETE", "/providers/none", 404},
		{"GET", "/traces/none", 404},
		{"POST", "/keys/none/retire", 404},
	} {
		a := w.send(t, tc.method, tc.path, "")
		p := a.json(t)
		if a.status != tc.status || p["request_id"] != "request-1" || p["code"] == "" || p["detail"] == "" {
			t.Errorf("%s %s: got %d %v, want %d with code, detail and request id", tc.method, tc.path, a.status, p, tc.status)
		}
		if strings.HasPrefix(tc.path, "/users/none") && strings.Count(tc.path, "/") < 4 && !strings.Contains(fmt.Sprint(p["detail"]), `no user "none"`) {
			t.Errorf("%s %s: got %v, want the user named", tc.method, tc.path, p["detail"])
		}
		if tc.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", tc.method, tc.path)
		}
		if a.header.Get("Location") != "" {
			t.Errorf("%s %s: has a Location", tc.method, tc.path)
		}
	}
}

func TestProblem_UnclassifiedShowsNothing(t *testing.T) { // architecture: boulder's rule
	t.Parallel()
	w := newWorld(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/whoami", nil)
	r.Header.Set("Authorization", "Bearer broken")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text := make([]byte, 4096)
	n, _ := resp.Body.Read(text)
	if got := string(text[:n]); resp.StatusCode != 500 || strings.Contains(got, "inner") || !strings.Contains(got, `"request-1"`) {
		t.Errorf("got %d %s, want 500 with the request id and without the cause", resp.StatusCode, got)
	}
	if !strings.Contains(w.log.String(), "secret inner cause") {
		t.Error("the log lacks the cause")
	}
	s := &server{Dependencies: w.Dependencies}
	inner := &idp.Error{Kind: idp.Internal, Message: "for the log"}
	if p := s.problemOf(t.Context(), fmt.Errorf("load: %w", inner)); p.Status != 500 || strings.Contains(p.Detail, "for the log") {
		t.Errorf("an internal *idp.Error: got %d %q, want 500 and a general sentence", p.Status, p.Detail)
	}
	if p := s.problemOf(t.Context(), fmt.Errorf("dial 10.0.0.1: %w", idp.ErrUnavailable)); p.Status != 503 || p.GetHeaders().Get("Retry-After") == "" || strings.Contains(p.Detail, "10.0.0.1") {
		t.Errorf("unavailable: got %d %q, want 503 with Retry-After and no address", p.Status, p.Detail)
	}
}
