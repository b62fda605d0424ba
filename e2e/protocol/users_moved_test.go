package protocol

// People who come from another provider keep the names by which applications know them: OpenID Connect Core §2 (sub), §5.3.2, §8; FL-3.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idp/e2e/server"
)

// importUsers gives a server users from another provider: lines of NDJSON.
func importUsers(t *testing.T, s *site, lines ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "user", "import", "-f", path)
}

func TestImport_PeopleKeepTheSubOfTheirOldProvider(t *testing.T) { // OIDC Core §2 (FL-3)
	t.Parallel()
	s := start(t)
	long := "auth0|" + strings.Repeat("x", 249) // OIDC Core §2: up to 255 ASCII characters
	importUsers(t, s,
		`{"sub":"`+long+`","email":"moved@example.test","email_verified":true,"username":"moved","password_hash":"`+server.PasswordHash+`"}`,
		`{"sub":"f:9c//Ab+.x/../?y=%2F#z","email":"odd@example.test","email_verified":true,"password_hash":"`+server.PasswordHash+`"}`,
	)
	for _, who := range []struct{ sub, name string }{{long, "moved"}, {"f:9c//Ab+.x/../?y=%2F#z", "odd"}} {
		in := s.signInAs(t, server.Person(who.name), server.Trusted(), "scope", "openid email offline_access")
		for what, text := range map[string]string{"ID token": in.id, "access token": in.access, "refreshed ID token": s.refresh(t, server.Trusted(), in.refresh).tokens().id} {
			if got := s.verify(t, text).claims["sub"]; got != who.sub {
				t.Errorf("%s: sub = %v, want %s", what, got, who.sub)
			}
		}
		if got := s.userInfo(t, in.access).want(200).json["sub"]; got != who.sub {
			t.Errorf("UserInfo: sub = %v, want %s", got, who.sub)
		}
		if got := s.introspect(t, server.Trusted(), in.access).wantActive(true).json["sub"]; got != who.sub {
			t.Errorf("introspection: sub = %v, want %s", got, who.sub)
		}
		in.b.az(server.Trusted(), "prompt", "none", "id_token_hint", in.id).wantCode()
		// OIDC Core §5.5.1: a request for this very sub.
		in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+who.sub+`"}}}`).wantCode()
		// A pairwise name is computed from it, and is another one.
		p := server.Pairwise()[0]
		one, two := s.verify(t, in.b.tokens(server.Person(who.name), p).id).claims["sub"], s.verify(t, in.b.tokens(server.Person(who.name), p).id).claims["sub"]
		if one == nil || one != two || one == who.sub {
			t.Errorf("pairwise sub = %v, then %v: want one name that is not %s", one, two, who.sub)
		}
		if text := s.Run(t, "audit", "export", "--user", who.name+"@example.test"); !strings.Contains(text, who.sub) {
			t.Errorf("the audit record does not name %s:\n%s", who.sub, text)
		}
		// What operators do finds them by it.
		if text := s.Run(t, "user", "get", who.sub, "-o", "name"); strings.TrimSpace(text) != who.sub {
			t.Errorf("user get: got %q, want %s", text, who.sub)
		}
		s.Run(t, "user", "disable", who.sub, "--yes")
		s.userInfo(t, in.access).want(401)
	}
}

// CIBA §7.1: a sub is a login_hint, whoever made it; an address is one too.
func TestImport_CIBAFindsPeopleByTheirOldSub(t *testing.T) {
	t.Parallel()
	s := start(t)
	importUsers(t, s, `{"sub":"uid-4711","email":"asked@example.test","email_verified":true,"password_hash":"`+server.PasswordHash+`"}`)
	c := server.Bank()
	for _, hint := range []string{"uid-4711", "asked@example.test"} {
		s.form(t, "backchannel_authentication_endpoint", basic(c), "scope", "openid", "login_hint", hint).want(200)
	}
	s.form(t, "backchannel_authentication_endpoint", basic(c), "scope", "openid", "login_hint", "uid-4712").wantError(400, "unknown_user_id")
}

// RFC 9700 §4.15.1: a person's sub is never a client's id, whose own tokens have that for a sub; and never what another person is found by.
func TestImport_ASubThatMeansSomebodyElseIsRefused(t *testing.T) { // FL-3
	t.Parallel()
	s := start(t)
	u := s.user(t)
	path := filepath.Join(t.TempDir(), "users.ndjson")
	lines := []string{
		`{"sub":"` + server.Service().ID + `","email":"one@example.test"}`,
		`{"sub":"` + u.Username + `","email":"two@example.test"}`,
		`{"sub":"` + u.Email + `","email":"three@example.test"}`,
		`{"sub":"has space","email":"four@example.test"}`,
		`{"sub":"` + strings.Repeat("x", 256) + `","email":"five@example.test"}`,
		`{"sub":"fine","email":"six@example.test"}`,
		`{"sub":"fine","email":"seven@example.test"}`,
		`{"sub":"other","email":"six@example.test"}`,
		`{"email":"eight@example.test","username":"fine"}`,
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := s.Try(t, "user", "import", "-f", path, "-o", "json")
	if code != 1 {
		t.Fatalf("exit code %d, want 1\n%s", code, out)
	}
	for _, want := range []string{`"created": 1`, `"failed": 8`} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %s:\n%s", want, out)
		}
	}
	if code, _, out := s.Try(t, "client", "create", "fine", "--redirect-uri", "https://fine.example/cb"); code != 4 {
		t.Errorf("a client with a person's sub for its id: exit code %d, want 4\n%s", code, out)
	}
}
