package protocol

// OpenID Connect Client-Initiated Backchannel Authentication Flow, Core 1.0: poll and ping.

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
	"idp/e2e/walk"
)

const grantCIBA = "urn:openid:params:grant-type:ciba"

// askPerson asks for u as the client bank.
func (s *site) askPerson(t testing.TB, u server.User, pairs ...string) *answer {
	t.Helper()
	return s.form(t, "backchannel_authentication_endpoint", basic(server.Bank()), append([]string{"scope", "openid email", "login_hint", u.Email}, pairs...)...)
}

func (s *site) pollCIBA(t testing.TB, c server.Client, id string) *answer {
	t.Helper()
	return s.token(t, basic(c), "grant_type", grantCIBA, "auth_req_id", id)
}

// requests returns the page of what waits for u, signed in, and the ids of the requests on it.
func (b *browser) requests(u server.User) (*page, []string) {
	b.t.Helper()
	p := b.open(b.site.Issuer + "/approvals")
	if p.is("submit-login") {
		p = p.login(u)
	}
	var ids []string
	for _, section := range p.all("section") {
		if id, ok := strings.CutPrefix(walk.Attribute(section, "id"), "request-"); ok {
			ids = append(ids, id)
		}
	}
	return p, ids
}

// one wants exactly one request on the page.
func (b *browser) one(u server.User) (*page, string) {
	b.t.Helper()
	p, ids := b.requests(u)
	if len(ids) != 1 {
		b.t.Fatalf("got the requests %v, want one: %s", ids, p.describe())
	}
	return p, ids[0]
}

func TestCIBA_QuestionLeadsToTokens(t *testing.T) { // CIBA §7, §8, §10.1, §11
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	a := s.askPerson(t, u, "scope", "openid email offline_access", "binding_message", "Transfer W4SC").want(http.StatusOK)
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	for name, want := range map[string]string{"expires_in": "300", "interval": "5"} {
		if got, ok := a.json[name].(json.Number); !ok || got.String() != want {
			t.Errorf("%s = %v, want the number %s", name, a.json[name], want)
		}
	}
	id := a.str("auth_req_id")
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "authorization_pending")
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "slow_down")
	b := s.browser(t)
	p, request := b.one(u)
	for part, want := range map[string]string{"message-": "Transfer W4SC", "client-": "Example Bank", "from-": "", "by-": "", "when-": ""} {
		if got := p.text(part + request); got == "" || !strings.Contains(got, want) {
			t.Errorf("#%s says %q, want %q", part+request, got, want)
		}
	}
	if done := p.submit("allow-" + request); done.text("notice") == "" || done.is("request-"+request) {
		t.Fatalf("want the page without the request, got %s", done.describe())
	}
	answer := s.pollCIBA(t, server.Bank(), id)
	got := answer.tokens()
	if claims := s.verify(t, got.id).claims; claims["email"] != u.Email || claims["aud"] != server.Bank().ID {
		t.Errorf("the ID token says %v, want it about %s", claims, u.Email)
	}
	s.userInfo(t, got.access).want(http.StatusOK)
	s.refresh(t, server.Bank(), got.refresh).tokens()
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "invalid_grant")
}

func TestCIBA_DeniedAndExpiredEndThePolling(t *testing.T) { // CIBA §11
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	b := s.browser(t)
	id := s.askPerson(t, u).want(http.StatusOK).str("auth_req_id")
	p, request := b.one(u)
	p.submit("deny-" + request)
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "access_denied")
	if late := p.submit("allow-" + request); late.text("notice") == "" {
		t.Errorf("a yes after the no: got %s", late.describe())
	}
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "access_denied")

	short := s.askPerson(t, u, "requested_expiry", "1").want(http.StatusOK)
	if got := short.json["expires_in"].(json.Number).String(); got != "1" {
		t.Errorf("expires_in = %s, want what was requested", got)
	}
	pause(t, 1100*time.Millisecond)
	s.pollCIBA(t, server.Bank(), short.str("auth_req_id")).wantError(http.StatusBadRequest, "expired_token")
	if _, ids := b.requests(u); len(ids) != 0 {
		t.Errorf("the page shows %v after its time", ids)
	}
	long := s.askPerson(t, u, "requested_expiry", "86400").want(http.StatusOK)
	if got := long.json["expires_in"].(json.Number).String(); got != "600" {
		t.Errorf("expires_in = %s, want ten minutes at most", got)
	}
}

