package protocol

// RFC 7009, token revocation; account-features.md FD-16, PS-17; fosite D8.

import (
	"net/http"
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestRevoke_RefreshTokenTakesItsAccessTokensAlong(t *testing.T) { // RFC 7009 §2.1, FD-16
	t.Parallel()
	s := shared(t)
	for _, hint := range []string{absent, "refresh_token", "access_token", "nonsense"} { // §2.1: a hint is a hint
		in := s.signIn(t, server.Web(), "scope", "openid offline_access")
		a := s.revoke(t, server.Web(), in.refresh, "token_type_hint", hint).want(200)
		if len(a.body) > 2 {
			t.Errorf("the answer has a body: %s", a.body)
		}
		s.refresh(t, server.Web(), in.refresh).wantError(400, "invalid_grant")
		s.userInfo(t, in.access).want(401)
		s.introspect(t, server.Web(), in.access).wantActive(false)
		s.introspect(t, server.Web(), in.refresh).wantActive(false)
		s.revoke(t, server.Web(), in.refresh).want(200) // again
	}
}

func TestRevoke_RotatedRefreshTokenStillNamesItsFamily(t *testing.T) { // fosite D8
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	next := s.refresh(t, server.Web(), in.refresh).tokens()
	s.revoke(t, server.Web(), in.refresh).want(200)
	s.refresh(t, server.Web(), next.refresh).wantError(400, "invalid_grant")
	s.userInfo(t, next.access).want(401)
}

func TestRevoke_AccessTokenIsDeadAtOnce(t *testing.T) { // RFC 7009 §2.1
	t.Parallel()
	s := shared(t)
	for _, c := range []server.Client{server.Trusted(), server.Opaque()} {
		in := s.signIn(t, c, "scope", "openid offline_access")
		s.revoke(t, c, in.access, "token_type_hint", "access_token").want(200)
		s.userInfo(t, in.access).want(401)
		s.introspect(t, c, in.access).wantActive(false)
	}
}

func TestRevoke_OthersTokensLiveOn(t *testing.T) { // FD-16: 200 and still alive, so that nobody can probe
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	for _, token := range []string{in.access, in.refresh} {
		s.revoke(t, server.Other(), token).want(200)
		s.revoke(t, server.Native(), token).want(200)
	}
	s.userInfo(t, in.access).want(200)
	s.refresh(t, server.Web(), in.refresh).tokens()
}

func TestRevoke_BadRequestsGetTheErrorOfTheirFault(t *testing.T) { // RFC 7009 §2.2, FD-16, PS-17
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	for _, unknown := range []string{"garbage", strings.Repeat("A", 8000), "a.b.c", in.id} {
		s.revoke(t, server.Web(), unknown).want(200)
	}
	s.revoke(t, server.Web(), "", "token", absent).wantError(400, "invalid_request")
	s.form(t, "revocation_endpoint", nobody, "token", in.refresh).wantError(401, "invalid_client")
	s.form(t, "revocation_endpoint", named(server.Web()), "token", in.refresh).wantError(401, "invalid_client")
	wrong := server.Web()
	wrong.Secret = strings.Repeat("w", 43)
	s.form(t, "revocation_endpoint", inBody(wrong), "token", in.refresh).wantError(401, "invalid_client")
	// Flask-Dance's sample: token in the query, bearer header, no client (RP-15).
	req := newRequest(t, http.MethodPost, s.endpoint(t, "revocation_endpoint")+"?token="+in.refresh, nil)
	req.Header.Set("Authorization", "Bearer "+in.access)
	if a := s.call(t, req); a.status == 200 {
		t.Error("a token in the query without client authentication is taken")
	}
	// python-social-auth: GET without a token (PS-17).
	get := s.get(t, s.endpoint(t, "revocation_endpoint")+"?token="+in.refresh)
	if get.status != http.StatusMethodNotAllowed || get.header.Get("Allow") != "POST" {
		t.Errorf("GET: status %d, Allow %q, want 405 and POST", get.status, get.header.Get("Allow"))
	}
	s.userInfo(t, in.access).want(200)
	s.refresh(t, server.Web(), in.refresh).tokens()
}

func TestRevoke_PublicClientNeedsItsNameAlone(t *testing.T) { // RFC 7009 §2.1: public clients are checked by the token's owner
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Native(), "scope", "openid offline_access")
	s.revoke(t, server.Native(), in.refresh).want(200)
	s.refresh(t, server.Native(), in.refresh).wantError(400, "invalid_grant")
}
