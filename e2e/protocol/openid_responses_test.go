package protocol

// OAuth 2.0 Multiple Response Type Encoding Practices; OpenID Connect Core §3.2 and §3.3, the implicit and the hybrid flow; RFC 6749 §4.2.

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// answered returns the authorization response as the application gets it: carried by "?", "#", or "" for a posted form. It wants state and iss right,
// each member once, and nowhere else anything.
func (p *page) answered(carrier string) url.Values {
	p.t.Helper()
	var got url.Values
	if carrier == "" {
		action, fields := p.form("submit-response")
		if action != p.asked.redirect {
			p.t.Errorf("the form posts to %s, want %s", action, p.asked.redirect)
		}
		got = fields
	} else {
		rest, ok := strings.CutPrefix(p.leave, p.asked.redirect+carrier)
		if !ok {
			p.t.Fatalf("want an answer behind %s, got %s", p.asked.redirect+carrier, p.describe())
		}
		var err error
		if got, err = url.ParseQuery(rest); err != nil || carrier == "?" && strings.Contains(rest, "#") {
			p.t.Fatalf("the answer %q: %v", rest, err)
		}
	}
	for name, values := range got {
		if len(values) != 1 {
			p.t.Errorf("the answer has %s %d times", name, len(values))
		}
	}
	if got.Has("response") {
		return got
	}
	if got.Get("state") != p.asked.state || got.Get("iss") != p.b.site.Issuer {
		p.t.Errorf("state %q and iss %q, want %q and %q", got.Get("state"), got.Get("iss"), p.asked.state, p.b.site.Issuer)
	}
	return got
}

// refused wants an error in the answer, and no members that no specification names (protocol.md §3.2).
func (p *page) refused(carrier, code string) {
	p.t.Helper()
	got := p.answered(carrier)
	for name := range got {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "iss", "session_state"}, name) {
			p.t.Errorf("the error has a member %s", name)
		}
	}
	if got.Get("error") != code || strings.ContainsAny(got.Get("error_description"), "\r\n\t\"\\") {
		p.t.Fatalf("got %v, want %s", got, code)
	}
}

// frontBrowser is a browser whose person has allowed the client everything.
func (s *site) frontBrowser(t *testing.T) *browser {
	t.Helper()
	b := s.browser(t)
	b.az(server.Front(), "scope", "openid profile email").through(s.user(t)).wantCode()
	return b
}

func halfHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestResponses_EachTypeHasItsMembers(t *testing.T) { // Multiple Response Types §3, §4, §5; OpenID Connect Core §3.2.2.5, §3.3.2.5; RFC 6749 §4.2.2
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	token := []string{"access_token", "expires_in", "scope", "token_type"}
	for words, want := range map[string][]string{
		"id_token": {"id_token"}, "id_token token": append(token, "id_token"), "token id_token": append(token, "id_token"),
		"code id_token": {"code", "id_token"}, "id_token code": {"code", "id_token"}, "code token": append(token, "code"),
		"code id_token token": append(token, "code", "id_token"), "token code id_token": append(token, "code", "id_token"),
	} {
		got := b.az(server.Front(), "response_type", words, "prompt", "none").answered("#") // silent requests are no loop
		got.Del("session_state")
		want = slices.Sorted(slices.Values(append(slices.Clone(want), "iss", "state")))
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
			t.Errorf("%s: got %v, want %v", words, names, want)
		}
		if access := got.Get("access_token"); access != "" {
			if got.Get("token_type") != "Bearer" || got.Get("scope") != "openid" {
				t.Errorf("%s: token_type %q, scope %q", words, got.Get("token_type"), got.Get("scope"))
			}
			s.userInfo(t, access).want(200)
		}
	}
	none := b.az(server.Front(), "response_type", "none").answered("?")
	none.Del("session_state")
	if len(none) != 2 {
		t.Errorf("none: got %v, want state and iss alone", none)
	}
}

func TestResponses_OneSignInServesEveryType(t *testing.T) { // the page in between keeps type and mode
	t.Parallel()
	s := shared(t)
	for words, carrier := range map[string]string{"id_token token": "#", "code id_token": "#", "none": "?"} {
		s.browser(t).az(server.Front(), "response_type", words).through(s.user(t)).answered(carrier)
	}
	s.browser(t).az(server.Front(), "response_type", "code id_token", "response_mode", "form_post").through(s.user(t)).answered("")
	s.browser(t).az(server.Front(), "response_type", "code", "response_mode", "fragment").through(s.user(t)).answered("#")
}

