package protocol

// OpenID Connect Session Management 1.0; protocol.md §3.6. What the frame's script does is tested in e2e/browser.

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// unchanged is what the script of the frame computes (§3.2).
func unchanged(client, redirect, state, sessionState string) bool {
	u, err := url.Parse(redirect)
	if err != nil {
		return false
	}
	hash, salt, ok := strings.Cut(sessionState, ".")
	sum := sha256.Sum256([]byte(client + " " + u.Scheme + "://" + u.Host + " " + state + " " + salt))
	return ok && salt != "" && hash == base64.RawURLEncoding.EncodeToString(sum[:])
}

// sessionState returns the session_state of an answer.
func (p *page) sessionState() string {
	p.t.Helper()
	if p.left == nil {
		p.t.Fatalf("got %s, want an answer", p.describe())
	}
	return p.left.Query().Get("session_state")
}

func TestSessionManagement_StateComesWithEachAnswer(t *testing.T) { // §2
	t.Parallel()
	s := shared(t)
	b, u, c := s.browser(t), s.user(t), server.Trusted()
	nobody := b.az(c, "prompt", "none").wantErr("login_required").sessionState()
	anonymous := b.cookie("idp_state")
	if anonymous == "" || !unchanged(c.ID, c.Redirect, anonymous, nobody) {
		t.Errorf("with nobody signed in: session_state %q, want that of the state that the browser got with it, %q", nobody, anonymous)
	}
	if p := b.az(c, "prompt", "none").wantErr("login_required"); b.cookie("idp_state") != anonymous || !unchanged(c.ID, c.Redirect, anonymous, p.sessionState()) {
		t.Errorf("asked again: the state is %q, want %q as before", b.cookie("idp_state"), anonymous)
	}
	p := b.az(c).login(u)
	first := p.sessionState()
	if p.wantCode(); !unchanged(c.ID, c.Redirect, b.cookie("idp_state"), first) {
		t.Errorf("signed in: session_state %q, want that of the cookie", first)
	}
	if unchanged(c.ID, c.Redirect, b.cookie("idp_state"), nobody) {
		t.Error("signing in changed nothing for the application")
	}
	second := b.az(c, "prompt", "none").sessionState()
	if second == first || !unchanged(c.ID, c.Redirect, b.cookie("idp_state"), second) {
		t.Errorf("later: session_state %q, was %q, want another salt and the same state", second, first)
	}
	other := b.az(server.PKCE()).sessionState()
	if !unchanged(server.PKCE().ID, server.PKCE().Redirect, b.cookie("idp_state"), other) || unchanged(c.ID, c.Redirect, b.cookie("idp_state"), other) {
		t.Errorf("another client's session_state %q is not its own", other)
	}
	b.logout().submit("confirm-logout")
	out := b.cookie("idp_state")
	if unchanged(c.ID, c.Redirect, out, first) || out == "" {
		t.Errorf("signed out: the state is %q, want another one, and not that of a browser where nobody ever signed in", out)
	}
	if p := b.az(c, "prompt", "none").wantErr("login_required"); !unchanged(c.ID, c.Redirect, out, p.sessionState()) {
		t.Errorf("signed out: session_state %q, want that of the state %q", p.sessionState(), out)
	}
	b.az(c).login(u).wantCode()
	if unchanged(c.ID, c.Redirect, b.cookie("idp_state"), first) {
		t.Error("another sign-in has the state of the first")
	}
}

// Any page may frame the check-session frame and ask it about any client. What it would have to know is in the state, which nobody can guess: not that of
// a browser where nobody is signed in either, or a page could ask whether that is so.
func TestSessionManagement_NoStateCanBeGuessed(t *testing.T) { // §3.2, §6
	t.Parallel()
	s := shared(t)
	seen := map[string]bool{}
	for range 3 {
		b := s.browser(t)
		state := b.az(server.Trusted(), "prompt", "none").wantErr("login_required").sessionState()
		for _, guess := range []string{"", "null", "undefined", "0"} {
			if unchanged("trusted", server.Trusted().Redirect, guess, state) {
				t.Errorf("the session_state of a browser where nobody is signed in is that of the state %q", guess)
			}
		}
		if value := b.cookie("idp_state"); len(value) < 16 || seen[value] {
			t.Errorf("the state of a fresh browser is %q, want one that nobody else has", value)
		} else {
			seen[value] = true
		}
	}
	// What one application knows is of no use at another origin, nor under another name.
	b := s.browser(t)
	b.az(server.Trusted()).login(s.user(t))
	state := b.az(server.Trusted(), "prompt", "none").sessionState()
	for _, other := range []server.Client{{ID: "trusted", Redirect: "https://evil.example/"}, {ID: "trusted", Redirect: "https://trusted.example:8443/"}, {ID: "other", Redirect: server.Trusted().Redirect}} {
		if unchanged(other.ID, other.Redirect, b.cookie("idp_state"), state) {
			t.Errorf("the session_state of one application is good for %s at %s", other.ID, other.Redirect)
		}
	}
}

