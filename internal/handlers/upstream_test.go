package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"idp/e2e/walk"
	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/upstream/upstreamtest"
)

// toUpstream presses the provider's button and returns where the browser is sent.
func (p *page) toUpstream() string {
	p.b.s.t.Helper()
	return walk.Refresh(p.push("upstream-fake").want("continue-link").doc)
}

// callbackURL plays the person at the provider and returns the address that the browser comes back to.
func (s *site) callbackURL(to string) string {
	s.t.Helper()
	return s.issuer + "/login/callback/fake?" + s.op.Authorize(to).Encode()
}

// users returns how many accounts there are.
func (s *site) users() int {
	s.t.Helper()
	list, err := s.store.Users(s.t.Context(), store.Page{Limit: 500})
	must(s.t, err)
	return len(list)
}

func TestUpstream_SignsInAndGoesOn(t *testing.T) { // FD-11
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	to := b.get(s.az()).toUpstream()
	if got := b.cookies["__Host-idp_session"]; got != nil {
		t.Error("there is a session before the callback")
	}
	b.get(s.callbackURL(to)).want("allow").submit("allow").wantCode()
	if got := s.users(); got != 2 {
		t.Errorf("%d users, want Ann and the new one", got)
	}
	list := s.events(audit.LoginOK)
	if len(list) != 1 || list[0].Details["method"] != "upstream" || list[0].Details["provider_id"] != "fake" {
		t.Errorf("events login.ok: %+v, want one by the upstream", list)
	}
	other := s.browser()
	other.get(s.callbackURL(other.get(s.issuer + "/login").toUpstream())).want("sign-out")
	if got := s.users(); got != 2 {
		t.Errorf("%d users after the second sign-in, want no new one", got)
	}
}

func TestUpstream_CallbackBelongsToOneBrowserOnce(t *testing.T) { // FD-2, SEC-4
	t.Parallel()
	s := newSite(t)
	victim := s.browser()
	attackers := s.callbackURL(s.browser().get(s.az()).toUpstream())
	victim.get(attackers).page400()
	if victim.signedIn() {
		t.Error("the victim is signed in as the attacker (login CSRF)")
	}
	b := s.browser()
	address := s.callbackURL(b.get(s.az()).toUpstream())
	naked := s.browser()
	naked.get(address).page400()
	broken, _ := url.Parse(address)
	for name, change := range map[string]func(url.Values){
		"no state":     func(v url.Values) { v.Del("state") },
		"another":      func(v url.Values) { v.Set("state", "made-up") },
		"two states":   func(v url.Values) { v.Add("state", "x") },
		"a huge state": func(v url.Values) { v.Set("state", strings.Repeat("x", 10_000)) },
	} {
		q := broken.Query()
		change(q)
		p := b.get(s.issuer + "/login/callback/fake?" + q.Encode())
		if p.status != http.StatusBadRequest || !p.is("error-code") {
			t.Errorf("%s: %s, want the error page", name, p.describe())
		}
	}
	b.get(address).want("allow")
	b.get(address).page400() // a second time
	if n := len(s.events(audit.LoginOK)); n != 1 {
		t.Errorf("%d sign-ins, want 1", n)
	}
	if got := s.users(); got != 2 {
		t.Errorf("%d users, want Ann and one more", got)
	}
}

func TestUpstream_CallbackExpires(t *testing.T) { // FD-2
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		address := s.callbackURL(b.get(s.az()).toUpstream())
		time.Sleep(10*time.Minute + time.Second)
		b.get(address).page400()
		if b.signedIn() {
			t.Error("somebody is signed in after ten minutes")
		}
	})
}

func TestUpstream_OneProvidersAnswerIsNotAnothers(t *testing.T) { // RFC 9700 §4.4
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	address := s.callbackURL(b.get(s.az()).toUpstream())
	b.get(strings.Replace(address, "/callback/fake", "/callback/other", 1)).page400()
}

func TestUpstream_StartsByAFormOnly(t *testing.T) { // SEC-5
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.issuer + "/login/upstream/fake").wantStatus(http.StatusMethodNotAllowed)
	if n := len(s.op.Authorizations()); n != 0 {
		t.Errorf("%d requests at the upstream, want none", n)
	}
}