func TestResponses_IDTokenIsTiedToWhatComesAlong(t *testing.T) { // OpenID Connect Core §3.2.2.9, §3.2.2.10, §3.3.2.11, §3.3.3.6
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, words := range []string{"id_token", "id_token token", "code id_token", "code id_token token"} {
		p := b.az(server.Front(), "response_type", words, "scope", "openid profile email")
		got := p.answered("#")
		front := s.verify(t, got.Get("id_token"))
		for claim, text := range map[string]string{"at_hash": got.Get("access_token"), "c_hash": got.Get("code")} {
			if value, there := front.claims[claim]; there != (text != "") || there && value != halfHash(text) {
				t.Errorf("%s: %s = %v, want it of what comes along, and only then", words, claim, value)
			}
		}
		if front.claims["nonce"] != p.asked.nonce || front.claims["aud"] != "front" || front.claims["iss"] != s.Issuer {
			t.Errorf("%s: nonce %v, aud %v, iss %v", words, front.claims["nonce"], front.claims["aud"], front.claims["iss"])
		}
		// §5.4: UserInfo has the profile wherever there is a token for it.
		if _, there := front.claims["email"]; there != (words == "id_token") {
			t.Errorf("%s: email in the ID token: %v", words, there)
		}
		if code := got.Get("code"); code != "" {
			back := s.verify(t, s.exchange(t, grant{p.asked, code}).tokens().id)
			if back.claims["sub"] != front.claims["sub"] || back.claims["iss"] != front.claims["iss"] || back.claims["nonce"] != front.claims["nonce"] {
				t.Errorf("%s: the two ID tokens differ: %v and %v", words, front.claims, back.claims)
			}
		}
	}
}

func TestResponses_NonceIsNeededWhereAnIDTokenComesFromTheFront(t *testing.T) { // OpenID Connect Core §3.2.2.1, §3.3.2.11, §16.6
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, words := range []string{"id_token", "id_token token", "code id_token", "code id_token token"} {
		b.az(server.Front(), "response_type", words, "nonce", absent).refused("#", "invalid_request")
		b.az(server.Front(), "response_type", words, "scope", "email").refused("#", "invalid_request")
	}
	b.az(server.Front(), "response_type", "code token", "nonce", absent).answered("#")
	b.az(server.Front(), "response_type", "none", "nonce", absent).answered("?")
}

func TestResponses_ErrorsGoWhereTheAnswerWould(t *testing.T) { // Multiple Response Types §2.1, §5; OpenID Connect Core §3.2.2.6, §3.3.2.6; RFC 6749 §4.2.2.1
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for words, carrier := range map[string]string{"code": "?", "none": "?", "id_token": "#", "id_token token": "#", "code token": "#", "code id_token": "#"} {
		for _, mode := range []struct{ word, carrier string }{{absent, carrier}, {"fragment", "#"}, {"form_post", ""}} {
			b.az(server.Front(), "response_type", words, "response_mode", mode.word, "scope", "openid nonsense").refused(mode.carrier, "invalid_scope")
			s.browser(t).az(server.Front(), "response_type", words, "response_mode", mode.word, "prompt", "none").refused(mode.carrier, "login_required")
			b.az(server.Front(), "response_type", words, "response_mode", mode.word, "prompt", "consent").submit("deny").refused(mode.carrier, "access_denied")
			b.az(server.Front(), "response_type", words, "response_mode", mode.word, "request", "x.y.").refused(mode.carrier, "request_not_supported")
			b.az(server.Front(), "response_type", words, "response_mode", mode.word, "request_uri", "https://nowhere.example/").refused(mode.carrier, "request_uri_not_supported")
		}
		b.az(server.Front(), "response_type", words, "response_mode", "nonsense").refused(carrier, "invalid_request")
		twice := b.azURL(server.Front(), "response_type", words, "prompt", "none") + "&scope=openid"
		b.open(twice).refused(carrier, "invalid_request")
	}
	// An unknown type with a token in it is looked for where tokens are.
	b.az(server.Front(), "response_type", "token").refused("#", "unsupported_response_type")
	b.az(server.Front(), "response_type", "code nonsense").refused("?", "unsupported_response_type")
	b.az(server.Front(), "response_type", "nonsense", "response_mode", "form_post").refused("", "unsupported_response_type")
	b.az(server.Front(), "response_type", absent).refused("?", "invalid_request")
}

