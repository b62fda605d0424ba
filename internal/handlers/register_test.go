package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/walk"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/upstream/upstreamtest"
)

func registrationOpen(o *options) { o.open = true }

const newPassword = "violet kettle marches north"

// apply fills in the page and presses its button.
func (p *page) apply(email string, pairs ...string) *page {
	p.b.s.t.Helper()
	return p.want("submit-register").submit("submit-register", append([]string{"email", email, "password", newPassword, "password_again", newPassword}, pairs...)...)
}

func TestRegister_RequestWaitsAndIsResumed(t *testing.T) { // FL-4, FL-18, FS-10
	t.Parallel()
	s := newSite(t, registrationOpen)
	b := s.browser()
	p := b.get(s.az("prompt", "create")).want("submit-register")
	if got := p.text("client-name"); got != "Field Notes" {
		t.Errorf("client-name = %q, want the application's", got)
	}
	p.apply("new@example.com", "username", "newcomer").want("allow").submit("allow").wantCode()
	u, err := s.store.UserByIdentifier(t.Context(), "new@example.com")
	must(t, err)
	if u.EmailVerified || u.Username != "newcomer" || u.State != idp.UserActive {
		t.Errorf("got %+v, want an active account with an address that is not verified", u)
	}
	created, signedIn := s.events(audit.UserCreated), s.events(audit.LoginOK)
	if len(created) != 2 || len(signedIn) != 1 { // the other one is Ann's
		t.Fatalf("%d events user.created and %d login.ok, want 2 and 1", len(created), len(signedIn))
	}
	for _, e := range []*idp.AuditEvent{created[1], signedIn[0]} {
		if e.UserID != u.ID || e.ActorID != u.ID || e.ActorKind != audit.ActorUser || e.Address == "" {
			t.Errorf("%s: got %+v, want who did it and from where", e.Type, e)
		}
	}
	if log := s.log.String(); strings.Contains(log, newPassword) || strings.Contains(log, url.QueryEscape(newPassword)) {
		t.Error("the log holds the password")
	}
	// The next request asks nothing.
	b.get(s.az()).wantCode()
}

func TestRegister_SignInPageLeadsThereAndBack(t *testing.T) { // FL-4
	t.Parallel()
	s := newSite(t, registrationOpen)
	b := s.browser()
	p := b.get(s.az()).want("submit-login").open("create-account").want("submit-register")
	p = p.open("sign-in-instead").want("submit-login")
	p.signIn().want("allow").submit("allow").wantCode()
	// A request that asked for a new account is answered for the one that the person has: which it is, is theirs to say (Prompt Create §4.1).
	o := s.browser()
	o.get(s.az("prompt", "create")).open("sign-in-instead").signIn().wantCode()
	o.get(s.az("prompt", "create")).want("submit-register").open("sign-in-instead").want("continue-account").submit("continue-account").wantCode()
	// And a request that asked for nothing is answered for a new one.
	s.browser().get(s.az()).open("create-account").apply("second@example.com").want("allow")
	// Where no application waits, home is next.
	h := s.browser()
	h.get(s.issuer + "/register").apply("third@example.com").want("sign-out")
}

// open follows a link of the page.
func (p *page) open(link string) *page {
	p.b.s.t.Helper()
	to, err := p.url.Parse(walk.Attribute(p.want(link).element(link), "href"))
	must(p.b.s.t, err)
	return p.b.get(to.String())
}

func TestRegister_ClosedIsNotThere(t *testing.T) { // FS-10, Prompt Create §4.1
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	p := b.get(s.az()).want("submit-login")
	if p.is("create-account") {
		t.Error("there is a link to a page that does not exist")
	}
	_, form := p.form("submit-login")
	b.get(s.issuer + "/register").want("error-code").wantStatus(http.StatusNotFound)
	b.get(s.issuer + "/register?i=" + form.Get("i")).wantStatus(http.StatusNotFound)
	for name, value := range map[string]string{"email": "new@example.com", "password": newPassword, "password_again": newPassword} {
		form.Set(name, value)
	}
	b.send(http.MethodPost, s.issuer+"/register", form).wantStatus(http.StatusNotFound)
	if _, err := s.store.UserByIdentifier(t.Context(), "new@example.com"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("got %v, want no account", err)
	}
	b.get(s.az("prompt", "create")).wantError("invalid_request")
}

