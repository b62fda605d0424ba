package handlers_test

import (
	"net/http"
	"slices"
	"testing"

	"idp/internal/account"
	"idp/internal/audit"
)

func newUser(email string) account.NewUser {
	return account.NewUser{Email: email, EmailVerified: true, Password: goodPassword}
}

func TestConsent_AllOrNothingAndRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	p := b.get(s.az("scope", "openid profile email")).signIn().want("allow")
	for _, scope := range []string{"openid", "profile", "email"} {
		if !p.is("scope-" + scope) {
			t.Errorf("the page does not show the scope %s", scope)
		}
	}
	if got := p.text("redirect-host"); got != "app.example" {
		t.Errorf("redirect-host = %q, want app.example", got)
	}
	p.submit("allow").wantCode()
	b.get(s.az("scope", "openid email")).wantCode()
	b.get(s.az("scope", "openid email offline_access")).want("allow")
	g, err := s.store.Grant(t.Context(), s.ann.ID, "app")
	must(t, err)
	if want := []string{"email", "openid", "profile"}; !slices.Equal(g.Scopes, want) {
		t.Errorf("granted %v, want %v", g.Scopes, want)
	}
	if n := len(s.events(audit.ConsentAllowed)); n != 1 {
		t.Errorf("%d events consent.allowed, want 1", n)
	}
}

func TestConsent_DenialReachesTheApplication(t *testing.T) { // FD-8
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("deny").wantError("access_denied")
	if n := len(s.events(audit.ConsentDenied)); n != 1 {
		t.Errorf("%d events consent.denied, want 1", n)
	}
	if _, err := s.store.Grant(t.Context(), s.ann.ID, "app"); err == nil {
		t.Error("there is a grant after a denial")
	}
	b.get(s.az()).want("allow") // asked again
}

func TestConsent_NotYouAsksForAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := s.accounts.Create(t.Context(), newUser("bob@example.com"))
	must(t, err)
	p := s.browser().get(s.az()).signIn().want("not-you").submit("not-you").want("submit-login").want("identifier")
	p.submit("submit-login", "identifier", "bob@example.com", "password", goodPassword).want("allow")
}

func TestConsent_NeedsAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.browser().get(s.az()).signIn().want("allow")
	p.submit("allow", "action", "perhaps").page400()
	p.submit("allow").wantCode()
}

func TestConsent_EndsWithTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	p := b.get(s.az()).signIn().want("allow")
	if _, err := s.sessions.EndAllOf(t.Context(), s.ann.ID, ""); err != nil {
		t.Fatal(err)
	}
	p.submit("allow").want("submit-login")
	if _, err := s.store.Grant(t.Context(), s.ann.ID, "app"); err == nil {
		t.Error("nobody is signed in, yet there is a grant")
	}
	b.get(p.url.String()).want("submit-login").wantStatus(http.StatusOK)
}

func TestLoop_EndsWithAPage(t *testing.T) { // FD-3
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	for n := 1; ; n++ {
		p := b.get(s.az())
		if p.is("loop-count") {
			p.want("retry-link")
			if n > 11 {
				t.Errorf("the page came after %d requests, want at most 11", n)
			}
			return
		}
		p.wantCode()
		if n > 20 {
			t.Fatal("20 requests in a row and no page")
		}
	}
}

// What one person read, another who signed in in a second tab meanwhile must not allow.
func TestConsent_CountsForWhomItWasShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob, err := s.accounts.Create(t.Context(), newUser("bob@example.com"))
	must(t, err)
	b := s.browser()
	shown := b.get(s.az()).signIn().want("allow")
	b.get(s.az("prompt", "login")).want("submit-login").submit("use-another-account").submit("submit-login", "identifier", "bob@example.com", "password", goodPassword).want("allow")
	shown.submit("allow").want("allow")
	if _, err := s.store.Grant(t.Context(), bob.ID, "app"); err == nil {
		t.Error("Ann's page gave the application a grant of Bob's")
	}
}

// What was not on the page when the person pressed "allow" is not allowed: an operator may have changed the client in between.
func TestConsent_CountsForWhatWasShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	shown := b.get(s.az("scope", "")).signIn().want("allow") // all that the client may have
	c, err := s.clients.Get(t.Context(), "app")
	must(t, err)
	changed := *c
	changed.Scopes = append(slices.Clone(c.Scopes), "payroll")
	must(t, s.store.UpdateClient(t.Context(), &changed, c.UpdatedAt))
	s.clients.Forget()
	again := shown.submit("allow").want("allow").want("scope-payroll")
	if _, err := s.store.Grant(t.Context(), s.ann.ID, "app"); err == nil {
		t.Error("there is a grant of what the page did not show")
	}
	again.submit("allow").wantCode()
	g, err := s.store.Grant(t.Context(), s.ann.ID, "app")
	must(t, err)
	if !slices.Contains(g.Scopes, "payroll") {
		t.Errorf("granted %v, want what the page showed the second time", g.Scopes)
	}
}
