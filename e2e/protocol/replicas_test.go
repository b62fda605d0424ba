package protocol

// Several replicas on one PostgreSQL, nothing sticky: architecture.md §0, issue row "Several replicas", FL-2 across replicas. They run on
// PostgreSQL whatever engine the other tests run on: SQLite has one process.

import (
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

// replicas starts two servers and returns a site that goes to them in turn, and one for each.
func replicas(t *testing.T, options ...server.Option) (both, first, second *site) {
	t.Helper()
	all := server.Replicas(t, 2, options...)
	return newSite(t, all[0], server.Transport(all...)), newSite(t, all[0], server.Transport(all[0])), newSite(t, all[1], server.Transport(all[1]))
}

func TestReplicas_ShareOneLogin(t *testing.T) {
	t.Parallel()
	both, first, second := replicas(t)
	// Every request of the flow goes to the other replica than the one before.
	u := both.user(t)
	b := both.browser(t)
	g := b.az(server.Web(), "scope", "openid email offline_access").login(u, "remember", "1").allow().wantCode()
	got := both.exchange(t, g).tokens()
	for range 2 {
		both.userInfo(t, got.access).want(200)
		both.introspect(t, server.Web(), got.access).wantActive(true)
		got = both.refresh(t, server.Web(), got.refresh).tokens()
		b.az(server.Web(), "scope", "openid email", "prompt", "none").wantCode()
	}
	b.setCookie("idp_session", "")
	b.az(server.Web(), "prompt", "none").wantCode() // restored by whichever

	// One set of keys: each publishes what the other signs with.
	for _, s := range []*site{first, second} {
		in := s.signIn(t, server.Trusted())
		first.verify(t, in.id)
		second.verify(t, in.id)
	}
	if a, b := first.jwks(t), second.jwks(t); len(a) != len(b) || len(a) == 0 {
		t.Errorf("one replica publishes %d keys, the other %d", len(a), len(b))
	}
}

func TestReplicas_SingleUseHoldsAcrossThem(t *testing.T) { // SEC-21, fosite D2, D3
	t.Parallel()
	both, _, _ := replicas(t)
	g := both.browser(t).az(server.Trusted(), "scope", "openid offline_access").login(both.user(t)).wantCode()
	answers := make([]*answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = both.exchange(t, g) })
	}
	group.Wait()
	won := 0
	for _, a := range answers {
		if a.status == 200 {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 exchanges over two replicas succeeded, want 1", won)
	}
	in := both.signIn(t, server.Web(), "scope", "openid offline_access")
	for i := range answers {
		group.Go(func() { answers[i] = both.refresh(t, server.Web(), in.refresh) })
	}
	group.Wait()
	successor := answers[0].tokens().refresh
	for _, a := range answers {
		if a.tokens().refresh != successor {
			t.Error("parallel refreshes at two replicas got different successors")
		}
	}
}

func TestReplicas_RevocationCountsEverywhereAtOnce(t *testing.T) { // FL-2, FL-14
	t.Parallel()
	_, first, second := replicas(t)
	in := first.signIn(t, server.Trusted(), "scope", "openid offline_access")
	second.userInfo(t, in.access).want(200)
	first.revoke(t, server.Trusted(), in.refresh).want(200)
	second.userInfo(t, in.access).want(401)
	second.introspect(t, server.Trusted(), in.access).wantActive(false)
	second.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")

	in = first.signIn(t, server.Trusted(), "scope", "openid offline_access")
	second.userInfo(t, in.access).want(200)
	first.Run(t, "user", "disable", in.u.Email, "--yes")
	second.userInfo(t, in.access).want(401)
	second.introspect(t, server.Trusted(), in.access).wantActive(false)
	second.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")
	elsewhere := in.b.copy()
	elsewhere.site, elsewhere.http.Transport = second, second.transport
	elsewhere.az(server.Trusted(), "prompt", "none").wantErr("login_required")

	// Signing out at one is signing out at all.
	in = first.signIn(t, server.Trusted())
	elsewhere = in.b.copy()
	elsewhere.site, elsewhere.http.Transport = second, second.transport
	elsewhere.az(server.Trusted(), "prompt", "none").wantCode()
	in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout)
	elsewhere.az(server.Trusted(), "prompt", "none").wantErr("login_required")
}

func TestReplicas_ChangesArriveWithinASecond(t *testing.T) { // issue row "a change at one replica takes effect at the others within a second"
	t.Parallel()
	_, first, second := replicas(t)
	second.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens() // it is in memory there
	first.Run(t, "client", "update", "service", "--disabled", "--force")
	eventually(t, 3*time.Second, "a disabled client refused at the other replica", func() bool {
		return second.token(t, basic(server.Service()), "grant_type", "client_credentials").status == 401
	})
	before := len(second.jwks(t))
	first.Run(t, "key", "rotate", "--alg", "ES256", "--now")
	eventually(t, 3*time.Second, "the new key published at the other replica", func() bool { return len(second.jwks(t)) > before })
	in := first.signIn(t, server.Trusted())
	second.userInfo(t, in.access).want(200)
	second.verify(t, in.access)
}

func TestReplicas_OneDiesTheOtherServes(t *testing.T) {
	t.Parallel()
	_, first, second := replicas(t)
	in := first.signIn(t, server.Trusted(), "scope", "openid offline_access")
	pending := in.b.az(server.PKCE(), "prompt", "login").wantLogin()
	code := in.b.az(server.PKCE()).wantCode()
	first.Kill()
	second.userInfo(t, in.access).want(200)
	second.refresh(t, server.Trusted(), in.refresh).tokens()
	second.exchange(t, code).tokens()
	// The half-finished login goes on at the other.
	in.b.site, in.b.http.Transport = second, second.transport
	pending.login(in.u).wantCode()
}
