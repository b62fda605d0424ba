package clients

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// wantUser checks what an application knows of somebody.
func wantUser(t testing.TB, a *app, got answer, u server.User) {
	t.Helper()
	if got.Error != "" || got.User == nil {
		t.Fatalf("%s knows nobody: error %q, %s\nIts log ends:\n%s", a.id(), got.Error, got.Message, a.log)
	}
	if sub, _ := got.User["sub"].(string); sub == "" {
		t.Errorf("sub = %v, want one", got.User["sub"])
	}
	if email := got.User["email"]; email != u.Email {
		t.Errorf("email = %v, want %q", email, u.Email)
	}
	if name := got.User["preferred_username"]; name != u.Username {
		t.Errorf("preferred_username = %v, want %q: without it social-core makes one up (RP-7)", name, u.Username)
	}
	if !strings.EqualFold(got.Token.Type, "Bearer") { // openid-client folds it; the letters are TestTokenResponse's
		t.Errorf("token_type = %q, want Bearer", got.Token.Type)
	}
}

func TestPassword_SignsIn(t *testing.T) { // RP-1, RP-2, RP-3, RP-4, RP-6, RP-7, RP-8, RP-14; FD-1, FD-5, FD-9 for Flask-Dance
	t.Parallel()
	forEach(t, all(), func(t *testing.T, a *app) {
		p, u := visitor(t), someone(t)
		got := p.signIn(a, u)
		wantUser(t, a, got, u)
		info := p.ask(a, "/userinfo")
		if info.Claims["sub"] != got.User["sub"] || info.Claims["email"] != u.Email {
			t.Errorf("UserInfo = %v (status %d), want sub %v and email %s", info.Claims, info.Status, got.User["sub"], u.Email)
		}
	})
}

func TestPassword_SecondApplicationAsksNothingButConsent(t *testing.T) { // RP-2
	t.Parallel()
	p, u := visitor(t), someone(t)
	first := suite.site.app(t, "authlib-plain")
	wantUser(t, first, p.signIn(first, u), u)
	second := suite.site.app(t, "openid-client-plain")
	g := p.open(second.home + "/login")
	if !g.Is("allow") || g.Is("submit-login") {
		t.Fatalf("want the consent page and no password asked again, got %s", g.Describe())
	}
	wantUser(t, second, g.submit("allow").json(second), u)
	wantUser(t, first, p.ask(first, "/login"), u)
}

// The table of relying-parties.md §7.5, from our side: what some library raises an exception over.
func TestTokenResponse_IsWhatEveryLibraryTakes(t *testing.T) { // RP-5
	t.Parallel()
	a := deployAlone(t, variant{library: "go-oidc", name: "wire", callback: "/callback"})
	p, u := visitor(t), someone(t)
	wantUser(t, a, p.signIn(a, u), u)
	if got := p.ask(a, "/refresh"); got.Error != "" {
		t.Fatalf("refresh: %s", got.Error)
	}
	answers := a.wire.taken()
	if len(answers) != 2 {
		t.Fatalf("%d token responses, want 2: the code's and the refresh token's", len(answers))
	}
	for i, text := range answers {
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("token response %d: %v: %s", i, err, text)
		}
		if got["token_type"] != "Bearer" {
			t.Errorf("token response %d: token_type = %v, want Bearer", i, got["token_type"])
		}
		if n, ok := got["expires_in"].(float64); !ok || n != math.Trunc(n) || n <= 0 {
			t.Errorf("token response %d: expires_in = %#v, want a whole number", i, got["expires_in"])
		}
		if scope, given := got["scope"]; given && !sameWords(scope, usualScope) {
			t.Errorf("token response %d: scope = %v, want exactly %q or none", i, scope, usualScope)
		}
		for name, value := range got {
			if value == nil || value == "" {
				t.Errorf("token response %d: %s = %#v, want it left out", i, name, value)
			}
		}
	}
}

func sameWords(got any, want string) bool {
	text, _ := got.(string)
	return slices.Equal(slices.Sorted(slices.Values(strings.Split(text, " "))), slices.Sorted(slices.Values(strings.Split(want, " "))))
}

// deployAlone returns an application with a server of its own.
func deployAlone(t testing.TB, v variant) *app {
	t.Helper()
	return deploy(t, v).app(t, v.id())
}

func TestFlaskDance_NoScopeIsPlainOAuth(t *testing.T) { // RP-2: its documented custom provider sends none
	t.Parallel()
	a := suite.site.app(t, "flask-dance-noscope")
	p, u := visitor(t), someone(t)
	got := p.signIn(a, u)
	wantUser(t, a, got, u)
	if got.Token.Refresh != "" {
		t.Error("there is a refresh token, want none: nobody asked for offline_access")
	}
}

func TestFlaskSecurity_RedirectURIWithAQueryOfItsOwn(t *testing.T) { // RP-2: Flask-Security 5.1 to 5.3
	t.Parallel()
	a := suite.site.app(t, "authlib-plain")
	p, u := visitor(t), someone(t)
	got := p.through(p.open(a.home+"/login/flask-security"), a, u)
	if got.Email != u.Email || got.Next != "/" {
		t.Errorf("the application has e-mail %q and next %q, want %q and /", got.Email, got.Next, u.Email)
	}
}

// The fresh view of a Flask-Login application (§7.6 e).
func TestFresh_PasswordIsAskedAgain(t *testing.T) { // RP-12
	t.Parallel()
	a := suite.site.app(t, "authlib-plain")
	p, u := visitor(t), someone(t)
	first := p.signIn(a, u)
	wantUser(t, a, first, u)
	g := p.open(a.home + "/fresh")
	if !g.Is("submit-login") {
		t.Fatalf("with prompt=login: %s, want the password asked again", g.Describe())
	}
	again := p.through(g, a, u)
	wantUser(t, a, again, u)
	was, now := first.User["auth_time"], again.User["auth_time"]
	if was, ok := was.(float64); !ok || now.(float64) < was {
		t.Errorf("auth_time = %v after %v, want it to move on", now, was)
	}
}

func TestDenial_ApplicationSaysSoItself(t *testing.T) { // RP-13
	t.Parallel()
	forEach(t, plain(), func(t *testing.T, a *app) {
		p, u := visitor(t), someone(t)
		g := p.open(a.home + "/login").login(u)
		got := g.submit("deny").json(a)
		if got.Error != "access_denied" || got.Message == "" {
			t.Fatalf("the application says %q (error %q), want its own words about access_denied", got.Message, got.Error)
		}
		if me := p.ask(a, "/me"); me.User != nil {
			t.Errorf("the application knows %v, want nobody", me.User)
		}
		// Somebody who has changed their mind is asked again, and gets in.
		g = p.open(a.home + "/login")
		if !g.Is("allow") {
			t.Fatalf("want the consent page again, got %s", g.Describe())
		}
		wantUser(t, a, g.submit("allow").json(a), u)
	})
}
