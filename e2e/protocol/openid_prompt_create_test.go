package protocol

// Initiating User Registration via OpenID Connect 1.0 (prompt=create), and the page that it leads to: account-features.md FL-4, FS-10, FS-15;
// SEC-8, SEC-18.

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// newcomer is somebody who has no account yet.
func newcomer() server.User {
	name := strings.ToLower(rand.Text()[:16])
	return server.User{Email: name + "@newcomer.example", Username: name, Password: "violet kettle marches " + name}
}

// wantRegister wants the page on which people make an account.
func (p *page) wantRegister() *page {
	p.t.Helper()
	if !p.is("submit-register") || p.status != http.StatusOK {
		p.t.Fatalf("want the page for a new account, got %s", p.describe())
	}
	return p
}

// register fills in the page.
func (p *page) register(u server.User, pairs ...string) *page {
	p.t.Helper()
	p.wantRegister()
	return p.submit("submit-register", append([]string{"email", u.Email, "password", u.Password, "password_again", u.Password}, pairs...)...)
}

// link opens the address behind a link of the page.
func (p *page) link(id string) *page {
	p.t.Helper()
	n := p.element(id)
	if n == nil {
		p.t.Fatalf("want a page with #%s, got %s", id, p.describe())
	}
	to, err := p.url.Parse(walk.Attribute(n, "href"))
	if err != nil {
		p.t.Fatalf("#%s leads to %q: %v", id, walk.Attribute(n, "href"), err)
	}
	next := p.b.open(to.String())
	next.asked = p.asked
	return next
}

func promptsOf(s *site) (words []string) {
	list, _ := s.meta["prompt_values_supported"].([]any)
	for _, one := range list {
		word, _ := one.(string)
		words = append(words, word)
	}
	return words
}

func TestPromptCreate_MakesAnAccountAndAnswersForIt(t *testing.T) { // Prompt Create §4, §4.1, §4.2; FL-4, FS-10, RP-11
	t.Parallel()
	s := shared(t)
	if got := promptsOf(s); !slices.Equal(got, []string{"none", "login", "consent", "select_account", "create"}) {
		t.Errorf("prompt_values_supported = %v, want all of them with create", got)
	}
	u, b := newcomer(), s.browser(t)
	p := b.az(server.Web(), "prompt", "create", "scope", "openid email profile").wantRegister()
	if p.url.Path != b.base().Path+"register" || p.text("client-name") == "" {
		t.Errorf("the page is at %s and names %q, want /register and the application", p.url, p.text("client-name"))
	}
	g := p.register(u, "username", u.Username).allow().wantCode()
	tk := s.exchange(t, g).tokens()
	id := s.verify(t, tk.id)
	if id.claims["preferred_username"] != u.Username || id.number("auth_time") == 0 {
		t.Errorf("the ID token says %v, want the new account's", id.claims)
	}
	if amr, _ := id.claims["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
		t.Errorf("amr = %v, want pwd", id.claims["amr"])
	}
	// Nobody has shown the address to be theirs, so no application hears of it (RP-11).
	if info := s.userInfo(t, tk.access).want(http.StatusOK); info.json["email"] != nil || info.json["sub"] != id.claims["sub"] {
		t.Errorf("UserInfo says %v, want no address and the sub of the ID token", info.json)
	}
	// The session is one like any other.
	b.az(server.Web(), "prompt", "none").wantCode()
	for _, name := range []string{u.Email, strings.ToUpper(u.Username)} {
		again := s.browser(t).az(server.Trusted()).login(server.User{Email: name, Password: u.Password}).wantCode()
		if sub := s.verify(t, s.exchange(t, again).tokens().id).claims["sub"]; sub != id.claims["sub"] {
			t.Errorf("signed in as %s: sub = %v, want %v", name, sub, id.claims["sub"])
		}
	}
}

