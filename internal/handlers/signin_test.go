package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/walk"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/session"
)

func TestSignIn_RequestWaitsAndIsResumed(t *testing.T) { // FL-4
	t.Parallel()
	s := newSite(t)
	p := s.browser().get(s.az()).want("submit-login")
	if got := p.text("client-name"); got != "Field Notes" {
		t.Errorf("client-name = %q, want the application's (FL-17)", got)
	}
	p.signIn().want("allow").submit("allow").wantCode()
	if n := len(s.events(audit.LoginOK)); n != 1 {
		t.Errorf("%d events login.ok, want 1 (FL-18)", n)
	}
}

func TestSignIn_IsAnsweredWithAPageThatGoesOn(t *testing.T) { // dependencies.md §0.5
	t.Parallel()
	s := newSite(t)
	answer := s.browser().get(s.az()).push("submit-login", "identifier", "ann", "password", goodPassword)
	answer.want("continue-link").wantStatus(http.StatusOK)
	if to := walk.Refresh(answer.doc); !strings.HasPrefix(to, s.issuer+"/oauth2/authorize/resume?i=") {
		t.Errorf("the page goes on to %q, want the resume address: a redirect to the application is blocked by form-action", to)
	}
	if got := answer.header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self'") {
		t.Errorf("policy %q, want form-action 'self'", got)
	}
}

func TestSignIn_MakesNewCookies(t *testing.T) { // FL-1, SEC-6
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	login := b.get(s.az())
	before := b.copy()
	login.signIn()
	if before.get(s.az()).is("allow") {
		t.Error("the cookies from before the sign-in are signed in, want them left alone (session fixation)")
	}
	first := b.cookies["__Host-idp_session"].Value
	b.get(s.az("prompt", "login")).want("submit-login").signIn()
	if got := b.cookies["__Host-idp_session"].Value; got == first {
		t.Error("the session cookie is the same after a step-up, want a new one")
	}
	old := s.browser()
	old.cookies["__Host-idp_session"] = &http.Cookie{Name: "__Host-idp_session", Value: first}
	if old.signedIn() {
		t.Error("the session from before the step-up still works")
	}
	if n := len(s.events(audit.StepUpOK)); n != 1 {
		t.Errorf("%d events stepup.ok, want 1", n)
	}
}

func TestSignIn_ForeignCookiesAreNobody(t *testing.T) { // FL-11, SEC-6
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn("remember", "1")
	for name, c := range b.cookies {
		for _, at := range []int{0, len(c.Value) / 2, len(c.Value) - 1} {
			other := s.browser()
			changed := []byte(c.Value)
			changed[at] ^= 1
			other.cookies[name] = &http.Cookie{Name: name, Value: string(changed)}
			p := other.get(s.issuer + "/login")
			if p.status != http.StatusOK || !p.is("submit-login") {
				t.Errorf("%s with byte %d changed: %s, want the sign-in page", name, at, p.describe())
			}
		}
	}
}

func TestSignIn_WrongCausesLookAlike(t *testing.T) { // FS-15, PS-24
	t.Parallel()
	s := newSite(t)
	bob, err := s.accounts.Create(t.Context(), newUser("bob@example.com"))
	must(t, err)
	must(t, s.accounts.Disable(t.Context(), bob.ID))
	var first string
	for _, c := range []struct{ name, identifier, password string }{
		{"wrong password", "ann@example.com", "wrong horse battery staple"},
		{"nobody", "nobody@example.com", goodPassword},
		{"disabled, right password", "bob@example.com", goodPassword},
		{"no address at all", "???", goodPassword},
	} {
		b := s.browser()
		p := b.get(s.issuer+"/login").submit("submit-login", "identifier", c.identifier, "password", c.password)
		p.want("error-summary").wantStatus(http.StatusOK)
		body := strings.ReplaceAll(withoutToken(p), c.identifier, "X")
		if first == "" {
			first = body
		}
		if body != first {
			t.Errorf("%s: the page differs from that of a wrong password", c.name)
		}
		if b.cookies["__Host-idp_session"] != nil {
			t.Errorf("%s: there is a session cookie", c.name)
		}
		if strings.Contains(p.body, c.password) {
			t.Errorf("%s: the page shows the password", c.name)
		}
	}
	if n := len(s.events(audit.LoginFailed)); n != 4 {
		t.Errorf("%d events login.failed, want 4", n)
	}
}

