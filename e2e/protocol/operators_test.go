package protocol

// What operators do, as browsers and applications feel it: FL-3, FL-8, FL-13, FL-15, FL-18, FD-17, SEC-10; explainable failures.

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestUser_SubjectIsStableAndNeverReused(t *testing.T) { // FL-3, SEC-15
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid email offline_access")
	sub := s.verify(t, in.id).claims["sub"]
	s.Run(t, "user", "update", in.u.Email, "--email", "new@example.test", "--email-verified", "--username", "renamed")
	renamed := server.User{Username: "renamed", Email: "new@example.test", Password: in.u.Password}
	again := s.signInAs(t, renamed, server.Trusted(), "scope", "openid email")
	token := s.verify(t, again.id)
	if token.claims["sub"] != sub || token.claims["email"] != "new@example.test" {
		t.Errorf("after a new address and name: sub = %v, email = %v, want %v and the new address", token.claims["sub"], token.claims["email"], sub)
	}
	s.browser(t).az(server.Trusted()).login(in.u).wantLogin() // the old address is nobody's now

	s.Run(t, "user", "delete", "new@example.test", "--yes")
	s.userInfo(t, again.access).want(401)
	again.b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	s.Run(t, "user", "create", "new@example.test", "--email-verified", "--password-file", passwordFile(t, server.Password))
	reborn := s.signInAs(t, renamed, server.Trusted())
	if got := s.verify(t, reborn.id).claims["sub"]; got == sub {
		t.Errorf("a deleted user's sub %v was given to a new account with the same address", got)
	}
	s.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")
}

func passwordFile(t *testing.T, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPassword_ChangeEndsEverything(t *testing.T) { // FL-15, SEC-11
	t.Parallel()
	s := start(t)
	u := s.user(t)
	one, two := s.signInAs(t, u, server.Trusted(), "scope", "openid offline_access"), s.browser(t)
	two.az(server.Trusted()).login(u, "remember", "1").wantCode()
	s.Run(t, "user", "set-password", u.Email, "--password-file", passwordFile(t, "a quite different sentence 77"), "--yes")
	one.b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	two.az(server.Trusted()).wantLogin()
	two.setCookie("idp_session", "")
	two.az(server.Trusted()).wantLogin()
	s.refresh(t, server.Trusted(), one.refresh).wantError(400, "invalid_grant")
	s.userInfo(t, one.access).want(401)
	s.browser(t).az(server.Trusted()).login(u).wantLogin()
	u.Password = "a quite different sentence 77"
	s.browser(t).az(server.Trusted()).login(u).wantCode()
}

func TestSession_IsEndedByTheOperator(t *testing.T) { // FL-8: revoke the device, and its next request asks for the password
	t.Parallel()
	s := start(t)
	u := s.user(t)
	b, other := s.browser(t), s.signIn(t, server.Trusted())
	b.az(server.Trusted()).login(u, "remember", "1").wantCode()
	var list []map[string]any
	if text := s.Run(t, "session", "list", "--user", u.Email, "-o", "json"); json.Unmarshal([]byte(text), &list) != nil || len(list) != 1 {
		t.Fatalf("sessions of one who signed in once: %s", text)
	}
	for name, value := range list[0] {
		if text, ok := value.(string); ok && text != "" && (text == b.cookie("idp_session") || text == b.cookie("idp_remember")) {
			t.Errorf("the list shows the cookie as %s", name)
		}
	}
	id, _ := list[0]["id"].(string)
	s.Run(t, "session", "end", id, "--yes")
	b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	b.setCookie("idp_session", "")
	b.az(server.Trusted()).wantLogin()
	other.b.az(server.Trusted(), "prompt", "none").wantCode()
}

func TestTrace_SaysWhatDiffered(t *testing.T) { // explainable failures, FD-17
	t.Parallel()
	s := start(t)
	p := s.browser(t).az(server.Web(), "redirect_uri", server.Web().Redirect+"/").wantPage400()
	in := s.signIn(t, server.Trusted())
	wrong := s.exchange(t, in.b.az(server.Trusted()).wantCode(), "redirect_uri", "https://trusted.example/wrong").wantError(400, "invalid_grant")
	s.Stop(t) // traces are written behind the request; now they are there
	text := s.Run(t, "trace", p.text("trace-id"))
	for _, want := range []string{server.Web().Redirect, server.Web().Redirect + "/", "redirect_uri"} {
		if !strings.Contains(text, want) {
			t.Errorf("idp trace does not name %s:\n%s", want, text)
		}
	}
	id := wrong.header.Get("X-Trace-Id")
	if id == "" {
		t.Fatalf("the token endpoint's error has no X-Trace-Id: %v", wrong.header)
	}
	text = s.Run(t, "trace", id)
	if !strings.Contains(text, "https://trusted.example/wrong") || !strings.Contains(text, server.Trusted().Redirect) {
		t.Errorf("idp trace of a code with another redirect URI names not both:\n%s", text)
	}
	for _, secret := range []string{server.Trusted().Secret, in.access, in.grant.code} {
		if strings.Contains(text, secret) {
			t.Error("the trace holds a secret")
		}
	}
}

func TestAudit_KeepsOneRowForEachAct(t *testing.T) { // FL-18, FL-13, SEC-10
	t.Parallel()
	s := start(t)
	book := newSecretBook()
	private := s.recordedIn(book)
	u := s.user(t)
	b := private.browser(t)
	b.agent = "Audited/1.0"
	typo := u
	typo.Password = "correct horse battery staple 43"
	p := b.az(server.Web(), "scope", "openid email").login(typo)
	// Whoever connects cannot write its own address.
	action, fields := p.form("submit-login")
	req := newRequest(t, http.MethodPost, action, with(fields, "identifier", u.Email, "password", u.Password, "remember", "1"))
	req.Header.Set("X-Forwarded-For", "1.2.3.4")
	req.Header.Set("Forwarded", "for=1.2.3.4")
	req.Header.Set("X-Real-Ip", "1.2.3.4")
	b.send(req).follow().wantConsent().submit("deny").wantErr("access_denied")
	in := b.tokens(u, server.Web(), "scope", "openid email")
	b.setCookie("idp_session", "")
	b.az(server.Web()).wantCode()
	b.logout("id_token_hint", in.id, "post_logout_redirect_uri", server.Web().Logout)

	text := s.Run(t, "audit", "export")
	count := map[string]int{}
	for line := range strings.Lines(text) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("a line of the export is no JSON: %v: %.200s", err, line)
		}
		kind, _ := event["type"].(string)
		if kind == "user.created" || kind == "client.created" || kind == "key.created" {
			continue
		}
		count[kind]++
		if strings.Contains(line, "1.2.3.4") {
			t.Errorf("%s: an untrusted peer wrote its own address: %s", kind, line)
		}
		if strings.HasPrefix(kind, "login.") || strings.HasPrefix(kind, "consent.") || strings.HasPrefix(kind, "session.") {
			for _, want := range []string{"Audited/1.0", "127.0.0.1"} {
				if !strings.Contains(line, want) {
					t.Errorf("%s: the row lacks %s: %s", kind, want, line)
				}
			}
		}
	}
	for kind, want := range map[string]int{"login.failed": 1, "login.ok": 1, "consent.denied": 1, "consent.allowed": 1, "session.restored": 1, "session.ended": 1} {
		if count[kind] != want {
			t.Errorf("%d rows %s, want %d: %v", count[kind], kind, want, count)
		}
	}
	for _, leak := range book.search(text) {
		t.Errorf("the audit export holds %s", leak)
	}
}