func TestCIBA_HintsNameThePersonOrAreRefused(t *testing.T) { // CIBA §7.1, §7.2, §13
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	endpoint := func(pairs ...string) *answer {
		t.Helper()
		return s.form(t, "backchannel_authentication_endpoint", basic(server.Bank()), append([]string{"scope", "openid"}, pairs...)...)
	}
	id := s.askPerson(t, u).want(http.StatusOK).str("auth_req_id")
	b := s.browser(t)
	p, request := b.one(u)
	p.submit("allow-" + request)
	token := s.pollCIBA(t, server.Bank(), id).tokens().id
	sub, _ := s.verify(t, token).claims["sub"].(string)
	now := time.Now().Unix()
	hint := func(more members) string {
		o := members{"iss": server.Bank().ID, "aud": s.Issuer, "iat": now, "exp": now + 60, "sub_id": map[string]string{"format": "email", "email": u.Email}}
		for name, value := range more {
			o[name] = value
		}
		return signed(t, o, "ES256", "ec", "", server.SignerKey())
	}
	for name, pairs := range map[string][]string{
		"an address":   {"login_hint", strings.ToUpper(u.Email)},
		"a username":   {"login_hint", u.Username},
		"a sub":        {"login_hint", sub},
		"an ID token":  {"id_token_hint", token},
		"a hint token": {"login_hint_token", hint(nil)},
		"by its sub":   {"login_hint_token", hint(members{"sub_id": map[string]string{"format": "iss_sub", "iss": s.Issuer, "sub": sub}})},
	} {
		if a := endpoint(pairs...); a.status != http.StatusOK {
			t.Errorf("%s: %d %s, want 200", name, a.status, a.body)
		}
	}
	if _, ids := b.requests(u); len(ids) != 6 {
		t.Errorf("the person has %d requests, want six", len(ids))
	}
	for name, c := range map[string]struct {
		pairs []string
		code  string
	}{
		"none":                       {nil, "invalid_request"},
		"two":                        {[]string{"login_hint", u.Email, "id_token_hint", token}, "invalid_request"},
		"nobody's address":           {[]string{"login_hint", "nobody@example.test"}, "unknown_user_id"},
		"nonsense":                   {[]string{"login_hint", "\u202e%_'; --"}, "unknown_user_id"},
		"a megabyte":                 {[]string{"login_hint", strings.Repeat("a", 50_000)}, "unknown_user_id"},
		"no ID token":                {[]string{"id_token_hint", "nonsense"}, "invalid_request"},
		"another client's ID token":  {[]string{"id_token_hint", s.signIn(t, server.Trusted()).id}, "invalid_request"},
		"an access token":            {[]string{"id_token_hint", s.signIn(t, server.Trusted()).access}, "invalid_request"},
		"a hint token of nobody":     {[]string{"login_hint_token", hint(members{"sub_id": map[string]string{"format": "email", "email": "nobody@example.test"}})}, "unknown_user_id"},
		"a hint token too late":      {[]string{"login_hint_token", hint(members{"exp": now - 1})}, "expired_login_hint_token"},
		"a hint token for another":   {[]string{"login_hint_token", hint(members{"aud": "https://other.example"})}, "invalid_request"},
		"a hint token by another":    {[]string{"login_hint_token", hint(members{"iss": "teller"})}, "invalid_request"},
		"a hint token without whom":  {[]string{"login_hint_token", hint(members{"sub_id": 7})}, "invalid_request"},
		"a hint token with our name": {[]string{"login_hint_token", token}, "invalid_request"},
	} {
		endpoint(c.pairs...).wantError(http.StatusBadRequest, c.code)
		_ = name
	}
}