// withoutToken returns a page without what is new on each.
func withoutToken(p *page) string {
	_, fields := p.form("submit-login")
	return strings.ReplaceAll(p.body, fields.Get("csrf"), "")
}

func TestSignIn_RememberIsOffUntilTicked(t *testing.T) { // FL-8, FL-9
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	for range 20 {
		b.get(s.issuer + "/")
	}
	for name, c := range b.cookies {
		if c.MaxAge > 0 || !c.Expires.IsZero() {
			t.Errorf("%s lasts without the tick", name)
		}
		if name == "__Host-idp_state" { // for the script of the check-session frame
			continue
		}
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(name, "__Host-") {
			t.Errorf("%s lacks a flag: %s", name, c)
		}
	}
	ticked := s.browser()
	ticked.get(s.az()).signIn("remember", "1")
	remember := ticked.cookies["__Host-idp_remember"]
	if remember == nil || remember.MaxAge != 30*86400 {
		t.Fatalf("the remember cookie is %v, want one that lasts 30 days", remember)
	}
}

func TestSignIn_RememberedDeviceComesBackWithoutBeingFresh(t *testing.T) { // FL-8, FL-12, FL-16
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn("remember", "1").submit("allow").wantCode()
	delete(b.cookies, "__Host-idp_session")
	copied := b.copy()
	b.get(s.az()).wantCode()
	if n := len(s.events(audit.SessionRestored)); n != 1 {
		t.Errorf("%d events session.restored, want 1", n)
	}
	b.get(s.az("prompt", "login")).want("submit-login").signIn().wantCode()
	if b.cookies["__Host-idp_remember"] == nil {
		t.Error("a step-up took the remember cookie away, want it kept: the person chose it at sign-in")
	}
	b.get(s.issuer + "/logout").submit("confirm-logout")
	copied.get(s.az()).want("submit-login")
}

func TestSignIn_StepUpAsksForThePasswordOnly(t *testing.T) { // FL-12
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	p := b.get(s.az("prompt", "login")).want("submit-login").want("use-another-account")
	if got := p.text("account-name"); got != "Ann Example" {
		t.Errorf("account-name = %q, want who must prove it again", got)
	}
	if !p.is("notice") {
		t.Error("the page does not say why it asks")
	}
	wrong := p.submit("submit-login", "password", "wrong horse battery staple").want("error-summary").want("use-another-account")
	wrong.submit("submit-login", "password", goodPassword).wantCode()
	b.get(s.az("prompt", "none", "max_age", "0")).wantError("login_required")
}

func TestSignIn_AnotherAccountEndsTheFirst(t *testing.T) { // FL-1
	t.Parallel()
	s := newSite(t)
	_, err := s.accounts.Create(t.Context(), newUser("bob@example.com"))
	must(t, err)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	old := b.copy()
	chooser := b.get(s.az("prompt", "select_account")).want("continue-account")
	chooser.submit("use-another-account").want("submit-login").want("identifier").
		submit("submit-login", "identifier", "bob@example.com", "password", goodPassword).want("allow")
	if old.signedIn() {
		t.Error("the first account's session lives on in the same browser")
	}
}

func TestSignIn_ChosenAccountGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	b.get(s.az("prompt", "select_account")).submit("continue-account").wantCode()
}

func TestSignIn_CancelTellsTheApplication(t *testing.T) { // FD-8
	t.Parallel()
	s := newSite(t)
	s.browser().get(s.az()).submit("cancel-login").wantError("access_denied")
}

func TestSignIn_WithoutAnApplicationEndsAtHome(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	p := b.get(s.issuer + "/").want("sign-in-link")
	p = p.b.get(s.issuer + "/login").signIn().want("sign-out")
	if p.url.Path != "/" {
		t.Errorf("the browser is at %s, want /", p.url.Path)
	}
	if got := b.get(s.issuer + "/login"); got.url.Path != "/" {
		t.Errorf("the sign-in page of somebody who is signed in: %s, want home", got.describe())
	}
}

