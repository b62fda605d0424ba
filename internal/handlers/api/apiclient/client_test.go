package apiclient

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"idp/internal/handlers/api"
	"idp/internal/idp"
)

func answering(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(Config{HTTP: server.Client(), BaseURL: server.URL + api.Path, Token: "the-token"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDo_SendsTokenBodyAndVersion(t *testing.T) {
	t.Parallel()
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got := r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("If-Match") + " " + string(text)
		if want := `PATCH /api/v1/clients/a%2Fb?force=true Bearer the-token application/merge-patch+json "v1" {"client_name":null}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		_, _ = w.Write([]byte(`{"client_id":"a/b"}`))
	})
	got, err := c.UpdateClient(t.Context(), "a/b", map[string]any{"client_name": nil}, Change{Force: true, IfMatch: `"v1"`})
	if err != nil || got.ID != "a/b" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDo_ErrorsAreClassified(t *testing.T) {
	t.Parallel()
	problem := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		kind idp.Kind
		code string
	}{
		"not found":   {problem(404, `{"status":404,"code":"client_not_found","detail":"There is no client.","request_id":"r1"}`), idp.NotFound, "client_not_found"},
		"stale":       {problem(412, `{"status":412,"code":"precondition_failed","detail":"d"}`), idp.Conflict, "precondition_failed"},
		"invalid":     {problem(422, `{"status":422,"code":"invalid","detail":"d","field":"f"}`), idp.Invalid, "invalid"},
		"scope":       {problem(403, `{"status":403,"code":"insufficient_scope","detail":"d"}`), idp.Forbidden, "insufficient_scope"},
		"token":       {problem(401, `{"status":401,"code":"invalid_token","detail":"d"}`), idp.Unauthenticated, "invalid_token"},
		"throttled":   {problem(429, `{"status":429,"code":"throttled","detail":"d"}`), idp.Throttled, "throttled"},
		"unavailable": {problem(503, `{"status":503,"code":"unavailable","detail":"d"}`), idp.Unavailable, "unavailable"},
		"internal":    {problem(500, `{"status":500,"code":"internal","detail":"d"}`), idp.Internal, "internal"},
		"proxy":       {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, idp.Unavailable, "answer_strange"},
		"no JSON":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, idp.Unavailable, "answer_strange"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		}, idp.Internal, "answer_strange"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, idp.Unavailable, "unreachable"},
	} {
		_, _, err := answering(t, tc.h).Client(t.Context(), "x")
		var e *idp.Error
		if !errors.As(err, &e) || e.Kind != tc.kind || e.Code != tc.code {
			t.Errorf("%s: got %v, want kind %v and code %s", name, err, tc.kind, tc.code)
			continue
		}
		if name == "throttled" && e.RetryAfter != 7*time.Second {
			t.Errorf("%s: RetryAfter is %s, want 7s", name, e.RetryAfter)
		}
		if name == "not found" && !strings.Contains(e.Error(), "r1") {
			t.Errorf("%s: got %q, want the request id behind it", name, e)
		}
	}
	_, _, err := answering(t, problem(422, `{"status":422,"code":"a","detail":"d1","errors":[{"code":"a","field":"x","detail":"d1"},{"code":"b","field":"y","detail":"d2"}]}`)).Client(t.Context(), "x")
	if idp.KindOf(err) != idp.Invalid || !strings.Contains(err.Error(), "d1") || !strings.Contains(err.Error(), "d2") {
		t.Errorf("two faults: got %v, want both", err)
	}
}

func TestDo_OddIDsStayHere(t *testing.T) {
	t.Parallel()
	c := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, id := range []string{"", ".", ".."} {
		if err := c.DeleteUser(t.Context(), id); idp.KindOf(err) != idp.Invalid {
			t.Errorf("delete user %q: got %v, want Invalid", id, err)
		}
	}
	for _, address := range []string{"", "idp.example", "ftp://idp.example", "://"} {
		if _, err := New(Config{HTTP: http.DefaultClient, BaseURL: address}); idp.KindOf(err) != idp.Invalid {
			t.Errorf("New(%q): got %v, want Invalid", address, err)
		}
	}
}