func TestSessionManagement_OnlyForOpenID(t *testing.T) { // §2: of an authentication response
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	if p := in.b.az(server.Trusted(), "scope", "profile"); p.sessionState() != "" {
		t.Errorf("without openid: got session_state %q, want none", p.sessionState())
	}
}

func TestSessionManagement_StateIsNoSecret(t *testing.T) { // §3.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	state := in.b.cookie("idp_state")
	if state == "" {
		t.Fatal("there is no state cookie")
	}
	for _, name := range []string{"idp_session", "idp_browser"} {
		if strings.Contains(in.b.cookie(name), state) || strings.Contains(state, in.b.cookie(name)) {
			t.Errorf("the state cookie and %s hold one another", name)
		}
	}
	// Back-Channel Logout 1.0 §2.1: who will not hear of the session's end is not told its name.
	if sid, has := s.verify(t, in.id).claims["sid"]; has {
		t.Errorf("the ID token of an application without a logout address has the sid %v", sid)
	}
	// Who has it and nothing else is nobody.
	thief := s.browser(t)
	thief.http.Jar.SetCookies(thief.base(), []*http.Cookie{{Name: "idp_state", Value: state, Path: "/"}})
	thief.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	// A browser that lost it gets it back with the next answer, or its applications would be told of a change for ever.
	in.b.setCookie("idp_state", "")
	in.b.az(server.Trusted(), "prompt", "none").wantCode()
	if in.b.cookie("idp_state") != state {
		t.Errorf("got %q after it was lost, want %q", in.b.cookie("idp_state"), state)
	}
}

func TestSessionManagement_FrameAloneMayBeFramed(t *testing.T) { // §3.2, §3.3
	t.Parallel()
	s := shared(t)
	p := s.browser(t).get(s.endpoint(t, "check_session_iframe"))
	policy := p.header.Get("Content-Security-Policy")
	if p.status != http.StatusOK || p.header.Get("X-Frame-Options") != "" || strings.Contains(policy, "frame-ancestors") {
		t.Errorf("got %s with X-Frame-Options %q and %q, want a page that any page may frame", p.describe(), p.header.Get("X-Frame-Options"), policy)
	}
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q, want scripts of our own alone", policy)
	}
	scripts := p.all("script")
	if len(scripts) != 1 || walk.Attribute(scripts[0], "src") == "" || p.all("form") != nil {
		t.Fatalf("got %d scripts, want one, in a file, and nothing to press", len(scripts))
	}
	at, err := p.url.Parse(walk.Attribute(scripts[0], "src"))
	if err != nil {
		t.Fatal(err)
	}
	script := s.browser(t).get(at.String())
	if script.status != http.StatusOK || !strings.Contains(script.header.Get("Cache-Control"), "immutable") {
		t.Errorf("the script: status %d, %q, want it under a name that goes with its content", script.status, script.header.Get("Cache-Control"))
	}
	if len(p.b.given) != 0 {
		t.Error("the frame sets a cookie, in the middle of other sites")
	}
}

// The state cookie comes along with forms of other sites, the others do not: the request must be sent again as a navigation all the same.
func TestSessionManagement_StateCookieHidesNoSession(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	form := in.b.azForm(server.Trusted(), "prompt", "none")
	req := newRequest(t, http.MethodPost, s.endpoint(t, "authorization_endpoint"), form)
	req.Header.Set("Origin", "https://trusted.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	across := s.browser(t)
	across.http.Jar.SetCookies(across.base(), []*http.Cookie{{Name: "idp_state", Value: in.b.cookie("idp_state"), Path: "/"}})
	p := across.send(req)
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.header.Get("Location"), s.endpoint(t, "authorization_endpoint")+"?") {
		t.Fatalf("got %s, want the same request as a navigation", p.describe())
	}
	in.b.open(p.header.Get("Location")).wantCode()
}