func TestCIBA_BadRequestsGetTheErrorOfTheirFault(t *testing.T) { // CIBA §7.2, §13
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	for name, c := range map[string]struct {
		pairs []string
		code  string
	}{
		"no scope":                     {[]string{"scope", absent}, "invalid_request"},
		"no openid":                    {[]string{"scope", "email"}, "invalid_scope"},
		"a scope that it cannot have":  {[]string{"scope", "openid phone"}, "invalid_scope"},
		"a long binding message":       {[]string{"binding_message", strings.Repeat("x", 101)}, "invalid_binding_message"},
		"a binding message of nothing": {[]string{"binding_message", "a\u202eb"}, "invalid_binding_message"},
		"two lines":                    {[]string{"binding_message", "a\nb"}, "invalid_binding_message"},
		"no expiry":                    {[]string{"requested_expiry", "0"}, "invalid_request"},
		"an expiry of words":           {[]string{"requested_expiry", "soon"}, "invalid_request"},
		"an expiry without end":        {[]string{"requested_expiry", strings.Repeat("9", 40)}, "invalid_request"},
		"too many acr values":          {[]string{"acr_values", strings.Repeat("a ", 400)}, "invalid_request"},
	} {
		if a := s.askPerson(t, u, c.pairs...); a.status != http.StatusBadRequest || a.str("error") != c.code {
			t.Errorf("%s: %d %s, want 400 %s", name, a.status, a.body, c.code)
		}
	}
	form := func(as auth) *answer {
		return s.form(t, "backchannel_authentication_endpoint", as, "scope", "openid", "login_hint", u.Email)
	}
	form(nobody).wantError(http.StatusUnauthorized, "invalid_client")
	form(named(server.Bank())).wantError(http.StatusUnauthorized, "invalid_client")
	form(named(server.Native())).wantError(http.StatusUnauthorized, "invalid_client")
	form(basic(server.Web())).wantError(http.StatusBadRequest, "unauthorized_client")
	if a := s.call(t, newRequest(t, http.MethodGet, s.endpoint(t, "backchannel_authentication_endpoint"), nil)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", a.status)
	}
	// Polls: the id is the client's own, and one kind of code is never taken for another.
	id := s.askPerson(t, u).want(http.StatusOK).str("auth_req_id")
	s.pollCIBA(t, server.Teller(), id).wantError(http.StatusBadRequest, "invalid_grant")
	s.pollCIBA(t, server.Bank(), "nonsense").wantError(http.StatusBadRequest, "invalid_grant")
	s.pollCIBA(t, server.Bank(), s.device(t, server.TV()).code).wantError(http.StatusBadRequest, "invalid_grant")
	s.token(t, named(server.TV()), "grant_type", grantDevice, "device_code", id).wantError(http.StatusBadRequest, "invalid_grant")
	s.token(t, basic(server.Bank()), "grant_type", grantCIBA).wantError(http.StatusBadRequest, "invalid_request")
}

// tellerRequest is a signed request of the client teller.
func (s *site) tellerRequest(t testing.TB, u server.User, more members) members {
	t.Helper()
	now := time.Now().Unix()
	o := members{
		"iss": server.Teller().ID, "aud": s.Issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": newVerifier(),
		"scope": "openid email", "login_hint": u.Email, "client_notification_token": newVerifier(), "requested_expiry": 120, "binding_message": "W4SC",
	}
	for name, value := range more {
		o[name] = value
		if value == absent {
			delete(o, name)
		}
	}
	return o
}

func (s *site) tell(t testing.TB, request string, pairs ...string) *answer {
	t.Helper()
	return s.form(t, "backchannel_authentication_endpoint", basic(server.Teller()), append([]string{"request", request}, pairs...)...)
}

