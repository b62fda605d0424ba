package protocol

// RFC 6749 §6, RFC 9700 §4.14; account-features.md FS-3, FD-7; relying-parties.md RP-10; OpenID Connect Core §12.

import (
	"slices"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestRefresh_RotatesAndContinues(t *testing.T) { // RP-10, PS-16, OIDC Core §12.2, fosite D16
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid email offline_access")
	first := s.verify(t, in.id)
	pause(t, 1100*time.Millisecond)
	next := s.refresh(t, server.Web(), in.refresh).tokens()
	if next.refresh == "" || next.refresh == in.refresh || next.access == in.access {
		t.Error("want a new refresh token and a new access token")
	}
	second := s.verify(t, next.id)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
		if a, b := first.claims[name], second.claims[name]; a != b {
			t.Errorf("%s = %v after a refresh, was %v", name, b, a)
		}
	}
	if nonce, there := second.claims["nonce"]; there && nonce != in.grant.nonce {
		t.Errorf("nonce = %v after a refresh, want none or the original one", nonce)
	}
	if a, b := first.number("iat"), second.number("iat"); b <= a {
		t.Errorf("iat = %d after a refresh, want later than %d", b, a)
	}
	if a, b := decode(t, in.access).number("iat"), decode(t, next.access).number("iat"); b <= a {
		t.Errorf("iat of the access token = %d after a refresh, want later than %d (fosite D16)", b, a)
	}
	s.userInfo(t, next.access).want(200)
	s.refresh(t, server.Web(), next.refresh).tokens()
}

func TestRefresh_OnlyWithOfflineAccess(t *testing.T) { // RP-5: what was asked, no more
	t.Parallel()
	s := shared(t)
	if in := s.signIn(t, server.Other(), "scope", "openid email"); in.refresh != "" {
		// Some providers always give one; ours says that offline_access asks for it.
		t.Error("a refresh token without offline_access")
	}
	if in := s.signIn(t, server.MaxAge()); in.refresh != "" {
		t.Error("a refresh token for a client that may not have one")
	}
}

func TestRefresh_ParallelGetTheSameSuccessor(t *testing.T) { // FD-7, RP-10: no library locks around refresh; fosite D3
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	answers := make([]*answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.refresh(t, server.Web(), in.refresh) })
	}
	group.Wait()
	successor := answers[0].tokens().refresh
	for i, a := range answers {
		if got := a.tokens().refresh; got != successor {
			t.Errorf("answer %d has another successor than answer 0, want the same for all within the grace", i)
		}
	}
	s.refresh(t, server.Web(), in.refresh).tokens() // a lost answer is asked again
	s.refresh(t, server.Web(), successor).tokens()
}

func TestRefresh_ReuseAfterTheGraceKillsTheFamily(t *testing.T) { // FS-3, FD-7, RFC 9700 §4.14.2
	t.Parallel()
	s := shared(t)
	quick := server.Quick() // grace 1 s
	in := s.signIn(t, quick, "scope", "openid offline_access")
	other := in.b.tokens(in.u, quick, "scope", "openid offline_access")
	second := s.refresh(t, quick, in.refresh).tokens()
	pause(t, 2200*time.Millisecond)
	third := s.refresh(t, quick, second.refresh).tokens()

	s.refresh(t, quick, in.refresh).wantError(400, "invalid_grant")
	s.refresh(t, quick, third.refresh).wantError(400, "invalid_grant")
	s.userInfo(t, third.access).want(401)
	s.introspect(t, quick, third.refresh).wantActive(false)
	// The same person's other authorization is another family.
	s.userInfo(t, other.access).want(200)
	s.refresh(t, quick, other.refresh).tokens()
}

func TestRefresh_SuccessorUsedEndsTheGrace(t *testing.T) { // an idempotent replay is for an answer that was lost
	t.Parallel()
	s := shared(t)
	quick := server.Quick()
	in := s.signIn(t, quick, "scope", "openid offline_access")
	second := s.refresh(t, quick, in.refresh).tokens()
	s.refresh(t, quick, second.refresh).tokens()
	pause(t, 2200*time.Millisecond)
	s.refresh(t, quick, second.refresh).wantError(400, "invalid_grant")
}

func TestRefresh_ScopeNarrowsAndNeverWidens(t *testing.T) { // RFC 6749 §6, fosite D4
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid profile offline_access")
	narrow := s.refresh(t, server.Trusted(), in.refresh, "scope", "openid offline_access")
	got := narrow.tokens()
	if words := narrow.words("scope"); len(words) > 0 && !slices.Equal(words, []string{"offline_access", "openid"}) {
		t.Errorf("scope = %v, want what was asked", words)
	}
	if _, there := s.userInfo(t, got.access).want(200).json["preferred_username"]; there {
		t.Error("a token narrowed to openid still gives the profile")
	}
	// §6: the refresh token keeps the scope that was granted.
	wide := s.refresh(t, server.Trusted(), got.refresh).tokens()
	if _, there := s.userInfo(t, wide.access).want(200).json["preferred_username"]; !there {
		t.Error("after narrowing once, the scope that was granted cannot be had again (RFC 6749 §6)")
	}
	s.refresh(t, server.Trusted(), wide.refresh, "scope", "openid profile email offline_access").wantError(400, "invalid_scope")
	// A mistake burns nothing.
	s.refresh(t, server.Trusted(), wide.refresh).tokens()
}

func TestRefresh_IsBoundToItsClient(t *testing.T) { // RFC 6749 §10.4, FS-3, protocol.md §3.1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	s.refresh(t, server.Other(), in.refresh).wantError(400, "invalid_grant")
	s.token(t, named(server.Web()), "grant_type", "refresh_token", "refresh_token", in.refresh).wantError(401, "invalid_client")
	s.token(t, named(server.Native()), "grant_type", "refresh_token", "refresh_token", in.refresh).wantError(400, "invalid_grant")
	// None of these tries cost the owner anything.
	s.refresh(t, server.Web(), in.refresh).tokens()
}

func TestRefresh_GarbageIsRefusedAndCostsNothing(t *testing.T) { // SEC-24
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	for name, token := range map[string]string{
		"garbage": "garbage", "access token": in.access, "code": in.grant.code, "one byte off": flip(in.refresh), "with a space": in.refresh + " ", "NUL": "a\x00b",
	} {
		t.Run(name, func(t *testing.T) {
			s.refresh(t, server.Web(), token).wantError(400, "invalid_grant", "invalid_request")
		})
	}
	s.refresh(t, server.Web(), "", "refresh_token", absent).wantError(400, "invalid_request")
	s.refresh(t, server.Web(), "").wantError(400, "invalid_request")
	s.refresh(t, server.Web(), in.refresh).tokens()
}

func TestRefresh_PublicClientRotates(t *testing.T) { // RFC 9700 §4.14.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Native(), "scope", "openid offline_access")
	next := s.refresh(t, server.Native(), in.refresh).tokens()
	if next.refresh == in.refresh || next.refresh == "" {
		t.Error("a public client's refresh token does not rotate")
	}
}
