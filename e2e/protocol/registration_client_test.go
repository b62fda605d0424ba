package protocol

// What an application does that registers itself (RFC 7591, RFC 7592).

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"idp/e2e/server"
)

// doc is a registration, or what was answered to one.
type doc map[string]any

// and returns a copy with further members; nil takes one away.
func (d doc) and(more doc) doc {
	out := doc{}
	for name, value := range d {
		out[name] = value
	}
	for name, value := range more {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// webApp is what a plain application says of itself.
func webApp() doc {
	return doc{"client_name": "Field Notes", "redirect_uris": []string{"https://notes.example/cb"}}
}

// registrationCall speaks to the registration endpoint, or to a client's own.
func (s *site) registrationCall(t testing.TB, method, url, token string, body any) *answer {
	t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.call(t, req)
}

// register registers an application that must be taken.
func (s *site) register(t testing.TB, body any) *answer {
	t.Helper()
	return s.registrationCall(t, http.MethodPost, s.endpoint(t, "registration_endpoint"), "", body).want(http.StatusCreated)
}

// refused registers an application that must not be taken.
func (s *site) refused(t testing.TB, code string, body any) *answer {
	t.Helper()
	return s.registrationCall(t, http.MethodPost, s.endpoint(t, "registration_endpoint"), "", body).wantError(http.StatusBadRequest, code)
}

// application returns what was registered as the tests know an application.
func (a *answer) application(redirect string) server.Client {
	return server.Client{ID: a.str("client_id"), Secret: a.str("client_secret"), Redirect: redirect}
}