func TestPromptCreate_WorksInEveryWayOfAsking(t *testing.T) { // Prompt Create §4.1: the same for all response types; RFC 9126, RFC 9101
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	b.open(b.pushed(server.Pushed(), "prompt", "create")).register(newcomer()).through(server.User{}).wantCode()
	for _, responseType := range []string{"id_token", "code id_token", "code token"} {
		got := s.browser(t).az(server.Front(), "response_type", responseType, "prompt", "create").register(newcomer()).allow().answered("#")
		if got.Get("error") != "" || got.Get("id_token")+got.Get("access_token") == "" {
			t.Errorf("response_type=%s: got %v, want tokens", responseType, got)
		}
	}
	p := s.browser(t).az(server.Front(), "response_mode", "form_post", "prompt", "create").register(newcomer()).allow()
	if got := p.answered(""); got.Get("code") == "" {
		t.Errorf("form_post: got %v, want a code", got)
	}
}

func TestPromptCreate_SignedInStillGetsThePage(t *testing.T) { // Prompt Create §4
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.az(server.Trusted(), "prompt", "create").wantRegister()
	if !strings.Contains(p.text("notice"), in.u.Email) {
		t.Errorf("the notice says %q, want who is signed in", p.text("notice"))
	}
	// The page alone is no answer, and another step's button neither.
	in.b.open(s.Issuer + "/oauth2/authorize/resume?i=" + p.url.Query().Get("i")).wantRegister()
	// "I have one" goes on with it: whether the answer is about a new account is the person's to say (Prompt Create §4.1).
	same := p.link("sign-in-instead").submit("continue-account").wantCode()
	if got := s.verify(t, s.exchange(t, same).tokens().id).claims["sub"]; got != s.verify(t, in.id).claims["sub"] {
		t.Errorf("sub = %v, want that of the account that was there", got)
	}
	other := in.b.az(server.Trusted(), "prompt", "create").register(newcomer()).wantCode()
	if got := s.verify(t, s.exchange(t, other).tokens().id).claims["sub"]; got == s.verify(t, in.id).claims["sub"] {
		t.Error("the answer is about the account from before, want the new one")
	}
}

func TestPromptCreate_ExcludesNoneAndAHint(t *testing.T) { // Prompt Create §4: conditions that exclude each other are errors
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for name, pairs := range map[string][]string{
		"none":          {"prompt", "create none"},
		"id_token_hint": {"prompt", "create", "id_token_hint", in.id},
	} {
		in.b.copy().az(server.Trusted(), pairs...).wantErr("invalid_request")
		s.browser(t).push(server.Pushed(), append(pairs, "scope", "openid")...).wantError(http.StatusBadRequest, "invalid_request")
		t.Log(name)
	}
	for _, prompt := range []string{"create login", "select_account create", "create create"} {
		s.browser(t).az(server.Trusted(), "prompt", prompt).register(newcomer()).wantCode()
	}
	s.browser(t).az(server.Trusted(), "prompt", "create", "max_age", "0").register(newcomer()).wantCode()
	s.browser(t).az(server.Trusted(), "prompt", "create consent").register(newcomer()).wantConsent().allow().wantCode()
}

func TestPromptCreate_WhereNobodyMayRegister(t *testing.T) { // Prompt Create §4.1, §4.2; FS-10
	t.Parallel()
	s := start(t)
	if slices.Contains(promptsOf(s), "create") {
		t.Error("discovery lists create")
	}
	p := s.browser(t).az(server.Trusted(), "prompt", "create").wantErr("invalid_request")
	if got := p.left.Query().Get("error_description"); !strings.Contains(got, "create") {
		t.Errorf("error_description = %q, want the value that is at fault", got)
	}
	s.browser(t).push(server.Pushed(), "prompt", "create").wantError(http.StatusBadRequest, "invalid_request")
	b := s.browser(t)
	login := b.az(server.Trusted()).wantLogin()
	if login.is("create-account") {
		t.Error("the sign-in page has a link to nothing")
	}
	_, fields := login.form("submit-login")
	u := newcomer()
	with(fields, "email", u.Email, "password", u.Password, "password_again", u.Password)
	for _, p := range []*page{b.open(s.Issuer + "/register"), b.post(s.Issuer+"/register", fields)} {
		if p.status != http.StatusNotFound || !p.is("error-code") {
			t.Errorf("want 404, got %s", p.describe())
		}
	}
	b.az(server.Trusted()).login(u).wantLogin()
}