func TestSignIn_ReturnAddressesAreIgnored(t *testing.T) { // FL-5, SEC-1
	t.Parallel()
	s := newSite(t)
	for _, evil := range []string{
		"//evil.example", "///evil.example", `/\evil.example`, `\\\evil.example`, "%5C%5C%5Cevil.example", "%20//evil.example", "%19////evil.example",
		"ht\ttps://evil.example", "https:evil.example", "https:///evil.example", `https://id.example\.evil.example`, "https://id.example@evil.example",
		"javascript:alert(1)", "data:text/html,x", "https://id\u3002example.evil.example",
	} {
		q := url.Values{}
		for _, name := range []string{"next", "return", "return_to", "redirect", "redirect_uri", "post_logout_redirect_uri", "url", "i"} {
			q.Set(name, evil)
		}
		for _, path := range []string{"/login", "/logout", "/", "/select", "/consent", "/setup", "/login/callback/fake", "/login/link", "/logout/done"} {
			p := s.browser().get(s.issuer + path + "?" + q.Encode())
			if p.left != "" {
				t.Errorf("%s with %q: the browser left for %s", path, evil, p.left)
			}
			if p.status >= 500 {
				t.Errorf("%s with %q: status %d", path, evil, p.status)
			}
		}
		q.Del("i")
		login := s.browser().get(s.issuer + "/login?" + q.Encode()).want("submit-login")
		if p := login.signIn("next", evil, "redirect_uri", evil); p.left != "" {
			t.Errorf("sign-in with %q: the browser left for %s", evil, p.left)
		}
		for _, name := range []string{"redirect_uri", "post_logout_redirect_uri"} {
			if p := s.browser().get(s.az(name, evil)); name == "redirect_uri" && p.left != "" {
				t.Errorf("redirect_uri %q: the browser left for %s", evil, p.left)
			}
		}
		out := s.issuer + "/oauth2/logout?" + url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {evil}}.Encode()
		if p := s.browser().get(out); p.left != "" {
			t.Errorf("post_logout_redirect_uri %q: the browser left for %s", evil, p.left)
		}
	}
}

func TestSignIn_UnregisteredRedirectIsShownAndNotFollowed(t *testing.T) { // FD-17
	t.Parallel()
	s := newSite(t)
	const sent = `http://app.example/cb?<script>alert("1")</script>`
	p := s.browser().get(s.az("redirect_uri", sent)).page400()
	if got := p.text("redirect-uri"); got != sent {
		t.Errorf("redirect-uri = %q, want what was received", got)
	}
	if strings.Contains(p.body, "<script>alert") {
		t.Error("what was received is not escaped")
	}
	if got := p.text("error-client"); got != "Field Notes" {
		t.Errorf("error-client = %q, want the application's name", got)
	}
	if !p.is("trace-id") {
		t.Error("the page has no reference")
	}
}

func TestInteraction_IsBoundToItsBrowser(t *testing.T) { // PS-14
	t.Parallel()
	s := newSite(t)
	p := s.browser().get(s.az()).want("submit-login")
	other := s.browser()
	other.get(p.url.String()).page400() // without a cookie of ours
	other.get(p.url.String()).page400() // with one
	for _, path := range []string{"/consent", "/select", "/login/link", "/oauth2/authorize/resume"} {
		other.get(s.issuer + path + "?" + p.url.RawQuery).page400()
	}
	other.get(s.issuer + "/consent").page400()
	_, fields := other.get(s.issuer + "/login").form("submit-login")
	fields.Set("i", p.url.Query().Get("i"))
	fields.Set("identifier", "ann")
	fields.Set("password", goodPassword)
	other.send(http.MethodPost, s.issuer+"/login", fields).page400()
	if other.signedIn() {
		t.Error("the other browser is signed in")
	}
	p.signIn().want("allow")
}

func TestSession_ProtectionAsksAgain(t *testing.T) { // FL-13
	t.Parallel()
	for _, protection := range []session.Protection{session.ProtectionReauth, session.ProtectionRevoke} {
		s := newSite(t, func(o *options) { o.protection = protection })
		b := s.browser()
		b.get(s.az()).signIn().submit("allow").wantCode()
		b.get(s.az()).wantCode()
		b.agent = "Mozilla/5.0 another"
		b.get(s.az()).want("submit-login")
		live, err := s.store.SessionsOf(t.Context(), s.ann.ID, s.ann.CreatedAt)
		must(t, err)
		if got, want := len(live), map[session.Protection]int{session.ProtectionReauth: 1, session.ProtectionRevoke: 0}[protection]; got != want {
			t.Errorf("%s: %d sessions are left, want %d", protection, got, want)
		}
	}
}

