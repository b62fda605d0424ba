package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"idp/internal/idp"
)

// stampede sends one form to the token endpoint ten thousand times, many at once, as app where the form names no other client, and hands each
// answer to see, one at a time.
func (w *world) stampede(t *testing.T, form url.Values, see func(status int, answer map[string]any)) {
	t.Helper()
	const attempts, atOnce = 10_000, 64
	body := form.Encode()
	var mu sync.Mutex
	var group sync.WaitGroup
	for worker := range atOnce {
		group.Go(func() {
			for n := worker; n < attempts; n += atOnce {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/oauth2/token", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if !form.Has("client_assertion") {
					r.SetBasicAuth("app", w.secret)
				}
				rec := httptest.NewRecorder()
				w.mux.ServeHTTP(rec, r)
				var answer map[string]any
				err := json.Unmarshal(rec.Body.Bytes(), &answer)
				mu.Lock()
				if err != nil {
					t.Errorf("answer %q: %v", rec.Body, err)
				}
				see(rec.Code, answer)
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

// SEC-21, RFC 9700 §4.14.2: of ten thousand uses of one refresh token, at a client without a grace, one is answered, and the family ends.
func TestRefresh_TenThousandUsesHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.Contract.RefreshGrace = 0 })
	token, _ := w.tokens(t)["refresh_token"].(string)
	won, lost, access := 0, 0, ""
	w.stampede(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, func(status int, answer map[string]any) {
		switch {
		case status == http.StatusOK:
			won++
			access, _ = answer["access_token"].(string)
		case status == http.StatusBadRequest && answer["error"] == "invalid_grant":
			lost++
		default:
			t.Errorf("got %d %v", status, answer)
		}
	})
	if won != 1 || lost != 9_999 {
		t.Fatalf("%d won and %d lost, want one winner of ten thousand", won, lost)
	}
	if status, code := w.userinfo(t, access); status != 401 || code != "invalid_token" {
		t.Errorf("the winner's token: got %d %s, want it revoked", status, code)
	}
}

// SEC-17, RFC 7523 §3 (7): of ten thousand requests with one assertion one is the client's.
func TestAssertion_TenThousandUsesOfOneJTIHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := *w.client
	c.ID, c.AuthMethods, c.GrantTypes = "signs", []string{idp.AuthPrivateKeyJWT}, []string{idp.GrantClientCredentials}
	w.equip(t, &c)
	must(t, w.store.CreateClient(t.Context(), &c))
	won, lost := 0, 0
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"api"}, "client_assertion_type": {assertionType},
		"client_assertion": {w.assertion(t, &c, idp.AuthPrivateKeyJWT)},
	}
	w.stampede(t, form, func(status int, answer map[string]any) {
		switch {
		case status == http.StatusOK:
			won++
		case status == http.StatusUnauthorized && answer["error"] == "invalid_client":
			lost++
		default:
			t.Errorf("got %d %v", status, answer)
		}
	})
	if won != 1 || lost != 9_999 {
		t.Errorf("%d won and %d lost, want one winner of ten thousand", won, lost)
	}
}