func TestPromptCreate_LoginHintFillsTheForm(t *testing.T) { // OIDC Core §3.1.2.1
	t.Parallel()
	s := shared(t)
	for hint, field := range map[string]string{"ann@example.test": "email", "ann.lee": "username"} {
		p := s.browser(t).az(server.Trusted(), "prompt", "create", "login_hint", hint).wantRegister()
		if got := walk.Attribute(p.element(field), "value"); got != hint {
			t.Errorf("login_hint=%s: #%s has %q", hint, field, got)
		}
	}
	for _, hint := range []string{`"><script>alert(1)</script>`, strings.Repeat("a", 4000), "a b"} {
		p := s.browser(t).az(server.Trusted(), "prompt", "create", "login_hint", hint).wantRegister()
		if walk.Attribute(p.element("email"), "value")+walk.Attribute(p.element("username"), "value") != "" {
			t.Errorf("login_hint=%.40q is in the form", hint)
		}
	}
}

func TestRegister_SignInPageLeadsToAnAccount(t *testing.T) { // FL-4
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	s.browser(t).az(server.Web()).wantLogin().link("create-account").register(newcomer()).allow().wantCode()
	s.browser(t).az(server.Web()).wantLogin().link("create-account").link("sign-in-instead").login(u).allow().wantCode()
	s.browser(t).az(server.Web()).wantLogin().link("create-account").submit("cancel-register").wantErr("access_denied")
	if p := s.browser(t).open(s.Issuer + "/register").register(newcomer()); !p.is("sign-out") {
		t.Errorf("where no application waits: want home, got %s", p.describe())
	}
}

func TestRegister_TakenNamesAreToldOnTheForm(t *testing.T) { // FS-11, FS-12, FS-15
	t.Parallel()
	s := shared(t)
	owner, u := newcomer(), newcomer()
	s.browser(t).open(s.Issuer+"/register").register(owner, "username", owner.Username)
	p := s.browser(t).az(server.Trusted(), "prompt", "create")
	for name, pairs := range map[string][]string{
		"email":    {"email", " " + strings.ToUpper(owner.Email) + " "},
		"username": {"username", strings.ToUpper(owner.Username)},
	} {
		if got := p.register(u, pairs...); !got.is(name+"-error") || !got.is("sign-in-instead") {
			t.Errorf("a taken %s: want the form with what to do, got %s", name, got.describe())
		}
	}
	// Nothing of the owner's changed, and the free name is still to be had.
	s.browser(t).az(server.Trusted()).login(owner).wantCode()
	p.register(u).wantCode()
}

func TestRegister_AForgedFormMakesNobody(t *testing.T) { // SEC-5, FS-47
	t.Parallel()
	s := shared(t)
	u, other, b := newcomer(), s.browser(t), s.browser(t)
	_, theirs := other.open(s.Issuer + "/register").form("submit-register")
	action, fields := b.open(s.Issuer + "/register").form("submit-register")
	with(fields, "email", u.Email, "password", u.Password, "password_again", u.Password)
	for name, req := range forged(t, action, fields, theirs.Get("csrf")) {
		wantForbidden(t, name, b.send(req))
		if b.cookie("idp_session") != "" {
			t.Fatalf("%s: the browser is signed in", name)
		}
	}
	s.browser(t).az(server.Trusted()).login(u).wantLogin()
	b.post(action, fields)
	b.az(server.Trusted(), "prompt", "none").wantCode()
}

func TestRegister_OddFieldsAreAnsweredWithoutAServerError(t *testing.T) { // SEC-24, FB-5
	t.Parallel()
	s := shared(t)
	for _, name := range []string{"email", "username", "password", "password_again", "i", "action"} {
		for _, value := range oddValues {
			u, b := newcomer(), s.browser(t)
			pairs := []string{"username", "<no>", name, value} // so that none of them is accepted, and none costs a hash
			if name == "username" {
				pairs = []string{"username", value, "password_again", "another"}
			}
			p := b.az(server.Trusted(), "prompt", "create").register(u, pairs...)
			if p.status >= 500 || b.cookie("idp_session") != "" {
				t.Errorf("%s=%.40q: %s", name, value, p.describe())
			}
		}
		b := s.browser(t)
		action, fields := b.az(server.Trusted(), "prompt", "create").wantRegister().form("submit-register")
		fields[name] = []string{"a", "b", "c"}
		if p := b.post(action, fields); p.status >= 500 || b.cookie("idp_session") != "" {
			t.Errorf("%s three times: %s", name, p.describe())
		}
	}
}

