package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idp/e2e/server"
)

// The upstream's ids at the shared server: as a provider whose word on addresses counts, and as one whose word does not.
const (
	trusted   = "hq"
	untrusted = "elsewhere"
)

// guest is somebody who has an account at the upstream only.
func guest(n int) server.User {
	name := fmt.Sprintf("guest%02d", n)
	return server.User{Username: name, Email: name + "@upstream.test", Password: server.Password}
}

// withUpstream gives the shared server another idp as its upstream, whose guests have no account here.
func withUpstream(t *testing.T, guests int) *server.Server {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "clients:\n  - {client_id: main, client_name: Main, secret_env: E2E_APP_SECRET, trusted: true,\n"+
		"     redirect_uris: [%[1]s/login/callback/%[2]s, %[1]s/login/callback/%[3]s], scopes: [openid, profile, email]}\nusers:\n",
		suite.site.Issuer, trusted, untrusted)
	for n := range guests {
		u := guest(n)
		fmt.Fprintf(&b, "  - {username: %s, email: %s, email_verified: true, password_hash: '%s', name: Guest %d}\n", u.Username, u.Email, server.PasswordHash, n)
	}
	// Another host name than the shared server's: cookies do not tell ports apart.
	up := server.Start(t, server.Issuer("http://127.0.0.1:PORT"), server.Seed(b.String()), server.Set("E2E_APP_SECRET", appSecret))
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(appSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, more := range map[string][]string{trusted: {"--trust-email"}, untrusted: nil} {
		suite.site.Run(t, append([]string{
			"provider", "create", id, "--type", "oidc", "--name", "Sign-in of " + id, "--issuer", up.Issuer,
			"--client-id", "main", "--client-secret-file", secretFile, "--provision",
		}, more...)...)
	}
	a := suite.site.app(t, "authlib-plain")
	eventually(t, "the sign-in page offers the upstream", func() bool {
		g := visitor(t).open(a.home + "/login")
		return g.Is("upstream-"+trusted) && g.Is("upstream-"+untrusted)
	})
	return up
}

func TestUpstream_SignsIn(t *testing.T) { // FD-*, and §7.6: each application with a fake Google
	t.Parallel()
	up := withUpstream(t, len(plain())+1)
	for n, v := range plain() {
		t.Run(v.id(), func(t *testing.T) {
			t.Parallel()
			a, p, u := suite.site.app(t, v.id()), visitor(t), guest(n)
			got := viaUpstream(t, p, a, up, trusted, u)
			if got.User["email"] != u.Email {
				t.Errorf("email = %v, want %s", got.User["email"], u.Email)
			}
			if info := p.ask(a, "/userinfo"); info.Claims["sub"] != got.User["sub"] || info.Claims["email"] != u.Email {
				t.Errorf("UserInfo = %v (status %d), want sub %v and email %s", info.Claims, info.Status, got.User["sub"], u.Email)
			}
			if refreshed := p.ask(a, "/refresh"); refreshed.Error != "" {
				t.Errorf("refresh: error %q, want none", refreshed.Error)
			}
			if again := viaUpstream(t, visitor(t), a, up, trusted, u); again.User["sub"] != got.User["sub"] {
				t.Errorf("sub of the second sign-in = %v, want that of the first: %v", again.User["sub"], got.User["sub"])
			}
		})
	}
	t.Run("its word on addresses does not count", func(t *testing.T) { // RP-11: the libraries look at no email_verified
		t.Parallel()
		a, u := suite.site.app(t, "openid-client-plain"), guest(len(plain()))
		if got := viaUpstream(t, visitor(t), a, up, untrusted, u); got.User["email"] != nil {
			t.Errorf("email = %v, want none: nobody here has verified it", got.User["email"])
		}
	})
	t.Run("cancelled there", func(t *testing.T) {
		t.Parallel()
		a, p, u := suite.site.app(t, "go-oidc-plain"), visitor(t), someone(t)
		g := p.open(a.home + "/login").submit("upstream-" + trusted)
		if g = g.submit("cancel-login"); !strings.HasPrefix(g.URL.String(), a.site.Issuer+"/") {
			t.Fatalf("after Cancel at the upstream: %s, want a page of the server", g.Describe())
		}
		if g.Is("use-password") {
			g = p.open(a.home + "/login")
		}
		wantUser(t, a, p.through(g, a, u), u)
	})
}

// viaUpstream signs in to an application with the account at the upstream, which is the provider of that id.
func viaUpstream(t *testing.T, p *person, a *app, up *server.Server, id string, u server.User) answer {
	t.Helper()
	g := p.open(a.home + "/login").submit("upstream-" + id)
	if !g.Is("submit-login") || !strings.HasPrefix(g.URL.String(), up.Issuer+"/") {
		t.Fatalf("want the upstream's sign-in page, got %s", g.Describe())
	}
	g = g.login(u)
	if g.Is("allow") {
		g = g.submit("allow")
	}
	got := g.json(a)
	if sub, _ := got.User["sub"].(string); got.Error != "" || sub == "" {
		t.Fatalf("%s knows %v (error %q, %s), want somebody with a sub", a.id(), got.User, got.Error, got.Message)
	}
	return got
}
