package protocol

// RFC 8628, OAuth 2.0 Device Authorization Grant, with the advice of RFC 10027 on what a person must be told.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// device is what a device was told.
type device struct {
	client                         server.Client
	code, userCode, page, complete string
	answer                         *answer
}

// device begins a device authorization as c.
func (s *site) device(t testing.TB, c server.Client, pairs ...string) device {
	t.Helper()
	a := s.form(t, "device_authorization_endpoint", usual(c), append([]string{"scope", "openid"}, pairs...)...).want(http.StatusOK)
	return device{c, a.str("device_code"), a.str("user_code"), a.str("verification_uri"), a.str("verification_uri_complete"), a}
}

// pollDevice asks for the tokens.
func (s *site) pollDevice(t testing.TB, d device, pairs ...string) *answer {
	t.Helper()
	return s.token(t, usual(d.client), append([]string{"grant_type", grantDevice, "device_code", d.code}, pairs...)...)
}

// enter types the code of a device and signs in as u where that is asked for.
func (b *browser) enter(d device, u server.User) *page {
	b.t.Helper()
	p := b.open(d.page).submit("submit-code", "user_code", strings.ToLower(strings.ReplaceAll(d.userCode, "-", " ")))
	if p.is("submit-login") {
		p = p.login(u)
	}
	if !p.is("allow") || !p.is("beware") {
		b.t.Fatalf("want the question whether the device may, got %s", p.describe())
	}
	return p
}

func TestDevice_CodeLeadsToTokens(t *testing.T) { // RFC 8628 §3.1 to §3.5
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV(), "scope", "openid email offline_access")
	if got := d.answer.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store (RFC 8628 §3.2)", got)
	}
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(d.userCode) {
		t.Errorf("user_code = %q, want eight letters that are no vowels, with a dash", d.userCode)
	}
	if d.page != s.Issuer+"/device" || d.complete != d.page+"?user_code="+d.userCode {
		t.Errorf("verification_uri = %q, verification_uri_complete = %q", d.page, d.complete)
	}
	for name, want := range map[string]string{"expires_in": "600", "interval": "5"} {
		if got, ok := d.answer.json[name].(json.Number); !ok || got.String() != want {
			t.Errorf("%s = %v, want the number %s", name, d.answer.json[name], want)
		}
	}
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending")
	b, u := s.browser(t), s.user(t)
	done := b.enter(d, u).submit("allow")
	if !done.is("device-connected") {
		t.Fatalf("want the page that says that the device is connected, got %s", done.describe())
	}
	a := s.pollDevice(t, d)
	got := a.tokens()
	if id := s.verify(t, got.id).claims; id["email"] != u.Email || id["aud"] != server.TV().ID || id["nonce"] != nil {
		t.Errorf("the ID token says %v, want it about %s and without nonce", id, u.Email)
	}
	if scope := a.words("scope"); !slices.Equal(scope, []string{"email", "offline_access", "openid"}) {
		t.Errorf("scope = %v", scope)
	}
	s.userInfo(t, got.access).want(http.StatusOK)
	s.refresh(t, server.TV(), got.refresh).tokens()
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "invalid_grant")
}

func TestDevice_PersonIsToldWhoAsksForWhatFromWhere(t *testing.T) { // RFC 10027, RFC 8628 §5.4
	t.Parallel()
	s := shared(t)
	req := newRequest(t, http.MethodPost, s.endpoint(t, "device_authorization_endpoint"), url.Values{"client_id": {server.TV().ID}, "scope": {"openid profile"}})
	req.Header.Set("User-Agent", "LivingRoom/3.1 <script>alert(1)</script>")
	a := s.call(t, req).want(http.StatusOK)
	d := device{server.TV(), a.str("device_code"), a.str("user_code"), a.str("verification_uri"), a.str("verification_uri_complete"), a}
	p := s.browser(t).enter(d, s.user(t))
	for id, want := range map[string]string{
		"client-name": "Living Room TV", "user-code": d.userCode, "asked-by": "LivingRoom/3.1 <script>alert(1)</script>", "scope-profile": "", "scope-openid": "",
	} {
		if got := p.text(id); !p.is(id) || !strings.Contains(got, want) {
			t.Errorf("#%s says %q, want %q", id, got, want)
		}
	}
	for _, id := range []string{"asked-from", "asked-when", "beware", "unproven"} {
		if p.text(id) == "" {
			t.Errorf("the page does not say #%s", id)
		}
	}
	if p.is("scope-email") {
		t.Error("the page names a scope that was not asked for")
	}
}

