package clients

import (
	"slices"
	"testing"

	"idp/e2e/server"
)

// confidentialAndPublic is what refreshes: each library, and public clients too.
func confidentialAndPublic() []variant {
	return slices.DeleteFunc(all(), func(v variant) bool { return v.scope == "none" })
}

// social-core sends its credentials in the body after Basic at the sign-in; Flask-Dance adds a stray allow_redirects.
func TestRefresh_GivesNewTokensEachTime(t *testing.T) { // RP-3, RP-10
	t.Parallel()
	forEach(t, confidentialAndPublic(), func(t *testing.T, a *app) {
		p, u := visitor(t), someone(t)
		before := p.signIn(a, u)
		wantUser(t, a, before, u)
		for range 2 {
			if got := p.ask(a, "/refresh"); got.Error != "" {
				t.Fatalf("refresh: error %s, want none", got.Error)
			}
			after := p.ask(a, "/me")
			if after.Token.Access == before.Token.Access || after.Token.Refresh == before.Token.Refresh || after.Token.Refresh == "" {
				t.Errorf("after the refresh: access token new: %t, refresh token new: %t, want both",
					after.Token.Access != before.Token.Access, after.Token.Refresh != before.Token.Refresh)
			}
			if after.User["sub"] != before.User["sub"] {
				t.Errorf("after the refresh: sub = %v, want %v", after.User["sub"], before.User["sub"])
			}
			before = after
		}
		if info := p.ask(a, "/userinfo"); info.Claims["sub"] != before.User["sub"] {
			t.Errorf("UserInfo with the new token = %v (status %d), want sub %v", info.Claims, info.Status, before.User["sub"])
		}
	})
}

// rotating is every library, both algorithms, and openid-client with signatures verified. They share a server that no other test rotates.
func rotating() []variant {
	return append(append(plain(), es256()...), variant{library: "openid-client", name: "signatures", callback: "/callback", pkce: true, signatures: true})
}

func TestRotation_NoApplicationIsStartedAgain(t *testing.T) { // RP-9, and the rotation test at the end of §7.6
	t.Parallel()
	s := deploy(t, rotating()...)
	people := map[string]*person{}
	users := map[string]server.User{}
	before := map[string]answer{}
	for _, v := range rotating() {
		a := s.app(t, v.id())
		people[v.id()], users[v.id()] = visitor(t), someone(t)
		before[v.id()] = people[v.id()].signIn(a, users[v.id()])
		wantUser(t, a, before[v.id()], users[v.id()])
	}
	each := func(step string, story func(t *testing.T, a *app, p *person)) {
		t.Helper()
		t.Run(step, func(t *testing.T) {
			for _, v := range rotating() {
				t.Run(v.id(), func(t *testing.T) {
					t.Parallel()
					p := people[v.id()]
					p.t = t
					story(t, s.app(t, v.id()), p)
				})
			}
		})
	}
	rotate := func(arguments ...string) {
		t.Helper()
		known := len(s.kids(t))
		s.Run(t, append([]string{"key", "rotate"}, arguments...)...)
		eventually(t, "the server publishes the new key", func() bool { return len(s.kids(t)) == known+1 })
	}

	rotate("--alg", "RS256")
	each("the next key only published", func(t *testing.T, a *app, _ *person) {
		p, u := visitor(t), someone(t)
		got := p.signIn(a, u)
		wantUser(t, a, got, u)
		if kid(t, got.Token.ID) != kid(t, before[a.id()].Token.ID) {
			t.Error("the ID token is signed by the next key already, want the present one until its time comes")
		}
	})

	s.Run(t, "key", "rotate", "--alg", "RS256", "--now") // the published key takes over
	rotate("--alg", "ES256", "--now")
	each("another key signs", func(t *testing.T, a *app, p *person) {
		old := before[a.id()].Token
		if info := p.ask(a, "/userinfo"); info.Claims["email"] != users[a.id()].Email {
			t.Errorf("UserInfo with a token of the old key = %v (status %d), want it taken", info.Claims, info.Status)
		}
		if got := p.ask(a, "/refresh"); got.Error != "" {
			t.Errorf("refresh: error %q, want none", got.Error)
		}
		if info := p.ask(a, "/userinfo"); info.Claims["email"] != users[a.id()].Email {
			t.Errorf("UserInfo with a token of the new key = %v (status %d), want it taken", info.Claims, info.Status)
		}
		if now := p.ask(a, "/me").Token; kid(t, now.Access) == kid(t, old.Access) {
			t.Error("the refreshed access token is signed by the old key, want the new one")
		}
		other, u := visitor(t), someone(t)
		got := other.signIn(a, u)
		wantUser(t, a, got, u)
		if kid(t, got.Token.ID) == kid(t, old.ID) {
			t.Error("the ID token is signed by the old key, want the new one")
		}
	})
}