func TestSignIn_UserDisabledMeanwhileIsOut(t *testing.T) { // FL-2
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az()).signIn().submit("allow").wantCode()
	must(t, s.accounts.Disable(t.Context(), s.ann.ID))
	b.get(s.az("prompt", "none")).wantError("login_required")
	b.get(s.issuer + "/").want("sign-in-link")
}

func TestSignIn_SpeaksTheLanguagesOfTheReader(t *testing.T) { // FL-17
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ wish, accept, want string }{
		{"fi de", "", "de"}, {"xx-not-a-tag-at-all fi", "fr", "fr"}, {"", "es;q=0.9", "es"}, {"", "", "en"},
	} {
		b := s.browser()
		b.header.Set("Accept-Language", c.accept)
		p := b.get(s.az("ui_locales", c.wish)).want("submit-login")
		for _, n := range walk.Elements(p.doc, "html") {
			if got := walk.Attribute(n, "lang"); got != c.want {
				t.Errorf("ui_locales %q, Accept-Language %q: lang %q, want %q", c.wish, c.accept, got, c.want)
			}
		}
	}
}

func TestSignIn_ThrottledSaysHowLong(t *testing.T) { // FS-44
	t.Parallel()
	s := newSite(t, func(o *options) { o.failures = 2 })
	p := s.browser().get(s.issuer + "/login")
	for range 5 {
		p = p.submit("submit-login", "identifier", "ann", "password", "wrong horse battery staple")
		if p.status == http.StatusTooManyRequests {
			break
		}
	}
	p.wantStatus(http.StatusTooManyRequests).want("throttled").want("submit-login")
	if p.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestSignIn_EmptyFieldsAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.browser().get(s.issuer+"/login").submit("submit-login", "identifier", "", "password", "")
	p.want("error-summary").wantStatus(http.StatusOK)
	if n := len(s.events(audit.LoginFailed)); n != 0 {
		t.Errorf("%d events login.failed, want none", n)
	}
}

func TestSignIn_EventHasWhoAndNoSecret(t *testing.T) { // FL-18
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	values := b.get(s.az()).signIn().submit("allow").wantCode()
	list := s.events(audit.LoginOK)
	if len(list) != 1 {
		t.Fatalf("%d events login.ok, want 1", len(list))
	}
	e := list[0]
	if e.UserID != s.ann.ID || e.ClientID != "app" || e.Address != "203.0.113.7" || e.UserAgent != firefox || e.SessionID == "" || e.RequestID == "" {
		t.Errorf("the event lacks something: %+v", e)
	}
	log := s.log.String()
	for what, word := range map[string]string{"password": goodPassword, "code": values.Get("code"), "session cookie": b.cookies["__Host-idp_session"].Value} {
		if strings.Contains(log, word) {
			t.Errorf("the log holds the %s", what)
		}
	}
}

func TestSignIn_HintMayBeSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.browser().get(s.az("login_hint", "ann@example.com")).want("submit-login")
	if got := walk.Attribute(p.element("identifier"), "value"); got != "ann@example.com" {
		t.Errorf("the name field holds %q, want the hint", got)
	}
}

func TestSignIn_ClientMayAskForAPasswordEveryTime(t *testing.T) { // FL-10, FL-12
	t.Parallel()
	always := newSite(t, func(o *options) { o.client = func(c *idp.Client) { c.AlwaysReauthenticate = true } })
	b := always.browser()
	b.get(always.az()).signIn().submit("allow").wantCode()
	b.get(always.az()).want("submit-login").want("use-another-account").submit("submit-login", "password", goodPassword).wantCode()
}

// A return address that is missing is not one that is wrong: there is nothing "below" to compare, and another thing to mend.
func TestSignIn_AMissingReturnAddressIsToldFromAWrongOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	missing := s.browser().get(s.az("redirect_uri", "")).wantStatus(http.StatusBadRequest)
	wrong := s.browser().get(s.az("redirect_uri", callback+"/x")).wantStatus(http.StatusBadRequest)
	if got, want := missing.text("error-sentence"), "The return address is missing"; got != want || missing.is("redirect-uri") {
		t.Errorf("missing: got %q and an address %v, want %q and none", got, missing.is("redirect-uri"), want)
	}
	if got, want := wrong.text("error-sentence"), "The return address is not registered"; got != want || wrong.text("redirect-uri") != callback+"/x" {
		t.Errorf("wrong: got %q with %q, want %q with the address", got, wrong.text("redirect-uri"), want)
	}
}