func TestDevice_CodeInTheAddressMustBeConfirmed(t *testing.T) { // RFC 8628 §3.3.1, §5.4
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	d := s.device(t, server.Kiosk())
	p := in.b.open(d.complete)
	if p.text("user-code") != d.userCode || !p.is("submit-code") || !p.is("beware") {
		t.Fatalf("want the code to be compared, and a button, got %s", p.describe())
	}
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending")
	// A trusted client's device is asked about all the same, and so is one that was allowed before.
	confirm := p.submit("submit-code")
	if !confirm.is("allow") || !confirm.is("deny") {
		t.Fatalf("want the question, got %s", confirm.describe())
	}
	confirm.submit("allow")
	s.pollDevice(t, d).tokens()
	again := s.device(t, server.Kiosk())
	if p := in.b.open(again.complete).submit("submit-code"); !p.is("allow") {
		t.Errorf("a second device of the same client: got %s, want the question again", p.describe())
	}
}

func TestDevice_DeniedEndsThePolling(t *testing.T) { // RFC 8628 §3.5
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV())
	b, u := s.browser(t), s.user(t)
	p := b.enter(d, u)
	copied := b.copy()
	if done := p.submit("deny"); !done.is("device-denied") {
		t.Errorf("want the page that says that nothing was allowed, got %s", done.describe())
	}
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "access_denied")
	// The answer stands: neither the page of before nor the code leads to another one.
	action, fields := p.form("allow")
	if late := copied.post(action, fields); late.is("device-connected") {
		t.Error("a yes after the no was taken")
	}
	if p := b.open(d.page).submit("submit-code", "user_code", d.userCode); p.is("allow") || p.text("error-summary") == "" {
		t.Errorf("the code after the answer: got %s, want it refused", p.describe())
	}
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "access_denied")
}

func TestDevice_WhoPollsTooFastIsSlowedDown(t *testing.T) { // RFC 8628 §3.5: slow_down
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV())
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending")
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "slow_down")
	pause(t, 5*time.Second)
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "slow_down") // it is ten seconds by now
}

func TestDevice_PollsInTimeAreNotSlowedDown(t *testing.T) {
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV())
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending")
	pause(t, 5*time.Second)
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending")
}

func TestDevice_BadRequestsGetTheErrorOfTheirFault(t *testing.T) { // RFC 8628 §3.1, RFC 6749 §5.2
	t.Parallel()
	s := shared(t)
	for name, c := range map[string]struct {
		as     auth
		pairs  []string
		status int
		code   string
	}{
		"nobody":                      {nobody, nil, http.StatusUnauthorized, "invalid_client"},
		"an unknown client":           {named(server.Client{ID: "nobody-knows"}), nil, http.StatusUnauthorized, "invalid_client"},
		"a wrong secret":              {basic(server.Client{ID: "kiosk", Secret: "wrong"}), nil, http.StatusUnauthorized, "invalid_client"},
		"a secret left out":           {named(server.Kiosk()), nil, http.StatusUnauthorized, "invalid_client"},
		"a client without the grant":  {basic(server.Web()), nil, http.StatusBadRequest, "unauthorized_client"},
		"a scope that it cannot have": {named(server.TV()), []string{"scope", "openid phone"}, http.StatusBadRequest, "invalid_scope"},
	} {
		if a := s.form(t, "device_authorization_endpoint", c.as, c.pairs...); a.status != c.status || a.str("error") != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, c.status, c.code)
		}
	}
	req := newRequest(t, http.MethodGet, s.endpoint(t, "device_authorization_endpoint")+"?client_id=tv", nil)
	if a := s.call(t, req); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", a.status)
	}
	twice := newRequest(t, http.MethodPost, s.endpoint(t, "device_authorization_endpoint"), url.Values{"client_id": {"tv"}, "scope": {"openid", "email"}})
	s.call(t, twice).wantError(http.StatusBadRequest, "invalid_request")
}