func TestCIBA_SignedRequestsAreVerified(t *testing.T) { // CIBA §7.1.1
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	sign := func(o members) string { return signed(t, o, "ES256", "ec", "", server.SignerKey()) }
	good := sign(s.tellerRequest(t, u, nil))
	a := s.tell(t, good).want(http.StatusOK)
	if got := a.json["expires_in"].(json.Number).String(); got != "120" {
		t.Errorf("expires_in = %s, want that of the signed request", got)
	}
	s.tell(t, sign(s.tellerRequest(t, u, members{"aud": []string{"https://other.example", s.Issuer}, "requested_expiry": "60"}))).want(http.StatusOK)
	now := time.Now().Unix()
	for name, more := range map[string]members{
		"no iss":         {"iss": absent},
		"another iss":    {"iss": "bank"},
		"no aud":         {"aud": absent},
		"another aud":    {"aud": "https://other.example"},
		"no exp":         {"exp": absent},
		"no iat":         {"iat": absent},
		"no nbf":         {"nbf": absent},
		"no jti":         {"jti": absent},
		"expired":        {"exp": now - 1},
		"exp as text":    {"exp": "soon"},
		"too long":       {"exp": now + 3700},
		"begins later":   {"nbf": now + 300},
		"of yesterday":   {"nbf": now - 86400},
		"with a sub":     {"sub": "teller"},
		"a request in a": {"request": "x"},
	} {
		if a := s.tell(t, sign(s.tellerRequest(t, u, more))); a.status != http.StatusBadRequest || a.str("error") != "invalid_request" {
			t.Errorf("%s: %d %s, want 400 invalid_request", name, a.status, a.body)
		}
	}
	plain := s.tellerRequest(t, u, nil)
	for name, request := range map[string]string{
		"a second time":          good,
		"another algorithm":      signed(t, plain, "EdDSA", "ed", "", server.SignerEdKey()),
		"another kind of JWT":    signed(t, plain, "ES256", "ec", "dpop+jwt", server.SignerKey()),
		"nothing signed":         strings.Join(append(strings.Split(sign(plain), ".")[:2], ""), "."),
		"no JWT":                 "nonsense",
		"a member twice":         signedText(t, `{"iss":"teller","iss":"teller"}`, "ES256", "ec", "", server.SignerKey()),
		"a list":                 signedText(t, `[]`, "ES256", "ec", "", server.SignerKey()),
		"a well of brackets":     signedText(t, `{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`, "ES256", "ec", "", server.SignerKey()),
		"more than is looked at": signed(t, s.tellerRequest(t, u, members{"x": strings.Repeat("x", 30_000)}), "ES256", "ec", "", server.SignerKey()),
	} {
		if a := s.tell(t, request); a.status != http.StatusBadRequest || a.str("error") != "invalid_request" {
			t.Errorf("%s: %d %s, want 400 invalid_request", name, a.status, a.body)
		}
	}
	// What stands beside a signed request does not count, and so is refused; and the client's requests must be signed.
	s.tell(t, sign(s.tellerRequest(t, u, nil)), "login_hint", "other@example.test").wantError(http.StatusBadRequest, "invalid_request")
	s.form(t, "backchannel_authentication_endpoint", basic(server.Teller()), "scope", "openid", "login_hint", u.Email, "client_notification_token", "x").
		wantError(http.StatusBadRequest, "invalid_request")
	// In mode ping there must be something to be told with (CIBA §7.1).
	for _, token := range []any{absent, "a b", "tönchen", strings.Repeat("x", 1025)} {
		s.tell(t, sign(s.tellerRequest(t, u, members{"client_notification_token": token}))).wantError(http.StatusBadRequest, "invalid_request")
	}
}

// notified is a client's notification endpoint.
type notified struct {
	mu       sync.Mutex
	statuses []int // of the answers to come; 204 after them
	bodies   []string
	headers  []http.Header
	*httptest.Server
}

func newNotified(t *testing.T, statuses ...int) *notified {
	t.Helper()
	n := &notified{statuses: statuses}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.bodies, n.headers = append(n.bodies, string(body)), append(n.headers, r.Header.Clone())
		status := http.StatusNoContent
		if len(n.statuses) > 0 {
			status, n.statuses = n.statuses[0], n.statuses[1:]
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *notified) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.bodies)
}

// pinged starts a server whose client teller is told at n, and asks u there.
func pinged(t *testing.T, n *notified) (s *site, u server.User, id, token string) {
	t.Helper()
	seed := strings.Replace(server.SeedText(), "https://teller.example/ciba", n.URL, 1)
	s = start(t, server.Seed(seed), server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.0/8"))
	u = s.user(t)
	o := s.tellerRequest(t, u, nil)
	id = s.tell(t, signed(t, o, "ES256", "ec", "", server.SignerKey())).want(http.StatusOK).str("auth_req_id")
	return s, u, id, o["client_notification_token"].(string)
}

func TestCIBA_PingTellsTheClient(t *testing.T) { // CIBA §10.2
	t.Parallel()
	n := newNotified(t, http.StatusInternalServerError)
	s, u, id, token := pinged(t, n)
	p, request := s.browser(t).one(u)
	if n.count() != 0 {
		t.Error("the client was told before anybody answered")
	}
	p.submit("allow-" + request)
	eventually(t, 20*time.Second, "the client told again after a failure", func() bool { return n.count() >= 2 })
	for i, header := range n.headers {
		if got := header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("ping %d: Authorization %q, want the client's notification token", i, got)
		}
		if got := header.Get("Content-Type"); got != "application/json" {
			t.Errorf("ping %d: Content-Type %q", i, got)
		}
		var body map[string]string
		if err := json.Unmarshal([]byte(n.bodies[i]), &body); err != nil || body["auth_req_id"] != id || len(body) != 1 {
			t.Errorf("ping %d: %s, want the auth_req_id alone", i, n.bodies[i])
		}
	}
	s.pollCIBA(t, server.Teller(), id).tokens()
	pause(t, 3*time.Second)
	if got := n.count(); got != 2 {
		t.Errorf("the client was told %d times, want no more after it heard", got)
	}
}