func TestUpstream_FailureKeepsTheRequestAlive(t *testing.T) { // PS-18
	t.Parallel()
	s := newSite(t)
	s.op.Script(func(c *upstreamtest.Script) {
		c.AuthorizeError, c.AuthorizeDescription = "<script>alert(1)</script>", "<b>hello</b>"
	})
	b := s.browser()
	p := b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("failure").want("retry-upstream").want("use-password").want("trace-id")
	if strings.Contains(p.body, "alert(1)") || strings.Contains(p.body, "hello") {
		t.Error("the page shows what the upstream wrote")
	}
	if b.signedIn() {
		t.Error("somebody is signed in")
	}
	b.get(p.url.Scheme + "://" + p.url.Host + walk.Attribute(p.element("use-password"), "href")).want("submit-login").signIn().submit("allow").wantCode()
}

func TestUpstream_GivingUpReachesTheApplication(t *testing.T) { // PS-18
	t.Parallel()
	s := newSite(t)
	s.op.Script(func(c *upstreamtest.Script) { c.AuthorizeError = "access_denied" })
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("failure").submit("cancel-login").wantError("access_denied")
}

func TestUpstream_BrokenAnswersMakeNobody(t *testing.T) { // FD-11
	t.Parallel()
	empty := ""
	for name, knob := range map[string]func(*upstreamtest.Script){
		"a stranger's signature": func(c *upstreamtest.Script) { c.Stranger = true },
		"no signature":           func(c *upstreamtest.Script) { c.Alg = "none" },
		"HS256":                  func(c *upstreamtest.Script) { c.Alg = "HS256" },
		"other audience":         func(c *upstreamtest.Script) { c.Claims = func(m map[string]any) { m["aud"] = "other" } },
		"other issuer":           func(c *upstreamtest.Script) { c.Claims = func(m map[string]any) { m["iss"] = "https://evil.example" } },
		"expired":                func(c *upstreamtest.Script) { c.Claims = func(m map[string]any) { m["exp"] = 1 } },
		"other nonce":            func(c *upstreamtest.Script) { c.Claims = func(m map[string]any) { m["nonce"] = "x" } },
		"no subject":             func(c *upstreamtest.Script) { c.Claims = func(m map[string]any) { delete(m, "sub") } },
		"iss left out":           func(c *upstreamtest.Script) { c.AnnounceIss, c.CallbackIss = true, &empty },
		"token endpoint away":    func(c *upstreamtest.Script) { c.TokenStatus = http.StatusServiceUnavailable },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b := s.browser()
			s.op.Script(knob)
			p := b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("failure")
			if p.status < 400 || p.status == http.StatusInternalServerError {
				t.Errorf("status %d, want 400 or 503", p.status)
			}
			if p.status == http.StatusServiceUnavailable && p.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			if b.cookies["__Host-idp_session"] != nil || s.users() != 1 {
				t.Error("there is a session, or a new user")
			}
		})
	}
}

func TestUpstream_AddressAloneOpensNothing(t *testing.T) { // SEC-7
	t.Parallel()
	for name, verified := range map[string]any{"false": false, "absent": nil, "a string": "true", "true, from one that is not trusted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.op.SignIn(upstreamtest.Person{Subject: "attacker", Email: "ann@example.com", EmailVerified: verified})
			b := s.browser()
			p := b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("submit-link")
			if b.cookies["__Host-idp_session"] != nil {
				t.Fatal("there is a session without proof")
			}
			p = p.submit("submit-link", "password", "wrong horse battery staple").want("error-summary").want("submit-link")
			if b.cookies["__Host-idp_session"] != nil {
				t.Fatal("there is a session after a wrong password")
			}
			if got, err := s.store.IdentitiesOf(t.Context(), s.ann.ID); err != nil || len(got) != 0 {
				t.Errorf("links %v, %v; want none", got, err)
			}
			p.submit("cancel-link").want("submit-login")
			if s.users() != 1 {
				t.Error("there is a new user")
			}
		})
	}
}

func TestUpstream_ProofLinks(t *testing.T) { // FD-15
	t.Parallel()
	s := newSite(t)
	s.op.SignIn(upstreamtest.Person{Subject: "ann-there", Email: "ann@example.com", EmailVerified: true})
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("submit-link").submit("submit-link", "password", goodPassword).submit("allow").wantCode()
	links, err := s.store.IdentitiesOf(t.Context(), s.ann.ID)
	if err != nil || len(links) != 1 || links[0].Subject != "ann-there" {
		t.Fatalf("links %+v, %v; want one", links, err)
	}
	other := s.browser()
	other.get(s.callbackURL(other.get(s.az()).toUpstream())).wantCode()
}