func TestDevice_BadPollsGetTheErrorOfTheirFault(t *testing.T) { // RFC 8628 §3.4, RFC 6749 §5.2
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV())
	s.token(t, named(server.TV()), "grant_type", grantDevice).wantError(http.StatusBadRequest, "invalid_request")
	for name, code := range map[string]string{
		"another text":       "nonsense",
		"a flipped letter":   d.code[:len(d.code)-2] + "AA",
		"a megabyte":         strings.Repeat("a", 60_000),
		"the user code":      d.userCode,
		"a zero byte inside": d.code[:20] + "%00" + d.code[21:],
	} {
		if a := s.token(t, named(server.TV()), "grant_type", grantDevice, "device_code", code); a.status != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("%s: %d %s, want 400 invalid_grant", name, a.status, a.body)
		}
	}
	// It belongs to the client that began (RFC 8628 §3.4), and how it stands is nobody else's business.
	s.token(t, basic(server.Kiosk()), "grant_type", grantDevice, "device_code", d.code).wantError(http.StatusBadRequest, "invalid_grant")
	s.token(t, nobody, "grant_type", grantDevice, "device_code", d.code).wantError(http.StatusUnauthorized, "invalid_client")
	s.token(t, basic(server.Web()), "grant_type", grantDevice, "device_code", d.code).wantError(http.StatusBadRequest, "unauthorized_client")
	// One kind of code is never taken for another.
	s.token(t, usual(server.Native()), "grant_type", "authorization_code", "code", d.code, "redirect_uri", server.Native().Redirect).wantError(http.StatusBadRequest, "invalid_grant")
	s.token(t, named(server.TV()), "grant_type", "refresh_token", "refresh_token", d.code).wantError(http.StatusBadRequest, "invalid_grant")
}

func TestDevice_WrongCodesAreRefusedAndCounted(t *testing.T) { // RFC 8628 §5.1
	t.Parallel()
	s := start(t, server.Set("IDP_THROTTLE__PER_ACCOUNT", "5"))
	d := s.device(t, server.TV())
	b := s.browser(t)
	p := b.open(d.page)
	for _, typed := range []string{"", "short", strings.Repeat("B", 200), "AEIO-UAEI", "12345678", "\x00BCDFGHJK"} {
		if got := p.submit("submit-code", "user_code", typed); !got.is("error-summary") {
			t.Errorf("%q: got %s, want the form again", typed, got.describe())
		}
	}
	// What cannot be a code was no guess.
	for n := range 5 {
		if got := p.submit("submit-code", "user_code", "BBBB-BBBB"); !got.is("error-summary") || got.is("throttled") {
			t.Fatalf("guess %d: got %s, want the form again", n, got.describe())
		}
	}
	got := p.submit("submit-code", "user_code", d.userCode)
	if got.status != http.StatusTooManyRequests || !got.is("throttled") || got.header.Get("Retry-After") == "" {
		t.Errorf("after five guesses: got %s, want 429 with Retry-After", got.describe())
	}
	// Another browser is not held up.
	s.browser(t).enter(d, s.user(t))
}

