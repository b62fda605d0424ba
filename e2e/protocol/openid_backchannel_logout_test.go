package protocol

// OpenID Connect Back-Channel Logout 1.0; protocol.md §3.6; account-features.md FL-14, FS-46.

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// soon is how long an application waits for news that nobody stays for (FS-46).
const soon = 5 * time.Second

// receipt is one line of `idp session logouts`.
type receipt struct {
	ClientID string `json:"client_id"`
	Session  string `json:"session_id"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
	Status   int    `json:"status"`
	Fault    string `json:"fault"`
}

func (app *receiver) receipts(t testing.TB) []receipt {
	t.Helper()
	var list []receipt
	if err := json.Unmarshal([]byte(app.site.Run(t, "session", "logouts", "--client", app.ID, "-o", "json")), &list); err != nil {
		t.Fatalf("read the receipts: %v", err)
	}
	return list
}

func TestBackchannel_TokenComesBeforeTheBrowserGoesOn(t *testing.T) { // §2.4, §2.5, §2.6
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-token", "--backchannel-logout-uri", "AT/bc?app=1")
	in := s.signIn(t, app.Client, "nonce", "n-1")
	p := in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", app.Logout, "state", "x")
	if p.leave != app.Logout+"?state=x" {
		t.Fatalf("got %s, want the redirect with the state", p.describe())
	}
	// No waiting: it is there when the browser goes on.
	token := app.wantToken(t, 1, 0)
	post := app.heard()[0]
	if kind := post.header.Get("Content-Type"); post.method != http.MethodPost || kind != "application/x-www-form-urlencoded" || post.query != "app=1" {
		t.Errorf("got %s of %q with query %q, want a POST of a form at the registered address", post.method, kind, post.query)
	}
	if len(post.form) != 1 || len(post.form["logout_token"]) != 1 {
		t.Errorf("got the fields %v, want logout_token alone", slices.Sorted(maps.Keys(post.form)))
	}
	id := s.verify(t, in.id)
	if token.header["typ"] != "logout+jwt" || token.header["alg"] != id.header["alg"] || token.header["kid"] != id.header["kid"] {
		t.Errorf("got the header %v, want typ logout+jwt and the ID token's key, %v", token.header, id.header)
	}
	if got, want := slices.Sorted(maps.Keys(token.claims)), []string{"aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"}; !slices.Equal(got, want) {
		t.Errorf("got the claims %v, want exactly %v: no nonce among them", got, want)
	}
	for _, name := range []string{"iss", "sub", "sid", "aud"} {
		if token.claims[name] != id.claims[name] {
			t.Errorf("%s: got %v, want the ID token's %v", name, token.claims[name], id.claims[name])
		}
	}
	if text, _ := json.Marshal(token.claims["events"]); string(text) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
		t.Errorf("events: got %s, want one event with an empty object", text)
	}
	if life := token.number("exp") - token.number("iat"); life <= 0 || life > 120 {
		t.Errorf("the token lives for %d s, want two minutes at most", life)
	}
	if jti, _ := token.claims["jti"].(string); len(jti) < 16 {
		t.Errorf("jti: got %q, want something that nobody else has", jti)
	}
	in.wantOut(t)
	if list := app.receipts(t); len(list) != 1 || list[0].State != "delivered" || list[0].Status != 200 || list[0].Attempts != 1 || list[0].Session != id.claims["sid"] {
		t.Errorf("receipts: got %+v, want one, delivered", list)
	}
	if text := s.Run(t, "audit", "export", "--user", in.u.Email); !strings.Contains(text, "logout.delivered") {
		t.Errorf("the audit log does not say that the application was told:\n%s", text)
	}
}

func TestBackchannel_TokenIsSignedAsTheClientsIDTokens(t *testing.T) { // §2.6
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-es256", "--backchannel-logout-uri", "AT/bc", "--id-token-alg", "ES256")
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	if alg := app.wantToken(t, 1, 0).header["alg"]; alg != "ES256" {
		t.Errorf("got alg %v, want that of the ID token, ES256", alg)
	}
}

func TestBackchannel_TokenIsEncryptedAsTheClientsIDTokens(t *testing.T) { // §2.4, §2.6
	t.Parallel()
	s := shared(t)
	b64 := base64.RawURLEncoding.EncodeToString
	key := server.SealedKey()
	listens := s.receiver(t, "bc-listens")
	app := s.register(t, webApp().and(doc{
		"backchannel_logout_uri": listens.at + "/bc", "id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM",
		"jwks": doc{"keys": []doc{{"kty": "EC", "use": "enc", "kid": "enc", "crv": "P-256", "x": b64(key.X.FillBytes(make([]byte, 32))), "y": b64(key.Y.FillBytes(make([]byte, 32)))}}},
	})).application("https://notes.example/cb")
	b, u := s.browser(t), s.user(t)
	eventually(t, soon, "the new client is known", func() bool { return b.az(app, "scope", "openid").is("submit-login") })
	raw := s.exchange(t, b.az(app, "scope", "openid").login(u).allow().wantCode()).tokens().id
	_, hint := unseal(t, raw, "A256GCM")
	b.logout("id_token_hint", hint)
	eventually(t, soon, "the application is told", func() bool { return len(listens.heard()) == 1 })
	header, signed := unseal(t, listens.heard()[0].form.Get("logout_token"), "A256GCM")
	token, id := s.verify(t, signed), s.verify(t, hint)
	if header["cty"] != "JWT" || token.header["typ"] != "logout+jwt" || token.claims["sid"] != id.claims["sid"] || token.claims["aud"] != app.ID {
		t.Errorf("got %v around %v %v, want the signed logout token inside", header, token.header, token.claims)
	}
}

func TestBackchannel_PairwiseNamesAreTheIDTokens(t *testing.T) { // OpenID Connect Core §8.1: nothing here connects sectors
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-pairwise", "--backchannel-logout-uri", "AT/bc", "--subject-type", "pairwise")
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	token, id := app.wantToken(t, 1, 0), s.verify(t, in.id)
	if token.claims["sub"] != id.claims["sub"] || token.claims["sid"] != id.claims["sid"] {
		t.Errorf("got sub %v and sid %v, want the ID token's %v and %v", token.claims["sub"], token.claims["sid"], id.claims["sub"], id.claims["sid"])
	}
}

func TestBackchannel_EveryWayThatASessionEnds(t *testing.T) { // FL-14, FL-15, FS-46
	t.Parallel()
	s := shared(t)
	for name, end := range map[string]func(t *testing.T, in signedIn){
		"the sign-out page": func(_ *testing.T, in signedIn) { in.b.logout().submit("confirm-logout") },
		"the operator": func(t *testing.T, in signedIn) {
			s.Run(t, "session", "end", s.verify(t, in.id).claims["sid"].(string), "--yes")
		},
		"all of the user": func(t *testing.T, in signedIn) { s.Run(t, "session", "end", "--user", in.u.Email, "--yes") },
		"a disabled user": func(t *testing.T, in signedIn) { s.Run(t, "user", "disable", in.u.Email, "--yes") },
		"a deleted user":  func(t *testing.T, in signedIn) { s.Run(t, "user", "delete", in.u.Email, "--yes") },
		"a new password": func(t *testing.T, in signedIn) {
			s.Run(t, "user", "set-password", in.u.Email, "--password-file", passwordFile(t, "a quite different sentence 77"), "--yes")
		},
		"somebody else signs in": func(t *testing.T, in signedIn) {
			in.b.az(server.Trusted(), "prompt", "login").login(s.user(t)).wantCode()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := s.receiver(t, "bc-"+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""), "--backchannel-logout-uri", "AT/bc")
			in := s.signIn(t, app.Client)
			end(t, in)
			token := app.wantToken(t, 1, soon)
			if id := s.verify(t, in.id); token.claims["sub"] != id.claims["sub"] || token.claims["sid"] != id.claims["sid"] {
				t.Errorf("got sub %v and sid %v, want the ID token's %v and %v", token.claims["sub"], token.claims["sid"], id.claims["sub"], id.claims["sid"])
			}
		})
	}
}

// Nobody signs out and nobody ends the session: it reaches its last moment, and nothing can bring it back.
func TestBackchannel_SessionThatTimeEnds(t *testing.T) { // §2: "the session ends"; divergences.md says when
	t.Parallel()
	s := start(t, server.Set("IDP_SESSION__MAX", "10s"), server.Set("IDP_SESSION__IDLE", "10s"), server.Set("IDP_OUTBOUND__ALLOW", "localhost"))
	told, other := s.receiver(t, "bc-timed", "--backchannel-logout-uri", "AT/bc"), s.receiver(t, "bc-other", "--backchannel-logout-uri", "AT/bc")
	deaf := s.receiver(t, "bc-deaf")
	in := s.signIn(t, told.Client)
	in.b.tokens(in.u, other.Client)
	in.b.tokens(in.u, deaf.Client)
	// Who keeps somebody signed in hears nothing yet: the browser can bring that session back.
	kept := s.browser(t)
	kept.az(told.Client).login(s.user(t), "remember", "1").wantCode()
	pause(t, 11*time.Second)
	in.wantOut(t)
	kept.az(told.Client, "prompt", "none").wantCode()
	id := s.verify(t, in.id)
	for _, app := range []*receiver{told, other} {
		// Expired sessions are looked for once a minute.
		token := app.wantToken(t, 1, 90*time.Second)
		if token.claims["sub"] != id.claims["sub"] || token.claims["sid"] != id.claims["sid"] || token.claims["aud"] != app.ID {
			t.Errorf("%s got %v, want sub %v and sid %v", app.ID, token.claims, id.claims["sub"], id.claims["sid"])
		}
		eventually(t, soon, "the receipt is written", func() bool {
			list := app.receipts(t)
			return len(list) == 1 && list[0].State == "delivered" && list[0].Session == id.claims["sid"]
		})
	}
	pause(t, 3*time.Second) // a job would have come by
	for _, app := range []*receiver{told, other, deaf} {
		if n := len(app.heard()); app == deaf && n != 0 || app != deaf && n != 1 {
			t.Errorf("%s heard %d times", app.ID, n)
		}
	}
}

func TestBackchannel_OnlyWhoIsInTheSessionHears(t *testing.T) { // §2.3
	t.Parallel()
	s := shared(t)
	first, second, third := s.receiver(t, "bc-first", "--backchannel-logout-uri", "AT/bc"), s.receiver(t, "bc-second", "--backchannel-logout-uri", "AT/bc"),
		s.receiver(t, "bc-third", "--backchannel-logout-uri", "AT/bc")
	u := s.user(t)
	in := s.signInAs(t, u, first.Client)
	in.b.tokens(u, second.Client)
	elsewhere := s.signInAs(t, u, third.Client) // another browser
	in.b.logout("id_token_hint", in.id)
	first.wantToken(t, 1, 0)
	if got := second.wantToken(t, 1, 0).claims["aud"]; got != second.ID {
		t.Errorf("aud: got %v, want %s", got, second.ID)
	}
	pause(t, 3*time.Second) // a job would have come by
	if n := len(third.heard()); n != 0 {
		t.Errorf("the application of another session was told %d times", n)
	}
	if a, b := len(first.heard()), len(second.heard()); a != 1 || b != 1 {
		t.Errorf("told %d and %d times, want once each", a, b)
	}
	elsewhere.wantIn(t)
}

// Signing in again as the same person keeps the sid: the application knows one session, and hears of one.
func TestBackchannel_SessionSendsOneTokenAfterAStepUp(t *testing.T) { // §2.3; OpenID Connect Front-Channel Logout §3: what sid is
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-stepup", "--backchannel-logout-uri", "AT/bc")
	in := s.signIn(t, app.Client)
	again := s.exchange(t, in.b.az(app.Client, "prompt", "login").login(in.u).wantCode()).tokens()
	sid := s.verify(t, in.id).claims["sid"]
	if got := s.verify(t, again.id).claims["sid"]; got != sid {
		t.Errorf("sid after the step-up: got %v, want %v as before", got, sid)
	}
	in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", app.Logout)
	if got := app.wantToken(t, 1, 0).claims["sid"]; got != sid {
		t.Errorf("logout token: got sid %v, want %v", got, sid)
	}
	pause(t, 3*time.Second) // a job would have come by
	if n := len(app.heard()); n != 1 {
		t.Errorf("the application was told %d times, want once", n)
	}
}

func TestBackchannel_FailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-again", "--backchannel-logout-uri", "AT/bc")
	app.reply(func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	first := app.wantToken(t, 1, 0)
	if list := app.receipts(t); len(list) != 1 || list[0].State != "waiting" || list[0].Status != 500 || list[0].Fault == "" {
		t.Errorf("receipts: got %+v, want one that waits, with the status and the fault", list)
	}
	second := app.wantToken(t, 2, 30*time.Second)
	if first.claims["jti"] == second.claims["jti"] {
		t.Error("the second token has the first one's jti: an application that keeps them would refuse it")
	}
	eventually(t, soon, "the receipt says delivered", func() bool {
		list := app.receipts(t)
		return len(list) == 1 && list[0].State == "delivered" && list[0].Attempts == 2 && list[0].Fault == ""
	})
}

func TestBackchannel_HangingApplicationHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := shared(t)
	slow, fast := s.receiver(t, "bc-slow", "--backchannel-logout-uri", "AT/bc"), s.receiver(t, "bc-fast", "--backchannel-logout-uri", "AT/bc")
	slow.reply(func(int, http.ResponseWriter) { pause(t, 7*time.Second) })
	in := s.signIn(t, slow.Client)
	in.b.tokens(in.u, fast.Client)
	began := time.Now()
	p := in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", slow.Logout)
	if took := time.Since(began); took > 6*time.Second || p.leave != slow.Logout {
		t.Errorf("got %s after %s, want the redirect within a few seconds", p.describe(), took)
	}
	fast.wantToken(t, 1, 0)
	in.wantOut(t)
}

func TestBackchannel_RedirectIsNotFollowed(t *testing.T) { // RFC 9700 §4.12
	t.Parallel()
	s := shared(t)
	victim := s.receiver(t, "bc-victim", "--backchannel-logout-uri", "AT/bc")
	app := s.receiver(t, "bc-redirects", "--backchannel-logout-uri", "AT/bc")
	app.reply(func(_ int, w http.ResponseWriter) {
		w.Header().Set("Location", victim.at+"/bc")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	app.wantToken(t, 1, 0)
	if len(victim.heard()) != 0 {
		t.Error("the redirect of a 307 was followed, with the token")
	}
	if list := app.receipts(t); len(list) != 1 || list[0].Status != 307 {
		t.Errorf("receipts: got %+v, want the 307 as failed attempt", list)
	}
}

func TestBackchannel_LogoutTokenIsNoOtherToken(t *testing.T) { // SEC-17, RFC 8725 §3.11: cross-JWT confusion
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "bc-confused", "--backchannel-logout-uri", "AT/bc")
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	app.wantToken(t, 1, 0)
	raw := app.heard()[0].form.Get("logout_token")
	s.userInfo(t, raw).want(http.StatusUnauthorized)
	s.introspect(t, app.Client, raw).wantActive(false)
	again := s.signInAs(t, in.u, app.Client)
	if p := again.b.logout("id_token_hint", raw, "post_logout_redirect_uri", app.Logout); p.left != nil {
		t.Errorf("as a hint: redirected to %s, want a page", p.leave)
	}
	again.wantIn(t)
	again.b.az(app.Client, "id_token_hint", raw).wantErr("invalid_request")
}

func TestBackchannel_PrivateAddressesAreNotCalled(t *testing.T) { // SSRF: a registration may name any host
	t.Parallel()
	s := start(t, server.Set("IDP_OUTBOUND__ALLOW", ""))
	app := s.receiver(t, "bc-private", "--backchannel-logout-uri", "AT/bc")
	in := s.signIn(t, app.Client)
	in.b.logout("id_token_hint", in.id)
	in.wantOut(t)
	if list := app.receipts(t); len(app.heard()) != 0 || len(list) != 1 || list[0].State != "waiting" || list[0].Fault == "" {
		t.Errorf("got %d posts and the receipts %+v, want none, and the reason", len(app.heard()), list)
	}
}

func TestBackchannel_OneOfSeveralReplicasTells(t *testing.T) {
	t.Parallel()
	both, _, _ := replicas(t, server.Set("IDP_OUTBOUND__ALLOW", "localhost"))
	app := both.receiver(t, "bc-replicas", "--backchannel-logout-uri", "AT/bc")
	ins := make([]signedIn, 5)
	for i := range ins {
		ins[i] = both.signIn(t, app.Client)
	}
	for _, in := range ins {
		both.Run(t, "user", "disable", in.u.Email, "--yes") // both replicas' jobs find it
	}
	eventually(t, 2*soon, "all sessions are told", func() bool { return len(app.heard()) >= len(ins) })
	pause(t, 3*time.Second)
	if n := len(app.heard()); n != len(ins) {
		t.Errorf("told %d times of %d sessions, want once each", n, len(ins))
	}
}

func TestBackchannel_RefreshTokensEndWithTheSession(t *testing.T) { // §2.7
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	gone := in.b.tokens(in.u, server.Other(), "scope", "openid")
	in.b.logout("id_token_hint", in.id)
	s.refresh(t, server.Trusted(), in.refresh).tokens() // offline_access outlives it
	if gone.refresh != "" {
		s.refresh(t, server.Other(), gone.refresh).wantError(http.StatusBadRequest, "invalid_grant")
	}
	s.userInfo(t, gone.access).want(http.StatusUnauthorized)
}

func TestBackchannel_DiscoverySaysSo(t *testing.T) { // §2.1
	t.Parallel()
	s := shared(t)
	for _, member := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
		if s.meta[member] != true {
			t.Errorf("discovery: %s is %v, want true", member, s.meta[member])
		}
	}
}