func TestUpstream_LinkIsNotMovedToSomebodyElse(t *testing.T) { // FD-15
	t.Parallel()
	s := newSite(t)
	bob, err := s.accounts.Create(t.Context(), newUser("bob@example.com"))
	must(t, err)
	s.op.SignIn(upstreamtest.Person{Subject: "g1", Email: "ann@example.com", EmailVerified: true})
	b := s.browser()
	p := b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("submit-link")
	s.op.SignIn(upstreamtest.Person{Subject: "g1", Email: "bob@example.com", EmailVerified: true})
	o := s.browser()
	o.get(s.callbackURL(o.get(s.az()).toUpstream())).submit("submit-link", "password", goodPassword).want("allow")
	p.submit("submit-link", "password", goodPassword).want("failure")
	if b.cookies["__Host-idp_session"] != nil {
		t.Error("there is a session after a refused link")
	}
	links, err := s.store.IdentitiesOf(t.Context(), bob.ID)
	if err != nil || len(links) != 1 {
		t.Errorf("Bob's links: %v, %v; want the one", links, err)
	}
}

func TestUpstream_UnconfirmedAccountIsNoTrap(t *testing.T) { // SEC-8
	t.Parallel()
	s := newSite(t, func(o *options) { o.provider = func(p *idp.Provider) { p.TrustEmail = true } })
	attacker := account.NewUser{Email: "victim@corp.example", Password: goodPassword, State: idp.UserPending}
	_, err := s.accounts.Create(t.Context(), attacker)
	must(t, err)
	s.op.SignIn(upstreamtest.Person{Subject: "victim", Email: "victim@corp.example", EmailVerified: true})
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("allow")
	p := s.browser().get(s.issuer+"/login").submit("submit-login", "identifier", "victim@corp.example", "password", goodPassword)
	p.want("error-summary")
}

func TestUpstream_DisabledIsRefusedThereToo(t *testing.T) { // SEC-3, PS-24
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).want("allow")
	u, err := s.store.UserByIdentifier(t.Context(), "ursula@corp.example")
	must(t, err)
	must(t, s.accounts.Disable(t.Context(), u.ID))
	o := s.browser()
	o.get(s.callbackURL(o.get(s.az()).toUpstream())).want("failure").wantStatus(http.StatusForbidden)
	if o.signedIn() {
		t.Error("a disabled user is signed in")
	}
}

func TestUpstream_OnlyListedParametersPass(t *testing.T) { // PS-23
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.az("hd", "evil.example", "login_hint", "ann@example.com", "ui_locales", "de", "acr_values", "x", "claims", "{}", "prompt", "login")).toUpstream()
	if n := len(s.op.Authorizations()); n != 0 {
		t.Fatalf("%d requests before the browser went there", n)
	}
	to := b.get(s.az("hd", "evil.example", "login_hint", "ann@example.com", "ui_locales", "de", "acr_values", "x")).toUpstream()
	u, err := url.Parse(to)
	must(t, err)
	q := u.Query()
	if q.Get("login_hint") != "ann@example.com" || q.Get("ui_locales") != "de" {
		t.Errorf("login_hint %q, ui_locales %q; want them passed on", q.Get("login_hint"), q.Get("ui_locales"))
	}
	for _, name := range []string{"hd", "acr_values", "claims"} {
		if q.Has(name) {
			t.Errorf("%s=%s reaches the upstream", name, q.Get(name))
		}
	}
	if q.Get("client_id") != s.op.ClientID || q.Get("redirect_uri") != s.issuer+"/login/callback/fake" || q.Get("state") == "" || q.Get("nonce") == "" || q.Get("code_challenge_method") != "S256" {
		t.Errorf("the request lacks something: %s", to)
	}
}

func TestUpstream_StepUpAsksThereAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.get(s.callbackURL(b.get(s.az()).toUpstream())).submit("allow").wantCode()
	to := b.get(s.az("prompt", "login")).toUpstream()
	u, err := url.Parse(to)
	must(t, err)
	if got := u.Query().Get("prompt"); got != "login" {
		t.Errorf("prompt = %q, want login: a session there would answer in the person's place", got)
	}
	b.get(s.callbackURL(to)).wantCode()
}

func TestUpstream_ParallelFirstSignInsMakeOneAccount(t *testing.T) { // PS-11
	t.Parallel()
	s := newSite(t)
	var addresses []string
	var browsers []*browser
	for range 8 {
		b := s.browser()
		browsers = append(browsers, b)
		addresses = append(addresses, s.callbackURL(b.get(s.az()).toUpstream()))
	}
	var wait sync.WaitGroup
	for i, b := range browsers {
		wait.Go(func() { b.send(http.MethodGet, addresses[i], nil) })
	}
	wait.Wait()
	if got := s.users(); got != 2 {
		t.Errorf("%d users, want Ann and one more", got)
	}
}
