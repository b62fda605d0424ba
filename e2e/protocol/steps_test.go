package protocol

// No step of an interaction can be skipped or done by another form (SEC-3, FL-12): whoever is asked for a password, a choice or a consent
// posts the other steps' buttons instead.

import (
	"net/http"
	"sync"
	"testing"

	"idp/e2e/server"
)

// press posts a form of the page's interaction to a path, with a button that the page does not show.
func (p *page) press(path string, pairs ...string) *page {
	p.t.Helper()
	button := "submit-login"
	if p.is("allow") {
		button = "allow"
	}
	_, fields := p.form(button)
	for name := range fields {
		if name != "csrf" && name != "i" {
			fields.Del(name)
		}
	}
	next := p.b.post(p.b.site.Issuer+path, with(fields, pairs...))
	next.asked = p.asked
	return next
}

func wantNoCode(t *testing.T, name string, p *page) {
	t.Helper()
	if p.left != nil && p.left.Query().Has("code") {
		t.Errorf("%s: a code was given", name)
	}
}

func TestSteps_PasswordCannotBeSkipped(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for name, pairs := range map[string][]string{"prompt=login": {"prompt", "login"}, "max_age=0": {"max_age", "0"}} {
		for _, press := range [][]string{{"/login", "action", "continue"}, {"/consent", "action", "allow"}, {"/login", "action", "switch"}, {"/login", "action", "nonsense"}, {"/login"}, {"/consent"}} {
			p := in.b.az(server.PKCE(), pairs...).wantLogin()
			wantNoCode(t, name+" answered by "+press[0], p.press(press[0], press[1:]...))
			wantNoCode(t, name+", then resumed", in.b.open(s.Issuer+"/oauth2/authorize/resume?i="+p.url.Query().Get("i")))
		}
	}
	// Nobody signed in at all.
	p := s.browser(t).az(server.PKCE()).wantLogin()
	for _, press := range [][]string{{"/login", "action", "continue"}, {"/consent", "action", "allow"}} {
		wantNoCode(t, "anonymous, "+press[0], p.press(press[0], press[1:]...))
	}
}

func TestSteps_ConsentCannotBeSkippedOrWidened(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.az(server.Web(), "scope", "openid email").wantConsent()
	for _, press := range [][]string{{"/login", "action", "continue"}, {"/consent"}, {"/consent", "action", "nonsense"}, {"/consent", "action", "ALLOW"}, {"/consent", "allow", "1"}} {
		wantNoCode(t, "consent answered by "+press[0], p.press(press[0], press[1:]...))
	}
	wantNoCode(t, "resumed", in.b.open(s.Issuer+"/oauth2/authorize/resume?i="+p.url.Query().Get("i")))
	// What the form says of scopes can only keep the answer back; what it says of the client or the person does not count.
	again := in.b.az(server.Web(), "scope", "openid email").wantConsent().submit("allow", "scopes", "email openid profile").wantConsent()
	g := again.submit("allow", "scope", "openid email profile phone", "client_id", "other", "redirect_uri", "https://evil.example/", "sub", "somebody").wantCode()
	s.exchange(t, g).tokens()
	in.b.az(server.Web(), "scope", "openid email profile", "prompt", "none").wantErr("consent_required")
	in.b.az(server.Other(), "prompt", "none").wantErr("consent_required")
}

func TestSteps_ConsentIsThePersonsWhoGaveIt(t *testing.T) { // somebody else signs in between the question and the answer
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.az(server.Web(), "scope", "openid email").wantConsent()
	other := s.user(t)
	in.b.az(server.Trusted(), "prompt", "login").submit("use-another-account").login(other).wantCode()
	if got := p.submit("allow"); got.left != nil && got.left.Query().Has("code") {
		// A code for the one who pressed the button is right; one for the person of the page's name is not.
		sub := s.verify(t, s.exchange(t, got.wantCode()).tokens().id).claims["sub"]
		if sub == s.verify(t, in.id).claims["sub"] {
			t.Error("the code is about the person who is no longer signed in")
		} else {
			t.Error("a consent given on one person's page counts for another who signed in meanwhile")
		}
	}
}

func TestSteps_AnInteractionGivesOneCode(t *testing.T) { // consumed in the statement that issues the code
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	p := b.az(server.Trusted()).wantLogin()
	i := p.url.Query().Get("i")
	action, fields := p.form("submit-login")
	with(fields, "identifier", u.Email, "password", u.Password)
	// The sign-in itself, not yet followed: the interaction waits with everything done.
	first := b.send(newRequest(t, http.MethodPost, action, fields))
	if first.status >= 400 {
		t.Fatalf("signing in: %s", first.describe())
	}
	codes := make([]bool, 8)
	var group sync.WaitGroup
	for n := range codes {
		mine := b.copy()
		mine.asked = p.asked
		group.Go(func() {
			got := mine.get(s.Issuer + "/oauth2/authorize/resume?i=" + i)
			at, err := got.url.Parse(got.target())
			codes[n] = err == nil && at.Query().Has("code")
		})
	}
	group.Wait()
	given := 0
	for _, code := range codes {
		if code {
			given++
		}
	}
	if given != 1 {
		t.Errorf("8 parallel resumptions of one interaction gave %d codes, want 1", given)
	}
}

func TestRemember_WorksInTwoTabsAtOnce(t *testing.T) { // FL-8: the browser is reopened with several tabs, each of which asks
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Trusted()).login(u, "remember", "1").wantCode()
	b.setCookie("idp_session", "")
	tabs, good := make([]*browser, 4), make([]bool, 4)
	var group sync.WaitGroup
	for n := range tabs {
		tabs[n] = b.copy()
		group.Go(func() {
			got := tabs[n].get(tabs[n].azURL(server.Trusted(), "prompt", "none"))
			at, err := got.url.Parse(got.target())
			good[n] = err == nil && at.Query().Has("code")
		})
	}
	group.Wait()
	restored := 0
	for n, ok := range good {
		if !ok {
			continue
		}
		restored++
		// The others' use of the same cookie is no theft that costs this one its session.
		tabs[n].az(server.PKCE(), "prompt", "none").wantCode()
	}
	if restored == 0 {
		t.Error("four tabs at once and none was restored")
	}
}
