package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
)

// change is what an operator does to the client; the provider's memory is told, as the watcher would.
func (w *world) change(t testing.TB, change func(*idp.Client)) {
	t.Helper()
	c, was := *w.client, w.client.UpdatedAt
	change(&c)
	c.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
	must(t, w.store.UpdateClient(t.Context(), &c, was))
	w.client = &c
	w.Clients.Forget()
}

// A scope that an operator takes away from a client is in no token from then on, although the authorization is older.
func TestRefresh_ScopeTakenFromTheClientIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.az(t, w.signIn(t))
	_, _, first := w.exchange(t, q.Get("code"))
	w.change(t, func(c *idp.Client) { c.Scopes = []string{"openid", "offline_access"} })
	status, _, next := w.token(t, "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string))
	if status != http.StatusOK || next["scope"] != "offline_access openid" {
		t.Fatalf("got %d with scope %q, want what the client may still have", status, next["scope"])
	}
	if got := claimsOf(t, next["access_token"])["scope"]; got != "offline_access openid" {
		t.Errorf("access token: got scope %q, want the narrower one", got)
	}
	if got, found := claimsOf(t, next["id_token"])["email"]; found {
		t.Errorf("ID token: got e-mail %q of a scope that was taken away", got)
	}
}

func TestCode_ScopeTakenFromTheClientIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.az(t, w.signIn(t))
	w.change(t, func(c *idp.Client) { c.Scopes = []string{"openid"} })
	if _, _, got := w.exchange(t, q.Get("code")); got["scope"] != "openid" {
		t.Errorf("got scope %q, want openid", got["scope"])
	}
}

// RFC 7662 §2.2: a resource server must not go on serving an application that was switched off.
func TestIntrospect_TokenOfADisabledClientIsInactive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := *w.client
	gateway.ID, gateway.Scopes = "gateway", []string{"idp.introspect"}
	must(t, w.store.CreateClient(t.Context(), &gateway))
	_, _, tokens := w.exchange(t, w.az(t, w.signIn(t)).Get("code"))
	ask := func() string {
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/introspect", strings.NewReader(url.Values{"token": {tokens["access_token"].(string)}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("gateway", w.secret)
		return w.do(t, r).Body.String()
	}
	if got := ask(); !strings.Contains(got, `"active":true`) {
		t.Fatalf("before: got %s, want it active", got)
	}
	w.change(t, func(c *idp.Client) { c.Disabled = true })
	if got := ask(); got != `{"active":false}` {
		t.Errorf("after: got %s, want it inactive and nothing else", got)
	}
}

// D7: a client whose tokens name this server as audience, such as one for the admin API, is not thereby told of everybody's.
func TestIntrospect_ThisServersAudienceIsNoReasonToSee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	curious := *w.client
	curious.ID, curious.Audience = "curious", []string{issuer}
	must(t, w.store.CreateClient(t.Context(), &curious))
	_, _, tokens := w.exchange(t, w.az(t, w.signIn(t)).Get("code"))
	r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/introspect", strings.NewReader(url.Values{"token": {tokens["access_token"].(string)}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("curious", w.secret)
	if got := w.do(t, r).Body.String(); got != `{"active":false}` {
		t.Errorf("got %s, want what garbage gets", got)
	}
}
