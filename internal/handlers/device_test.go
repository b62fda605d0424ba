package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/internal/crossdevice"
	"idp/internal/idp"
)

// In development an address answers for the person: the automated_ciba_approval_url of the conformance suite.
func TestCIBA_IsAnsweredAutomaticallyInDevelopment(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.client = func(c *idp.Client) { c.GrantTypes = append(c.GrantTypes, idp.GrantCIBA) }
	})
	client, err := s.clients.Get(t.Context(), "app")
	must(t, err)
	ask := func() string {
		id, _, err := s.across.AskPerson(t.Context(), crossdevice.Question{Ask: crossdevice.Ask{Client: client, Scopes: []string{"openid"}}, UserID: s.ann.ID, Life: time.Minute}, time.Now())
		must(t, err)
		return id
	}
	answer := func(id, action string) int {
		w := httptest.NewRecorder()
		s.people.DecideAutomatically(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.issuer+"/dev/ciba?"+url.Values{"auth_req_id": {id}, "action": {action}}.Encode(), nil))
		return w.Code
	}
	poll := func(id string) string {
		form := url.Values{"grant_type": {idp.GrantCIBA}, "auth_req_id": {id}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("app", s.secret)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w.Body.String()
	}
	yes, no := ask(), ask()
	for _, c := range []struct {
		id, action string
		status     int
		says       string
	}{
		{yes, "perhaps", http.StatusBadRequest, "authorization_pending"},
		{yes, "allow", http.StatusNoContent, `"id_token"`},
		{yes, "deny", http.StatusBadRequest, "invalid_grant"},
		{no, "deny", http.StatusNoContent, "access_denied"},
	} {
		if got := answer(c.id, c.action); got != c.status {
			t.Errorf("%s: got %d, want %d", c.action, got, c.status)
		}
		if got := poll(c.id); !strings.Contains(got, c.says) {
			t.Errorf("the poll after %s: got %s, want %s", c.action, got, c.says)
		}
	}
	if got := answer("nonsense", "allow"); got != http.StatusBadRequest {
		t.Errorf("nonsense: got %d, want 400", got)
	}
}
