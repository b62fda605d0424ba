package clients

import (
	"testing"
)

// silently asks for a sign-in without a page (prompt=none), with the application's own request.
func (p *person) silently(a *app) answer {
	p.t.Helper()
	g := p.send("GET", a.home+"/login", nil)
	for range 3 { // an application may need a hop of its own
		to := parse(p.t, g.Target())
		if !to.IsAbs() || to.Host == parse(p.t, a.home).Host {
			g = p.send("GET", g.URL.ResolveReference(to).String(), nil)
			continue
		}
		query := to.Query()
		query.Set("prompt", "none")
		to.RawQuery = query.Encode()
		return p.open(to.String()).json(a)
	}
	p.t.Fatalf("%s does not send the browser to the provider", a.id())
	return answer{}
}

// The applications' /logout is what docs/apps recommends: revoke the refresh token, forget the session, end it at the provider.
func TestLogout_EndsTheSessionAtTheProvider(t *testing.T) { // RP-15, FL-14, FD-16, PS-17
	t.Parallel()
	forEach(t, plain(), func(t *testing.T, a *app) {
		p, u := visitor(t), someone(t)
		before := p.signIn(a, u)
		wantUser(t, a, before, u)
		wantUser(t, a, p.silently(a), u) // so that the refusal below means something
		thief := p.copy(a.site.Issuer)
		before = p.ask(a, "/me")

		if got := p.ask(a, "/logout"); got.Message != "You are signed out." {
			t.Fatalf("after /logout: %+v, want the application's own farewell", got)
		}
		if got := p.silently(a); got.Error != "login_required" {
			t.Errorf("prompt=none after the logout: error %q (%s), want login_required", got.Error, got.Message)
		}
		if got := thief.silently(a); got.Error != "login_required" {
			t.Errorf("prompt=none with cookies copied before the logout: error %q (%s), want login_required", got.Error, got.Message)
		}
		if got := a.spend(t, before.Token.Refresh); got != "invalid_grant" {
			t.Errorf("the refresh token after the logout: error %q, want invalid_grant", got)
		}
		if g := p.open(a.home + "/login"); !g.Is("submit-login") {
			t.Errorf("the next sign-in begins at %s, want the sign-in page", g.Describe())
		}
	})
}

func TestDisabled_UserLosesEverythingAtOnce(t *testing.T) { // the last clause of §7.6; FL-15
	t.Parallel()
	forEach(t, plain(), func(t *testing.T, a *app) {
		p, u := visitor(t), someone(t)
		wantUser(t, a, p.signIn(a, u), u)
		a.site.Run(t, "user", "disable", u.Email)

		if got := p.ask(a, "/userinfo"); got.Status != 401 {
			t.Errorf("UserInfo = %v, status %d, want 401", got.Claims, got.Status)
		}
		if got := p.ask(a, "/refresh"); got.Error != "invalid_grant" {
			t.Errorf("refresh: error %q, want invalid_grant", got.Error)
		}
		g := p.open(a.home + "/login")
		if !g.Is("submit-login") {
			t.Fatalf("with the cookies of before: %s, want the sign-in page", g.Describe())
		}
		if g = g.login(u); !g.Is("submit-login") || !g.Is("error-summary") {
			t.Errorf("with the right password: %s, want the sign-in page and a refusal", g.Describe())
		}
	})
}