func TestResponses_NoTokenTravelsInAQuery(t *testing.T) { // Multiple Response Types §5, RFC 9700 §4.2.4, §4.3.2: logs, histories, referrers
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, words := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
		b.az(server.Front(), "response_type", words, "response_mode", "query").refused("#", "invalid_request")
		if got := b.az(server.Front(), "response_type", words, "response_mode", "query.jwt").answered("#"); got.Get("response") == "" {
			t.Errorf("%s by query.jwt: got %v, want a signed error in the fragment", words, got)
		}
	}
}

func TestResponses_AreOffUnlessRegistered(t *testing.T) { // RFC 6749 §4.2.2.1, RFC 9700 §2.1.2: nobody gets tokens through the browser by asking
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Trusted()).through(u).wantCode()
	for _, words := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
		b.az(server.Trusted(), "response_type", words).refused("#", "unauthorized_client")
	}
	b.az(server.Trusted(), "response_type", "none").refused("?", "unauthorized_client")
	s.token(t, basic(server.Front()), "grant_type", "implicit").wantError(400, "unsupported_grant_type")
}

func TestResponses_NoRefreshTokenFromTheFront(t *testing.T) { // RFC 6749 §4.2.2; OpenID Connect Core §11: offline_access is ignored without a code
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	got := b.az(server.Front(), "response_type", "id_token token", "scope", "openid offline_access").through(u).answered("#")
	if got.Has("refresh_token") || got.Get("scope") != "openid" {
		t.Errorf("got %v", slices.Sorted(maps.Keys(got)))
	}
	p := b.az(server.Front(), "response_type", "code token", "scope", "openid offline_access").through(u)
	hybrid := p.answered("#")
	if hybrid.Has("refresh_token") || s.exchange(t, grant{p.asked, hybrid.Get("code")}).tokens().refresh == "" {
		t.Error("the hybrid flow: want a refresh token from the token endpoint, and only there")
	}
}

func TestResponses_FrontChannelTokensDieWithTheirAuthorization(t *testing.T) { // RFC 6749 §4.1.2, RFC 7009 §2.1
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	p := b.az(server.Front(), "response_type", "code token")
	got := p.answered("#")
	first := s.exchange(t, grant{p.asked, got.Get("code")}).tokens()
	s.userInfo(t, got.Get("access_token")).want(200)
	s.exchange(t, grant{p.asked, got.Get("code")}).wantError(400, "invalid_grant")
	s.userInfo(t, got.Get("access_token")).want(401)
	s.userInfo(t, first.access).want(401)

	alone := b.az(server.Front(), "response_type", "id_token token").answered("#").Get("access_token")
	s.introspect(t, server.Front(), alone).wantActive(true)
	s.revoke(t, server.Front(), alone).want(200)
	s.introspect(t, server.Front(), alone).wantActive(false)
	s.userInfo(t, alone).want(401)
}

func TestResponses_LoopbackAsksEachTime(t *testing.T) { // RFC 8252 §8.6: a secret does not vouch for who listens at a port, where the token itself arrives
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	at := []string{"redirect_uri", "http://127.0.0.1:50123/cb"}
	b.az(server.Front(), append(at, "response_type", "code")...).wantCode()
	b.az(server.Front(), append(at, "response_type", "id_token token")...).wantConsent()
	b.az(server.Front(), append(at, "response_type", "id_token token", "prompt", "none")...).refused("#", "consent_required")
}

func TestResponses_RegisteredQueryIsKeptBeforeTheFragment(t *testing.T) { // RFC 6749 §3.1.2, RP-2
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	b.az(server.Front(), "redirect_uri", "https://front.example/cb?keep=1", "response_type", "code id_token").answered("#")
	b.az(server.Front(), "redirect_uri", "https://front.example/cb?keep=1", "response_mode", "form_post").answered("")
	b.az(server.Front(), "redirect_uri", "com.example.front:/cb", "response_mode", "form_post").refused("?", "invalid_request")
}