// race lets many browsers at once ask for the account u, and returns how many of them are signed in afterwards.
func race(t *testing.T, sites []*site, u server.User, spell func(n int) string) (won int) {
	t.Helper()
	const many = 24
	pages := make([]*page, many)
	for n := range pages {
		pages[n] = sites[n%len(sites)].browser(t).open(sites[0].Issuer + "/register").wantRegister()
	}
	in := make([]bool, many)
	var group sync.WaitGroup
	for n, p := range pages {
		group.Go(func() {
			action, fields := p.form("submit-register")
			with(fields, "email", spell(n), "password", u.Password, "password_again", u.Password)
			// A wait in the hashing queue may be too long on a small machine; the person sends the form again.
			for range 20 {
				got := p.b.send(newRequest(t, http.MethodPost, action, fields))
				in[n] = p.b.cookie("idp_session") != ""
				if got.status != http.StatusServiceUnavailable {
					if !in[n] && !got.is("email-error") {
						t.Errorf("a loser sees %s, want what is taken", got.describe())
					}
					return
				}
			}
		})
	}
	group.Wait()
	for _, signedIn := range in {
		if signedIn {
			won++
		}
	}
	return won
}

func TestRegister_ManyAtOnceMakeOneAccount(t *testing.T) {
	t.Parallel()
	s := shared(t)
	u := newcomer()
	spellings := []string{u.Email, strings.ToUpper(u.Email), " " + u.Email + " "}
	if won := race(t, []*site{s}, u, func(n int) string { return spellings[n%3] }); won != 1 {
		t.Errorf("%d of many browsers got the account, want one", won)
	}
	s.browser(t).az(server.Trusted()).login(u).wantCode()
}

func TestReplicas_OneNameIsOneAccount(t *testing.T) {
	t.Parallel()
	_, first, second := replicas(t, server.Set("IDP_REGISTRATION", "open"), server.Set("IDP_THROTTLE__REGISTRATIONS", "40"))
	u := newcomer()
	if won := race(t, []*site{first, second}, u, func(int) string { return u.Email }); won != 1 {
		t.Errorf("%d browsers of two replicas got the account, want one", won)
	}
	// Tries are counted for both together.
	p := first.browser(t).open(first.Issuer + "/register")
	throttled := false
	for n := range 20 {
		if p = p.register(newcomer(), "email", u.Email); p.status == http.StatusTooManyRequests {
			throttled = true
			break
		}
		p = []*site{first, second}[n%2].browser(t).open(first.Issuer + "/register")
	}
	if !throttled {
		t.Error("more than 40 tries of one address over two replicas, and none was refused")
	}
}

func TestRegister_TriesAreCounted(t *testing.T) { // FS-15, SEC-18
	t.Parallel()
	s := start(t, server.Set("IDP_REGISTRATION", "open"), server.Set("IDP_THROTTLE__REGISTRATIONS", "3"))
	known := s.user(t)
	b := s.browser(t)
	for range 3 {
		if p := b.open(s.Issuer+"/register").register(newcomer(), "email", known.Email); !p.is("email-error") {
			t.Errorf("a taken address: got %s", p.describe())
		}
	}
	// From here on known and free look alike, cookies or not.
	for name, email := range map[string]string{"taken": known.Email, "free": newcomer().Email} {
		p := s.browser(t).open(s.Issuer+"/register").register(newcomer(), "email", email)
		if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || !p.is("throttled") {
			t.Errorf("%s: want 429 with Retry-After, got %s", name, p.describe())
		}
	}
	// Signing in is not registering.
	s.browser(t).az(server.Trusted()).login(known).wantCode()

	total := start(t, server.Set("IDP_REGISTRATION", "open"), server.Set("IDP_THROTTLE__REGISTRATIONS_TOTAL", "1"))
	for range 4 { // the first three of a network count for no total but that of such tries
		if p := total.browser(t).open(total.Issuer + "/register").register(newcomer()); p.status == http.StatusTooManyRequests {
			t.Fatalf("within the total: got %s", p.describe())
		}
	}
	if p := total.browser(t).open(total.Issuer + "/register").register(newcomer()); p.status != http.StatusTooManyRequests {
		t.Errorf("the second try that counts for all: want 429, got %s", p.describe())
	}
}

