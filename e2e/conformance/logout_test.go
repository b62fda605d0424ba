package conformance

// The plans of RP-Initiated, Back-Channel and Front-Channel Logout and of Session Management.

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/html"

	"idp/e2e/jws"
	"idp/e2e/walk"
)

func logoutPlans() []playedPlan {
	both := func(file string, modules ...string) playedPlan {
		p := playedPlan{file: file}
		for _, dynamic := range []bool{false, true} {
			p.entries = append(p.entries, entry{variant{responseType: "code", auth: "client_secret_basic", dynamic: dynamic}, modules})
		}
		return p
	}
	return []playedPlan{
		both("oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-discovery-endpoint-verification", "oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
			"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", "oidcc-rp-initiated-logout-modified-id-token-hint", "oidcc-rp-initiated-logout-bad-id-token-hint",
			"oidcc-rp-initiated-logout-no-id-token-hint", "oidcc-rp-initiated-logout-no-params", "oidcc-rp-initiated-logout-no-post-logout-redirect-uri", "oidcc-rp-initiated-logout-no-state",
			"oidcc-rp-initiated-logout-only-state"),
		both("oidcc-backchannel-logout", "oidcc-backchannel-logout-discovery-endpoint-verification", "oidcc-backchannel-rp-initiated-logout"),
		both("oidcc-frontchannel-logout", "oidcc-frontchannel-logout-discovery-endpoint-verification", "oidcc-frontchannel-rp-initiated-logout"),
		both("oidcc-session-management", "oidcc-session-management-discovery-endpoint-verification", "oidcc-session-management-rp-initiated-logout"),
	}
}

func logoutModules() []module {
	const refused, out = "REVIEW: the page that does not go back", "REVIEW: the page after signing out"
	return []module{
		{id: "oidcc-rp-initiated-logout-discovery-endpoint-verification", shows: "end_session_endpoint in discovery", play: playLogoutDiscovery()},
		{id: "oidcc-rp-initiated-logout", shows: "signing out and going back with the state", play: playLogout()},
		{id: "oidcc-rp-initiated-logout-no-state", shows: "the same without a state", play: playLogout("state", "")},
		{id: "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", shows: "no way to an address that is not registered", verdict: refused, play: playLogoutStays(refused, "post_logout_redirect_uri", suiteURL+"/test/a/other/out")},
		{id: "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", shows: "nor to one with a query of its own", verdict: refused, play: playLogoutStays(refused, "post_logout_redirect_uri", "+?foo=bar")},
		{id: "oidcc-rp-initiated-logout-modified-id-token-hint", shows: "no hint of alg none", verdict: refused, play: playLogoutStays(refused, "id_token_hint", "none")},
		{id: "oidcc-rp-initiated-logout-bad-id-token-hint", shows: "no hint that the client signed itself", verdict: refused, play: playLogoutStays(refused, "id_token_hint", "ours")},
		{id: "oidcc-rp-initiated-logout-no-id-token-hint", shows: "without a hint the person is asked, and does not go back", verdict: refused, play: playLogoutStays(refused, "id_token_hint", "")},
		{id: "oidcc-rp-initiated-logout-no-params", shows: "without any parameter the person is asked and signed out", verdict: out, play: playLogoutStays(out, "id_token_hint", "", "post_logout_redirect_uri", "", "state", "")},
		{id: "oidcc-rp-initiated-logout-no-post-logout-redirect-uri", shows: "without an address there is a page of ours", verdict: out, play: playLogoutStays(out, "post_logout_redirect_uri", "")},
		{id: "oidcc-rp-initiated-logout-only-state", shows: "with a state alone too", verdict: out, play: playLogoutStays(out, "id_token_hint", "", "post_logout_redirect_uri", "")},
		{
			id: "oidcc-backchannel-logout-discovery-endpoint-verification", shows: "back-channel logout in discovery, with sid",
			play: playLogoutDiscovery("backchannel_logout_supported", "backchannel_logout_session_supported"),
		},
		{id: "oidcc-backchannel-rp-initiated-logout", shows: "a logout token, and everything that is in it", play: playBackchannel},
		{
			id: "oidcc-frontchannel-logout-discovery-endpoint-verification", shows: "front-channel logout in discovery, with sid",
			play: playLogoutDiscovery("frontchannel_logout_supported", "frontchannel_logout_session_supported"),
		},
		{id: "oidcc-frontchannel-rp-initiated-logout", shows: "a frame with iss and sid, and going back after it", play: playFrontchannel},
		{id: "oidcc-session-management-discovery-endpoint-verification", shows: "check_session_iframe in discovery", play: playSessionDiscovery},
		{id: "oidcc-session-management-rp-initiated-logout", shows: "a session_state that is unchanged until the person signs out", play: playSession},
	}
}

// leaver is somebody who signed in and is about to sign out.
type leaver struct {
	*party
	answer *authorization
	token  idToken
	back   string // the registered address to go back to
	query  url.Values
}