func TestResponses_CodeInjectionIsSeenByTheIDToken(t *testing.T) { // RFC 9700 §4.5: c_hash and nonce tell a code of another session; its verifier does too
	t.Parallel()
	s := shared(t)
	victim, attacker := s.frontBrowser(t), s.frontBrowser(t)
	mine := attacker.az(server.Front(), "response_type", "code id_token").answered("#")
	theirs := victim.az(server.Front(), "response_type", "code id_token").answered("#")
	if s.verify(t, mine.Get("id_token")).claims["c_hash"] == halfHash(theirs.Get("code")) {
		t.Error("one ID token fits two codes")
	}
	verifier := newVerifier()
	p := victim.az(server.Front(), "response_type", "code id_token", "code_challenge", challenge(verifier), "code_challenge_method", "S256")
	s.exchange(t, grant{p.asked, p.answered("#").Get("code")}).wantError(400, "invalid_grant") // without the verifier
}

func TestResponses_LeaveNoTrace(t *testing.T) { // RFC 9700 §4.2.4, §4.12: 303, no referrer, kept by no cache; for each way an answer travels
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, pairs := range [][]string{{"response_type", "code"}, {"response_type", "code token"}, {"response_type", "id_token", "nonce", absent}, {"response_mode", "jwt"}, {"response_mode", "form_post"}} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			form := b.azForm(server.Front(), pairs...)
			req := newRequest(t, method, s.endpoint(t, "authorization_endpoint"), form)
			if method == http.MethodGet {
				req = newRequest(t, method, s.endpoint(t, "authorization_endpoint")+"?"+form.Encode(), nil)
			}
			p := b.send(req)
			want := http.StatusSeeOther
			if p.is("response-form") {
				want = http.StatusOK
			}
			if p.status != want || p.header.Get("Referrer-Policy") != "no-referrer" || p.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v by %s: status %d, Referrer-Policy %q, Cache-Control %q", pairs, method, p.status, p.header.Get("Referrer-Policy"), p.header.Get("Cache-Control"))
			}
		}
	}
}

func TestResponses_ApplicationsMayRegisterForThem(t *testing.T) { // OpenID Connect Dynamic Client Registration §2: response_types and the grant types behind them
	t.Parallel()
	// Off unless the operator lets registered applications have the grant.
	shared(t).refused(t, "invalid_client_metadata", webApp().and(doc{"response_types": []string{"id_token"}}))
	s := start(
		t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "1000"),
		server.Set("IDP_CLIENT_REGISTRATION__GRANT_TYPES", "authorization_code,refresh_token,implicit"),
	)
	for words, carrier := range map[string]string{"id_token token": "#", "token id_token": "#", "code id_token": "#", "code": ""} {
		said := doc{"grant_types": nil, "response_types": []string{words}, "scope": "openid email", "authorization_signed_response_alg": "ES256"}
		pairs := []string{"response_type", words, "scope", "openid email"}
		if carrier == "" {
			said["response_modes"] = []string{"form_post"}
			pairs = append(pairs, "response_mode", "form_post")
		}
		a := s.register(t, webApp().and(said))
		if grants := list(a, "grant_types"); slices.Contains(grants, "implicit") != strings.Contains(words, "token") || slices.Contains(grants, "authorization_code") != strings.Contains(words, "code") {
			t.Errorf("%s: grant_types %v", words, grants)
		}
		if a.str("authorization_signed_response_alg") != "ES256" {
			t.Errorf("%s: the algorithm of signed answers is not told", words)
		}
		c := a.application("https://notes.example/cb")
		got := s.browser(t).az(c, pairs...).login(s.user(t)).allow().answered(carrier)
		for name, word := range map[string]string{"id_token": "id_token", "code": "code"} {
			if got.Has(name) != strings.Contains(words, word) {
				t.Errorf("%s: got %v", words, slices.Sorted(maps.Keys(got)))
			}
		}
		if carrier == "" {
			s.browser(t).az(c, "response_mode", "fragment", "prompt", "none").refused("", "invalid_request") // told as the client takes it
		}
	}
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"response_types": []string{"token"}}))
	s.refused(t, "invalid_client_metadata", webApp().and(doc{"response_types": []string{"id_token"}, "grant_types": []string{"authorization_code"}}))
}