func TestCIBA_PingIsNotRepeatedWhereItIsRefused(t *testing.T) { // CIBA §10.2: no redirects, no second try after 401 and 403
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusFound} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			n := newNotified(t, status)
			s, u, id, _ := pinged(t, n)
			p, request := s.browser(t).one(u)
			p.submit("deny-" + request)
			eventually(t, 20*time.Second, "the client told", func() bool { return n.count() >= 1 })
			pause(t, 5*time.Second)
			if got := n.count(); got != 1 {
				t.Errorf("the client was told %d times, want once", got)
			}
			s.pollCIBA(t, server.Teller(), id).wantError(http.StatusBadRequest, "access_denied") // a poll works all the same
		})
	}
}

func TestCIBA_OnlyThePersonWhoIsAskedAnswers(t *testing.T) {
	t.Parallel()
	s := shared(t)
	u, other := s.user(t), s.user(t)
	id := s.askPerson(t, u).want(http.StatusOK).str("auth_req_id")
	p, request := s.browser(t).one(u)
	stranger := s.browser(t)
	page, ids := stranger.requests(other)
	if len(ids) != 0 {
		t.Errorf("somebody else sees %v: %s", ids, page.describe())
	}
	theirs := s.askPerson(t, other).want(http.StatusOK).str("auth_req_id")
	page, own := stranger.one(other)
	if got := page.submit("allow-"+own, "request", request); got.is("error-code") {
		t.Errorf("an answer to somebody else's request: got %s, want the page again", got.describe())
	}
	s.pollCIBA(t, server.Bank(), id).wantError(http.StatusBadRequest, "authorization_pending")
	// A forged form, other scopes than those that were shown, and no answer at all.
	for name, pairs := range map[string][]string{"csrf": {"csrf", "wrong"}, "scopes": {"scopes", "openid"}, "account": {"account", "x"}, "action": {"action", "perhaps"}} {
		p.submit("allow-"+request, pairs...)
		if a := s.pollCIBA(t, server.Bank(), id); !slices.Contains([]string{"authorization_pending", "slow_down"}, a.str("error")) {
			t.Errorf("%s: the poll says %s, want it undecided", name, a.body)
		}
	}
	p.submit("allow-" + request)
	s.pollCIBA(t, server.Bank(), id).tokens()
	s.pollCIBA(t, server.Bank(), theirs).wantError(http.StatusBadRequest, "authorization_pending")
}

func TestCIBA_QuestionsForOnePersonAreBounded(t *testing.T) { // CIBA §15: nobody is worn down
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	for range 10 {
		s.askPerson(t, u).want(http.StatusOK)
	}
	if a := s.askPerson(t, u); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s, want 429 with Retry-After", a.status, a.body)
	}
	s.askPerson(t, s.user(t)).want(http.StatusOK)
}

func TestCIBA_ParallelPollsGiveTokensOnce(t *testing.T) {
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	id := s.askPerson(t, u).want(http.StatusOK).str("auth_req_id")
	p, request := s.browser(t).one(u)
	p.submit("allow-" + request)
	won := make([]bool, 32)
	var group sync.WaitGroup
	for n := range won {
		group.Go(func() { won[n] = s.pollCIBA(t, server.Bank(), id).status == http.StatusOK })
	}
	group.Wait()
	if n := len(slices.DeleteFunc(won, func(ok bool) bool { return !ok })); n != 1 {
		t.Errorf("%d polls at once gave tokens, want 1", n)
	}
}

func TestCIBA_DiscoverySaysWhatIsOffered(t *testing.T) { // CIBA §4
	t.Parallel()
	s := shared(t)
	meta := metadata(t, s)
	if meta["backchannel_authentication_endpoint"] != s.Issuer+"/oauth2/ciba" || !slices.Contains(stringsOf(t, meta, "grant_types_supported"), grantCIBA) {
		t.Errorf("backchannel_authentication_endpoint = %v, grant_types_supported = %v", meta["backchannel_authentication_endpoint"], meta["grant_types_supported"])
	}
	if got := stringsOf(t, meta, "backchannel_token_delivery_modes_supported"); !slices.Equal(got, []string{"poll", "ping"}) {
		t.Errorf("backchannel_token_delivery_modes_supported = %v", got)
	}
	if !slices.Contains(stringsOf(t, meta, "backchannel_authentication_request_signing_alg_values_supported"), "ES256") {
		t.Error("ES256 is not among the algorithms of signed requests")
	}
	// The address that answers for people is for development.
	if a := s.get(t, s.Issuer+"/dev/ciba?auth_req_id=x&action=allow"); a.status != http.StatusNotFound {
		t.Errorf("/dev/ciba: status %d, want 404 outside of development", a.status)
	}
}