func TestRegister_FullQueueSaysWhenToComeAgain(t *testing.T) { // FB-1
	t.Parallel()
	s := start(t, server.Set("IDP_REGISTRATION", "open"), server.Set("IDP_PASSWORD__QUEUE", "1"), server.Set("IDP_THROTTLE__REGISTRATIONS", "1000"))
	pages := make([]*page, 32)
	for n := range pages {
		pages[n] = s.browser(t).open(s.Issuer + "/register").wantRegister()
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for _, p := range pages {
		u := newcomer()
		group.Go(func() {
			got := p.submit("submit-register", "email", u.Email, "password", u.Password, "password_again", u.Password)
			if got.status == http.StatusServiceUnavailable && (got.header.Get("Retry-After") == "" || walk.Attribute(got.element("email"), "value") != u.Email) {
				t.Errorf("503: want Retry-After and the form as it was, got %s", got.describe())
			}
			mu.Lock()
			defer mu.Unlock()
			counts[got.status]++
		})
	}
	group.Wait()
	if counts[http.StatusServiceUnavailable] == 0 || counts[http.StatusOK] == 0 || len(counts) != 2 {
		t.Errorf("statuses %v, want some 200, some 503 and nothing else", counts)
	}
}

// Somebody's unconfirmed claim to an address is not the address: who is asked for by it is nobody (SEC-8).
func TestRegister_UnconfirmedAddressIsNobodyToCIBA(t *testing.T) {
	t.Parallel()
	s := shared(t)
	u := newcomer()
	s.browser(t).open(s.Issuer+"/register").register(u, "username", u.Username)
	s.askPerson(t, u).wantError(http.StatusBadRequest, "unknown_user_id")
	s.askPerson(t, u, "login_hint", u.Username).want(http.StatusOK)
}

// Applications name people by their subs: nobody may choose another's for a name, and be asked in their place (CIBA §7.1).
func TestRegister_AnothersSubIsNoUsername(t *testing.T) {
	t.Parallel()
	s := shared(t)
	sub, _ := s.verify(t, s.signIn(t, server.Trusted()).id).claims["sub"].(string)
	for _, name := range []string{sub, strings.ToUpper(sub)} {
		u := newcomer()
		p := s.browser(t).open(s.Issuer+"/register").wantRegister().submit("submit-register", "email", u.Email, "username", name, "password", u.Password, "password_again", u.Password)
		if !p.is("submit-register") || p.element("username-error") == nil {
			t.Errorf("username %s: want a fault beside it, got %s", name, p.describe())
		}
	}
}

// Nor is it any good to have a name that an application's own name for another person is in small letters, or to have had it before.
func TestCIBA_SubComesBeforeANameThatLooksLikeIt(t *testing.T) { // CIBA §7.1
	t.Parallel()
	s := shared(t)
	c := server.Pairwise()[0]
	in := s.signIn(t, c)
	sub, _ := s.verify(t, in.id).claims["sub"].(string)
	thief := newcomer()
	s.browser(t).open(s.Issuer+"/register").register(thief, "username", strings.ToLower(sub))
	s.form(t, "backchannel_authentication_endpoint", basic(c), "scope", "openid", "login_hint", sub).want(http.StatusOK)
	if p, ids := in.b.requests(in.u); len(ids) != 1 {
		t.Errorf("the person whom the sub means has %d requests, want one: %s", len(ids), p.describe())
	}
}