func TestDevice_OnlyThePersonWhoReadItDecides(t *testing.T) { // SEC-3, RFC 10027
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV())
	b := s.browser(t)
	p := b.open(d.page).submit("submit-code", "user_code", d.userCode)
	p.wantLogin()
	i := p.url.Query().Get("i")
	// Nobody is signed in: the answer is not taken, and the question is not shown.
	_, fields := p.form("submit-login")
	for _, action := range []string{"allow", "deny"} {
		form := url.Values{"csrf": fields["csrf"], "i": {i}, "action": {action}, "account": {""}, "scopes": {"openid"}}
		if got := b.post(s.Issuer+"/device/confirm", form); got.is("device-connected") || got.is("device-denied") {
			t.Errorf("%s by nobody was taken", action)
		}
	}
	// Somebody else's browser cannot go on with it.
	if got := s.browser(t).open(s.Issuer + "/device/confirm?i=" + i); !got.is("error-code") {
		t.Errorf("another browser: got %s, want an error page", got.describe())
	}
	confirm := p.login(s.user(t))
	// Another person signs in in another tab, while the question is open.
	b.az(server.Trusted(), "prompt", "login").submit("use-another-account").login(s.user(t)).wantCode()
	if got := confirm.submit("allow"); got.is("device-connected") {
		t.Error("what one person read was allowed by another")
	}
	// Nor does a form without the token of this browser, or with other scopes than those that were shown.
	again := b.open(s.Issuer + "/device/confirm?i=" + i)
	if got := again.submit("allow", "csrf", "wrong"); got.status != http.StatusForbidden {
		t.Errorf("a forged form: status %d, want 403", got.status)
	}
	if got := again.submit("allow", "scopes", "openid email"); got.is("device-connected") {
		t.Error("more was allowed than was shown")
	}
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "authorization_pending", "slow_down")
	if got := again.submit("allow"); !got.is("device-connected") {
		t.Errorf("the right answer: got %s", got.describe())
	}
	s.pollDevice(t, d).tokens()
}

func TestDevice_ParallelPollsGiveTokensOnce(t *testing.T) {
	t.Parallel()
	s := shared(t)
	d := s.device(t, server.TV(), "scope", "openid offline_access")
	s.browser(t).enter(d, s.user(t)).submit("allow")
	answers := make([]*answer, 32)
	var group sync.WaitGroup
	for n := range answers {
		group.Go(func() { answers[n] = s.pollDevice(t, d) })
	}
	group.Wait()
	var won []*answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			won = append(won, a)
		} else if a.str("error") != "invalid_grant" {
			t.Errorf("a loser: %d %s, want invalid_grant", a.status, a.body)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%d of %d polls at once gave tokens, want 1", len(won), len(answers))
	}
	s.refresh(t, server.TV(), won[0].tokens().refresh).tokens() // and they are good
}

func TestDevice_UserDisabledInBetweenIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	d := s.device(t, server.TV())
	u := s.user(t)
	s.browser(t).enter(d, u).submit("allow")
	s.Run(t, "user", "disable", u.Email)
	s.pollDevice(t, d).wantError(http.StatusBadRequest, "access_denied")
}

func TestDevice_DiscoverySaysWhatIsOffered(t *testing.T) { // RFC 8628 §4
	t.Parallel()
	s := shared(t)
	meta := metadata(t, s)
	if meta["device_authorization_endpoint"] != s.Issuer+"/oauth2/device" || !slices.Contains(stringsOf(t, meta, "grant_types_supported"), grantDevice) {
		t.Errorf("device_authorization_endpoint = %v, grant_types_supported = %v", meta["device_authorization_endpoint"], meta["grant_types_supported"])
	}
}

func TestDevice_SignOutStopsWhatDoesNotOutliveTheSession(t *testing.T) { // Back-Channel Logout 1.0 §2.7
	t.Parallel()
	s := shared(t)
	for scope, stays := range map[string]bool{"openid": false, "openid offline_access": true} {
		d := s.device(t, server.TV(), "scope", scope)
		b := s.browser(t)
		b.enter(d, s.user(t)).submit("allow")
		b.open(s.endpoint(t, "end_session_endpoint")).submit("confirm-logout")
		if a := s.pollDevice(t, d); stays {
			s.refresh(t, server.TV(), a.tokens().refresh).tokens()
		} else {
			a.wantError(http.StatusBadRequest, "access_denied")
		}
	}
}