// leaver signs somebody in at a client that has addresses for signing out.
func (r *run) leaver(pairs ...any) *leaver {
	r.Helper()
	l := &leaver{back: strings.Replace(r.callback(), "/callback", "/post_logout_redirect", 1)}
	if r.dynamic {
		l.back = r.own("/post_logout_redirect")
	}
	l.party = r.first(append(pairs, "post_logout_redirect_uris", []string{l.back})...)
	l.answer = l.authorize().good()
	l.token, _ = l.answer.finish()
	// A long state: it must come back as it was.
	l.query = url.Values{"id_token_hint": {l.token.raw}, "post_logout_redirect_uri": {l.back}, "state": {strings.Repeat(rand.Text(), 5)[:128]}}
	return l
}

// leave opens the end-session endpoint and goes on to the end.
func (l *leaver) leave() visit {
	l.Helper()
	return l.visit(l.op.endpoint("end_session_endpoint")+"?"+asSuite(l.query), nil)
}

// wantBack checks where the browser came to after signing out.
func (l *leaver) wantBack(at *arrival) {
	l.Helper()
	if at == nil {
		l.stop("the browser did not come back after signing out")
	}
	to := *at.url
	to.RawQuery = ""
	got := at.url.Query()
	if to.String() != l.back || !slices.Equal(got["state"], l.query["state"]) {
		l.failure("the browser came to %s, want %s with the state %q", at.url, l.back, l.query["state"])
	}
	for name := range got {
		if name != "state" {
			l.warning("%s has an unexpected %s", at.url, name)
		}
	}
}

// wantOut checks that nobody is signed in any more.
func (l *leaver) wantOut() {
	l.Helper()
	l.authorize("prompt", "none").bad("interaction_required", "login_required", "account_selection_required", "consent_required")
}

// playLogoutDiscovery wants flags in discovery, and an end_session_endpoint with https.
func playLogoutDiscovery(flags ...string) func(*run) {
	return func(r *run) {
		for _, name := range flags {
			if r.op.meta[name] != true {
				r.failure("%s = %v, want true", name, r.op.meta[name])
			}
		}
		for name, value := range r.op.meta {
			if at, ok := value.(string); ok && (strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_iframe")) && !strings.HasPrefix(at, "https://") {
				r.failure("%s = %s has no https", name, at)
			}
		}
		if r.op.endpoint("end_session_endpoint") == "" {
			r.failure("no end_session_endpoint")
		}
	}
}

func playLogout(changes ...string) func(*run) {
	return func(r *run) {
		l := r.leaver()
		l.change(changes)
		l.wantBack(l.leave().arrival)
		l.wantOut()
	}
}

// change makes the request another one: an empty value leaves a parameter out, + adds to it, and a word spoils the hint.
func (l *leaver) change(changes []string) {
	for pair := range slices.Chunk(changes, 2) {
		name, value := pair[0], pair[1]
		switch {
		case value == "":
			l.query.Del(name)
		case value == "none":
			l.query.Set(name, unsigned(l.token.claims))
		case value == "ours":
			l.query.Set(name, l.sign(jose.SigningKey{Algorithm: jose.RS256, Key: partyKey()}, l.token.claims))
		case value[0] == '+':
			l.query.Set(name, l.query.Get(name)+value[1:])
		default:
			l.query.Set(name, value)
		}
	}
}

// playLogoutStays wants a page that does not go back to the client.
func playLogoutStays(verdict string, changes ...string) func(*run) {
	what := strings.TrimPrefix(verdict, "REVIEW: ")
	return func(r *run) {
		l := r.leaver()
		l.change(changes)
		v := l.leave()
		if v.arrival != nil {
			r.failure("the browser came back to %s", v.url)
			return
		}
		if !v.page.Is("title") || v.page.Status >= 500 {
			r.failure("no page: %s", v.page.Describe())
		}
		r.look(what)
		if what == "the page after signing out" {
			l.wantOut()
		}
	}
}

// inbox is what was posted at one address of the suite.
type inbox struct {
	mu   sync.Mutex
	list []posted
}

type posted struct {
	form  url.Values
	proto uint16 // of TLS
}

func (i *inbox) take(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	p := posted{form: r.PostForm}
	if r.TLS != nil {
		p.proto = r.TLS.Version
	}
	i.list = append(i.list, p)
	w.Header().Set("Cache-Control", "no-store")
}

// about returns what was posted about a session.
func (i *inbox) about(sid string) (found []posted) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.list {
		if _, claims, err := jws.Decode(p.form.Get("logout_token")); err == nil && claims["sid"] == sid {
			found = append(found, p)
		}
	}
	return found
}

// staticInbox is that of the client that the plan names, which all runs share.
var staticInbox inbox