func TestRegister_FaultsAreBesideTheirFields(t *testing.T) {
	t.Parallel()
	s := newSite(t, registrationOpen)
	p := s.browser().get(s.az("prompt", "create", "login_hint", "new@example.com"))
	if got := walk.Attribute(p.element("email"), "value"); got != "new@example.com" {
		t.Errorf("the address is %q, want the login_hint", got)
	}
	p = p.submit("submit-register", "email", "").want("email-error").want("password-error").wantStatus(http.StatusOK)
	p = p.apply("new@example.com", "password_again", "something else").want("password_again-error")
	p = p.apply("nonsense", "username", "<b>x", "password", "short", "password_again", "short").want("email-error").want("username-error").want("password-error")
	if strings.Contains(p.body, "<b>x") {
		t.Error("what was typed is on the page as markup")
	}
	p = p.apply("new@example.com", "username", "Administrator").want("username-error")
	p = p.apply("ANN@example.com", "username", "").want("email-error").want("sign-in-instead")
	if got := p.text("email-error"); !strings.Contains(got, "sign in") {
		t.Errorf("the sentence is %q, want what to do about it", got)
	}
	p = p.apply("new@example.com", "username", "Ann").want("username-error")
	if strings.Contains(p.body, newPassword) {
		t.Error("the page shows the password")
	}
	p.apply("new@example.com", "username", "").want("allow")
	if got := s.browser().get(s.az("prompt", "create", "login_hint", "nick")).element("username"); walk.Attribute(got, "value") != "nick" {
		t.Error("a login_hint that is no address does not fill the username")
	}
	if n := len(s.events(audit.UserNotCreated)); n != 2 {
		t.Errorf("%d events user.not_created, want 2", n)
	}
}

func TestRegister_IsThrottled(t *testing.T) { // FS-15, SEC-18
	t.Parallel()
	s := newSite(t, registrationOpen, func(o *options) { o.tries = 2 })
	p := s.browser().get(s.issuer + "/register")
	p = p.apply("ann@example.com").apply("ann@example.com").want("email-error").apply("new@example.com").want("throttled").wantStatus(http.StatusTooManyRequests)
	if p.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	other := s.browser()
	other.remote = "198.51.100.9:1"
	other.get(s.issuer + "/register").apply("new@example.com").want("sign-out")
}

func TestRegister_TwoTabsAndADoubleClickMakeOneAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t, registrationOpen)
	b := s.browser()
	first := b.get(s.az("prompt", "create")).want("submit-register")
	second := b.get(s.az("prompt", "create", "state", "st-2")).want("submit-register")
	action, form := first.form("submit-register")
	for name, value := range map[string]string{"email": "new@example.com", "password": newPassword, "password_again": newPassword} {
		form.Set(name, value)
	}
	b.send(http.MethodPost, action, form).want("continue-link")
	again := b.send(http.MethodPost, action, form).want("email-error")
	again.open("sign-in-instead").want("continue-account").submit("continue-account").want("allow")
	second.apply("new@example.com").want("email-error").open("sign-in-instead").want("continue-account")
	if n := len(s.events(audit.UserCreated)); n != 2 { // the other one is Ann's
		t.Errorf("%d accounts, want one beside Ann's", n-1)
	}
}

func TestRegister_TakesThePlaceOfWhoWasSignedIn(t *testing.T) { // FL-1, SEC-6
	t.Parallel()
	s := newSite(t, registrationOpen)
	b := s.browser()
	b.get(s.issuer + "/login").signIn()
	before := b.cookies["__Host-idp_session"].Value
	p := b.get(s.az("prompt", "create")).want("submit-register").want("notice")
	if !strings.Contains(p.text("notice"), "ann@example.com") {
		t.Errorf("the notice is %q, want who is signed in", p.text("notice"))
	}
	p.apply("new@example.com").want("allow")
	if b.cookies["__Host-idp_session"].Value == before {
		t.Error("the session is the one from before")
	}
	old := s.browser()
	old.cookies["__Host-idp_session"] = &http.Cookie{Name: "__Host-idp_session", Value: before}
	if old.signedIn() {
		t.Error("the session from before lives")
	}
}

func TestRegister_CancelTellsTheApplication(t *testing.T) {
	t.Parallel()
	s := newSite(t, registrationOpen)
	s.browser().get(s.az("prompt", "create")).submit("cancel-register").wantError("access_denied")
}

func TestRegister_NothingIsMadeOnceTheRequestIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, registrationOpen)
	p := s.browser().get(s.az("prompt", "create"))
	_, form := p.form("submit-register")
	must(t, s.store.ConsumeInteraction(t.Context(), form.Get("i")))
	p.submit("submit-register", "email", "new@example.com", "password", newPassword, "password_again", newPassword).page400()
	if _, err := s.store.UserByIdentifier(t.Context(), "new@example.com"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("got %v, want no account", err)
	}
}

func TestRegister_OthersAddressIsNoTrap(t *testing.T) { // SEC-8
	t.Parallel()
	s := newSite(t, registrationOpen, func(o *options) { o.provider = func(p *idp.Provider) { p.TrustEmail = true } })
	attacker := s.browser()
	attacker.get(s.issuer+"/register").apply("victim@corp.example", "username", "victim").want("sign-out")
	s.op.SignIn(upstreamtest.Person{Subject: "victim", Email: "victim@corp.example", EmailVerified: true})
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("allow")
	if attacker.signedIn() {
		t.Error("the session of whoever registered the address lives")
	}
	for _, name := range []string{"victim@corp.example", "victim"} {
		s.browser().get(s.issuer+"/login").submit("submit-login", "identifier", name, "password", newPassword).want("error-summary")
	}
}
