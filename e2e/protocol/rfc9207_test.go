package protocol

// RFC 9207, authorization server issuer identification (mix-up); SEC-21.

import (
	"testing"

	"idp/e2e/server"
)

// wantCode and wantErr look for iss in every answer of every test; here it is asked for where it is easily forgotten.
func TestIssuer_IsInEveryAnswer(t *testing.T) { // RFC 9207 §2, SEC-21, protocol.md §3.2
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Web(), "prompt", "none").wantErr("login_required")                       // before anybody is known
	b.az(server.Web(), "response_type", "nonsense").wantErr("unsupported_response_type") // before the request is understood
	b.az(server.Web(), "scope", "openid nonsense").wantErr("invalid_scope")
	b.az(server.Web()).login(u).wantConsent().submit("deny").wantErr("access_denied") // after a person said no
	b.az(server.Web()).wantConsent().allow().wantCode()                               // behind the Continue page
	b.az(server.Web()).wantCode()                                                     // straight
	plain := b.az(server.Web(), "scope", "email", "nonce", absent).through(u)         // plain OAuth too
	plain.wantCode()
}

func TestIssuer_TwoServersSayTheirOwn(t *testing.T) { // the mix-up itself: an answer names who gave it
	t.Parallel()
	honest, attacker := shared(t), start(t)
	a := honest.browser(t).az(server.Trusted()).login(honest.user(t)).wantRedirect("code", "state", "iss").Get("iss")
	b := attacker.browser(t).az(server.Trusted()).login(attacker.user(t)).wantRedirect("code", "state", "iss").Get("iss")
	if a == b || a != honest.Issuer || b != attacker.Issuer {
		t.Errorf("iss = %q and %q, want each server's own", a, b)
	}
}

func TestIssuer_TokensOfAnotherServerAreRefused(t *testing.T) {
	t.Parallel()
	s, other := shared(t), start(t)
	in := other.signIn(t, server.Trusted(), "scope", "openid offline_access")
	s.userInfo(t, in.access).want(401)
	s.introspect(t, server.Trusted(), in.access).wantActive(false)
	s.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")
	s.exchange(t, in.b.az(server.Trusted()).wantCode()).wantError(400, "invalid_grant")
	p := s.browser(t).az(server.Trusted(), "prompt", "none", "id_token_hint", in.id)
	query := p.wantRedirect("error", "error_description", "error_uri", "state", "iss")
	if got := query.Get("error"); got != "invalid_request" && got != "login_required" {
		t.Errorf("another server's ID token as hint: error = %q, want invalid_request or login_required", got)
	}
}