func playBackchannel(r *run) {
	const path = "/backchannel_logout"
	box, at := &staticInbox, "/test/a/"+suiteAlias+path
	if r.dynamic {
		box, at = new(inbox), "/test/a/"+r.alias+path
	}
	l := r.leaver("backchannel_logout_uri", r.op.suite.serve(at, box.take), "backchannel_logout_session_required", true)
	l.wantBack(l.leave().arrival)
	sid := l.token.str("sid")
	if sid == "" {
		r.failure("the ID token has no sid")
	}
	// Back-Channel Logout §2.5: told before the browser goes on; the suite waits longer.
	began := time.Now()
	var got []posted
	for got = box.about(sid); len(got) == 0 && time.Since(began) < 10*time.Second; got = box.about(sid) {
		r.pause(100 * time.Millisecond)
	}
	if len(got) != 1 {
		r.stop("%d logout tokens came, want one", len(got))
	}
	if got[0].proto < 0x0303 {
		r.warning("the logout token came without TLS 1.2")
	}
	for name := range got[0].form {
		if name != "logout_token" {
			r.failure("the request has an unexpected %s", name)
		}
	}
	raw := got[0].form.Get("logout_token")
	header, claims, err := jws.Decode(raw)
	if err != nil {
		r.stop("the logout token: %v", err)
	}
	token := idToken{raw, header, claims}
	l.checkSignature(token)
	events, _ := json.Marshal(claims["events"])
	if token.str("iss") != r.op.Issuer || claims["aud"] != l.id || token.str("jti") == "" || string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
		r.failure("the logout token says %v", claims)
	}
	if now := time.Now().Unix(); token.number("iat") > now+300 || token.number("iat") < now-300 || token.number("exp") < now-300 {
		r.failure("the logout token's times are %v and %v", claims["iat"], claims["exp"])
	}
	if claims["sub"] != l.token.claims["sub"] || claims["nonce"] != nil {
		r.failure("the logout token's sub is %v, its nonce %v", claims["sub"], claims["nonce"])
	}
	l.wantOut()
}

func playFrontchannel(r *run) {
	framed := strings.Replace(r.callback(), "/callback", "/frontchannel_logout", 1)
	if r.dynamic {
		framed = r.own("/frontchannel_logout")
	}
	l := r.leaver("frontchannel_logout_uri", framed, "frontchannel_logout_session_required", true)
	r.arrived = nil
	page := r.browser.Send(http.MethodGet, r.op.endpoint("end_session_endpoint")+"?"+asSuite(l.query), nil)
	if page.Doc == nil {
		r.stop("no page with frames: %s", page.Describe())
	}
	for n := range page.Doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "iframe" {
			r.browser.Send(http.MethodGet, walk.Attribute(n, "src"), nil)
		}
	}
	if len(r.arrived) != 1 {
		r.stop("%d frames were loaded, want one", len(r.arrived))
	}
	at := r.arrived[0].url
	query := at.Query()
	if to := *at; true {
		to.RawQuery = ""
		if to.String() != framed || len(query) != 2 || !slices.Equal(query["iss"], []string{r.op.Issuer}) || !slices.Equal(query["sid"], []string{l.token.str("sid")}) {
			r.failure("the frame is %s, want %s with iss and the sid %s", at, framed, l.token.str("sid"))
		}
	}
	r.arrived = nil
	page.Follow()
	if len(r.arrived) != 1 {
		r.stop("the page does not go on: %s", page.Describe())
	}
	l.wantBack(&r.arrived[0])
	l.wantOut()
}

func playSessionDiscovery(r *run) {
	playLogoutDiscovery()(r)
	if at := r.op.endpoint("check_session_iframe"); !strings.HasPrefix(at, "https://") {
		r.failure("check_session_iframe = %q", at)
	}
}

// playSession does what the script of the frame does: a browser of the test runs none. e2e/browser has one that does.
func playSession(r *run) {
	l := r.leaver()
	state := l.answer.params.Get("session_state")
	if state == "" || strings.Contains(state, " ") {
		r.stop("session_state = %q", state)
	}
	frame := r.browser.Open(r.op.endpoint("check_session_iframe"))
	if frame.Status != http.StatusOK || frame.Header.Get("X-Frame-Options") != "" || strings.Contains(frame.Header.Get("Content-Security-Policy"), "frame-ancestors") {
		r.failure("the frame may not be framed: %s", frame.Describe())
	}
	if !l.unchanged(state) {
		r.failure("the session is changed before anybody signed out")
	}
	l.wantBack(l.leave().arrival)
	if l.unchanged(state) {
		r.failure("the session is unchanged after signing out")
	}
}

// unchanged computes what the frame answers.
func (l *leaver) unchanged(sessionState string) bool {
	l.Helper()
	at, err := url.Parse(l.op.Issuer)
	if err != nil {
		l.stop("%v", err)
	}
	var state string
	for _, c := range l.browser.HTTP.Jar.Cookies(at) {
		if c.Name == "__Host-idp_state" {
			state = c.Value
		}
	}
	redirect, err := url.Parse(l.redirect)
	if err != nil {
		l.stop("%v", err)
	}
	hash, salt, _ := strings.Cut(sessionState, ".")
	sum := sha256.Sum256([]byte(l.id + " " + redirect.Scheme + "://" + redirect.Host + " " + state + " " + salt))
	return hash == base64.RawURLEncoding.EncodeToString(sum[:])
}
