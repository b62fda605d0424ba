package protocol

// What an outsider tries who has read the source.

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
)

// SEC-11, FL-14: the session cookie of a browser that was closed is gone, but the remember cookie would bring the session back.
func TestAttack_SigningOutForgetsTheRememberedDevice(t *testing.T) {
	t.Parallel()
	s := shared(t)
	closed := func(t *testing.T) (*browser, string) {
		t.Helper()
		b, u := s.browser(t), s.user(t)
		got := s.exchange(t, b.az(server.Trusted(), "scope", "openid").login(u, "remember", "1").wantCode()).tokens()
		b.setCookie("idp_session", "")
		return b, got.id
	}
	t.Run("with a hint", func(t *testing.T) {
		t.Parallel()
		b, hint := closed(t)
		copied := b.copy()
		p := b.logout("id_token_hint", hint, "post_logout_redirect_uri", server.Trusted().Logout)
		if p.leave != server.Trusted().Logout {
			t.Fatalf("got %s, want the redirect", p.describe())
		}
		b.az(server.Trusted()).wantLogin()
		copied.az(server.Trusted()).wantLogin()
	})
	t.Run("after the question", func(t *testing.T) {
		t.Parallel()
		b, _ := closed(t)
		p := b.logout("client_id", "trusted", "post_logout_redirect_uri", server.Trusted().Logout)
		if !p.is("confirm-logout") {
			t.Fatalf("got %s, want the question", p.describe())
		}
		p.submit("confirm-logout")
		b.az(server.Trusted()).wantLogin()
	})
}

// RP-Initiated Logout §2: a form on the application's page comes without SameSite=Lax cookies. Sent back "signed out", the person
// would still be signed in.
func TestAttack_SigningOutByAFormOfAnotherSiteIsNoPretence(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	req := newRequest(t, http.MethodPost, s.endpoint(t, "end_session_endpoint"), url.Values{
		"id_token_hint": {in.id}, "post_logout_redirect_uri": {server.Trusted().Logout}, "state": {"x"},
	})
	a := s.call(t, req).want(http.StatusSeeOther)
	if p := in.b.open(a.header.Get("Location")); p.leave != server.Trusted().Logout+"?state=x" {
		t.Fatalf("got %s, want the redirect to the application", p.describe())
	}
	in.wantOut(t)
}

// SEC-24: a client id that no database takes for text is an unknown client, and not a fault of ours.
func TestAttack_OddClientIDsAreRefusedWithoutAServerError(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for name, id := range map[string]string{
		"zero byte": "a\x00b", "escaped zero byte": "a%00b", "not UTF-8": "\xff\xfe", "escaped, not UTF-8": "%ff%fe", "lines": "a\r\nb", "long": strings.Repeat("a", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, endpoint := range []string{"token_endpoint", "introspection_endpoint", "revocation_endpoint"} {
				req := newRequest(t, http.MethodPost, s.endpoint(t, endpoint), url.Values{"grant_type": {"client_credentials"}, "token": {"x"}})
				req.SetBasicAuth(id, "secret")
				s.call(t, req).wantError(http.StatusUnauthorized, "invalid_client")
			}
		})
	}
}
