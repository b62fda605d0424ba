package protocol

// Clauses of docs/spec that the other files pass by: RFC 6749, 6750, 7009, 7517, 7518, 7636, 7662, 8725, 9068, 9700; OpenID Connect Core and
// RP-Initiated Logout.

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// peculiar starts a server whose clients differ from the usual ones: the text of seed.yaml's clients, with the shared crowd cut to one person.
func peculiar(t *testing.T, clients string) (*site, server.User) {
	t.Helper()
	return start(t, server.Seed("clients:\n"+clients+`users:
  - username: ann
    email: ann@example.test
    email_verified: true
    password_hash: '`+server.PasswordHash+`'
`)), server.Person("ann")
}

func TestToken_RedirectURIMayBeLeftOutInBothRequests(t *testing.T) { // RFC 6749 §3.1.2.3, §4.1.3: it is asked for again only if it was sent
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	code := func() grant {
		t.Helper()
		p := b.az(server.Trusted(), "redirect_uri", absent, "scope", "profile", "nonce", absent)
		p.asked.redirect = server.Trusted().Redirect
		g := p.through(u).wantCode()
		return g
	}
	s.exchange(t, code(), "redirect_uri", absent).tokens()
	s.exchange(t, code(), "redirect_uri", server.Trusted().Redirect).tokens()
	s.exchange(t, code(), "redirect_uri", server.Other().Redirect).wantError(400, "invalid_grant")
}

func TestToken_AnswersAreKeptByNobody(t *testing.T) { // RFC 6749 §5.1: Pragma beside Cache-Control, for caches of HTTP/1.0
	t.Parallel()
	s := shared(t)
	for name, a := range map[string]*answer{
		"tokens": s.token(t, basic(server.Service()), "grant_type", "client_credentials"),
		"error":  s.token(t, basic(server.Service()), "grant_type", "nonsense"),
	} {
		if cache, pragma := a.header.Get("Cache-Control"), a.header.Get("Pragma"); cache != "no-store" || pragma != "no-cache" {
			t.Errorf("%s: Cache-Control %q, Pragma %q, want no-store and no-cache", name, cache, pragma)
		}
	}
}

func TestToken_BasicIsReadFormEncodedAndAsWritten(t *testing.T) { // RFC 6749 §2.3.1: id and secret may be form-encoded before they are joined
	t.Parallel()
	s := shared(t)
	encoded := func(text string) string {
		var b strings.Builder
		for i := range len(text) {
			fmt.Fprintf(&b, "%%%02X", text[i])
		}
		return b.String()
	}
	c := server.Service()
	both := base64.StdEncoding.EncodeToString([]byte(encoded(c.ID) + ":" + encoded(c.Secret)))
	s.token(t, func(h http.Header, _ url.Values) { h.Set("Authorization", "Basic "+both) }, "grant_type", "client_credentials").tokens()
}

// bits is the Shannon entropy of a text in bits, as the conformance suite reckons it: of a letter, times the letters.
func bits(text string) float64 {
	seen := map[rune]float64{}
	for _, r := range text {
		seen[r]++
	}
	var of float64
	n := float64(len(text))
	for _, times := range seen {
		of -= times / n * math.Log2(times/n)
	}
	return of * n
}

func TestSecrets_HaveEntropy(t *testing.T) { // protocol.md §3.1, RFC 6749 §10.10
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Opaque(), "scope", "openid offline_access")
	again := in.b.tokens(in.u, server.Opaque(), "scope", "openid offline_access")
	for name, pair := range map[string][2]string{
		"code": {in.grant.code, again.grant.code}, "access token": {in.access, again.access}, "refresh token": {in.refresh, again.refresh},
	} {
		if got := bits(pair[0]); got < 128 {
			t.Errorf("%s: %.0f bits of Shannon entropy, want at least 128", name, got)
		}
		if pair[0] == pair[1] {
			t.Errorf("two authorizations got one %s", name)
		}
	}
}

func TestPKCE_VerifierOfTheWrongFormIsRefused(t *testing.T) { // RFC 7636 §4.1: 43 to 128 of the unreserved characters, even if its hash fits
	t.Parallel()
	s := shared(t)
	for name, verifier := range map[string]string{
		"too short": strings.Repeat("a", 42), "too long": strings.Repeat("a", 129), "odd character": strings.Repeat("a", 43) + "+", "space": strings.Repeat("a", 43) + " ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := s.browser(t).az(server.Native(), "code_challenge", challenge(verifier)).login(s.user(t)).wantCode()
			s.exchange(t, g, "code_verifier", verifier).wantError(400, "invalid_grant", "invalid_request")
		})
	}
}

func TestAuthorize_AnswerIsSeeOtherAndLeavesNoTrace(t *testing.T) { // RFC 9700 §4.12, §4.2.4: never 307, and no Referer with the code in it
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for name, pairs := range map[string][]string{"code": nil, "error": {"scope", "openid unknown"}} {
			form := in.b.azForm(server.Trusted(), pairs...)
			req := newRequest(t, method, s.endpoint(t, "authorization_endpoint"), form)
			if method == http.MethodGet {
				req = newRequest(t, method, s.endpoint(t, "authorization_endpoint")+"?"+form.Encode(), nil)
			}
			p := in.b.send(req)
			if p.status != http.StatusSeeOther || p.header.Get("Referrer-Policy") != "no-referrer" || p.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: status %d, Referrer-Policy %q, Cache-Control %q, want 303, no-referrer and no-store",
					method, name, p.status, p.header.Get("Referrer-Policy"), p.header.Get("Cache-Control"))
			}
			if !strings.HasPrefix(p.header.Get("Location"), server.Trusted().Redirect+"?") {
				t.Errorf("%s, %s: Location %q, want the registered URI", method, name, p.header.Get("Location"))
			}
		}
	}
}

func TestAuthorize_WordsAreCaseSensitive(t *testing.T) { // OIDC Core §3.1.2.1: prompt is a list of case-sensitive words
	t.Parallel()
	s := shared(t)
	for _, prompt := range []string{"None", "LOGIN", "Create"} {
		s.browser(t).az(server.Trusted(), "prompt", prompt).wantErr("invalid_request")
	}
}

func TestUserInfo_ChallengesSayWhatIsWrong(t *testing.T) { // RFC 6750 §2.2, §3, §3.1
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "userinfo_endpoint")
	plain := s.signIn(t, server.Trusted(), "scope", "profile", "nonce", absent)
	for name, token := range map[string]string{"nothing": "", "garbage": "garbage", "without openid": plain.access} {
		req := newRequest(t, http.MethodGet, at, nil)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		got := s.call(t, req).header.Get("WWW-Authenticate")
		if !strings.HasPrefix(got, `Bearer realm="`+s.Issuer+`"`) {
			t.Errorf("%s: WWW-Authenticate %q, want Bearer and the realm", name, got)
		}
		if strings.Contains(got, "insufficient_scope") && !strings.Contains(got, `scope="openid"`) {
			t.Errorf("%s: WWW-Authenticate %q, want the scope that is needed", name, got)
		}
	}
	// §2.2: a token counts in a form body only.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(`{"access_token":"`+s.signIn(t, server.Trusted()).access+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	s.call(t, req).want(http.StatusUnauthorized)
}

func TestRevoke_AccessTokenAloneLeavesTheRefreshToken(t *testing.T) { // RFC 7009 §2.1: the refresh token MAY live on, and here it does
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	s.revoke(t, server.Web(), in.access).want(200)
	s.userInfo(t, in.access).want(401)
	next := s.refresh(t, server.Web(), in.refresh).tokens()
	s.userInfo(t, next.access).want(200)
}

func TestIntrospect_ResourceServerAndGatewayAreToldAndNobodyElse(t *testing.T) { // RFC 7662 §2.1, §4: whose token it is, who it is for, and nobody else
	t.Parallel()
	s, u := peculiar(t, `
  - {client_id: web, secret_file: secrets/web, trusted: true, redirect_uris: [https://rp.example/cb], grant_types: [authorization_code, refresh_token], scopes: [openid, api.read, offline_access], audience: [https://api.example]}
  - {client_id: service, secret_file: secrets/service, grant_types: [client_credentials], scopes: [api.read], audience: [https://api.example]}
  - {client_id: other, secret_file: secrets/other, grant_types: [client_credentials], scopes: [idp.introspect]}
  - {client_id: basiconly, secret_file: secrets/basiconly, grant_types: [client_credentials], scopes: [api.read]}
`)
	in := s.signInAs(t, u, server.Web(), "scope", "openid api.read offline_access")
	for c, active := range map[server.Client]bool{server.Web(): true, server.Service(): true, server.Other(): true, server.BasicOnly(): false} {
		s.introspect(t, c, in.access).wantActive(active)
	}
	// A refresh token is for its client alone: no resource server ever sees one.
	for c, active := range map[server.Client]bool{server.Web(): true, server.Service(): false, server.BasicOnly(): false} {
		s.introspect(t, c, in.refresh).wantActive(active)
	}
}

func TestClient_DisabledIsOutAtOnce(t *testing.T) { // RFC 6749 §5.2, RFC 7662 §2.2: what a client was given ends with it
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	pending := in.b.az(server.Trusted()).wantCode()
	machine := s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
	for _, id := range []string{"trusted", "service"} {
		s.Run(t, "client", "update", id, "--disabled", "--force")
	}
	eventually(t, 5*time.Second, "a disabled client refused", func() bool {
		return s.token(t, basic(server.Service()), "grant_type", "client_credentials").status == 401
	})
	in.b.az(server.Trusted()).wantPage400()
	s.exchange(t, pending).wantError(401, "invalid_client")
	s.refresh(t, server.Trusted(), in.refresh).wantError(401, "invalid_client")
	s.userInfo(t, in.access).want(401)
	s.introspect(t, server.Service(), machine.access).wantError(401, "invalid_client")
}

func TestAccessToken_RS256ForWhoNeedsIt(t *testing.T) { // RFC 9068 §2.1: RS256 is among what can be had; RFC 9068 §4: typ tells the kinds apart
	t.Parallel()
	s, u := peculiar(t, `
  - {client_id: web, secret_file: secrets/web, trusted: true, redirect_uris: [https://rp.example/cb], scopes: [openid], contract: {access_token_alg: RS256, id_token_alg: RS256}}
`)
	in := s.signInAs(t, u, server.Web())
	access, id := s.verify(t, in.access), s.verify(t, in.id)
	if access.header["alg"] != "RS256" || access.header["typ"] != "at+jwt" {
		t.Errorf("header %v, want RS256 and at+jwt", access.header)
	}
	if access.header["kid"] != id.header["kid"] {
		t.Errorf("kid %v and %v, want one key: only then does typ have to do the work", access.header["kid"], id.header["kid"])
	}
	s.userInfo(t, in.access).want(200)
	s.userInfo(t, in.id).want(401)
	in.b.az(server.Web(), "prompt", "none", "id_token_hint", in.access).wantErr("invalid_request")
	in.b.az(server.Web(), "prompt", "none", "id_token_hint", in.id).wantCode()
}

func TestJWT_HeaderHoldsNothingElse(t *testing.T) { // RFC 7515 §4.1, RFC 8725 §3.10: alg, kid and typ; no key and no address to fetch one from
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for name, raw := range map[string]string{"ID token": in.id, "access token": in.access} {
		if got := slices.Sorted(maps.Keys(s.verify(t, raw).header)); !slices.Equal(got, []string{"alg", "kid", "typ"}) {
			t.Errorf("%s: header members %v, want alg, kid and typ", name, got)
		}
	}
}

func TestJWKS_KeysAreStrongEnough(t *testing.T) { // RFC 7518 §3.3, §3.4, RFC 8725 §3.5: RSA of 2048 bits or more, the curves of the algorithms
	t.Parallel()
	for _, key := range shared(t).jwks(t) {
		text, _ := key["n"].(string)
		modulus, err := base64.RawURLEncoding.DecodeString(text)
		switch key["kty"] {
		case "RSA":
			if err != nil || len(modulus) < 256 || modulus[0] == 0 || key["e"] != "AQAB" {
				t.Errorf("RSA key of %d bytes with e %v, want 256 or more without a leading zero, and 65537", len(modulus), key["e"])
			}
		case "EC":
			if want := map[any]string{"ES384": "P-384", "ES512": "P-521"}[key["alg"]]; key["crv"] != want && (want != "" || key["crv"] != "P-256") {
				t.Errorf("crv = %v for %v", key["crv"], key["alg"])
			}
		case "OKP":
			if key["crv"] != "Ed25519" {
				t.Errorf("crv = %v for EdDSA, want Ed25519", key["crv"])
			}
		}
	}
}

func TestHints_AreTakenAfterTheirTime(t *testing.T) { // RP-Initiated Logout §4, OIDC Core §3.1.2.1, protocol.md §3.6: an expired ID token is a good hint
	t.Parallel()
	s, u := peculiar(t, `
  - {client_id: web, secret_file: secrets/web, trusted: true, redirect_uris: [https://rp.example/cb], post_logout_redirect_uris: [https://rp.example/out], scopes: [openid], contract: {id_token_ttl: 30}}
`)
	in := s.signInAs(t, u, server.Web())
	expires := time.Unix(s.verify(t, in.id).number("exp"), 0)
	pause(t, time.Until(expires)+time.Second)
	in.b.az(server.Web(), "prompt", "none", "id_token_hint", in.id).wantCode()
	if p := in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", server.Web().Logout); p.leave != server.Web().Logout {
		t.Fatalf("signing out with an expired hint: got %s, want the redirect", p.describe())
	}
	in.b.az(server.Web(), "prompt", "none").wantErr("login_required")
}

func TestLogout_UnknownParametersAreIgnored(t *testing.T) { // RP-Initiated Logout §2: ui_locales is a wish, the rest is nothing
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout, "ui_locales", "fi xx", "foo", "bar")
	if p.leave != server.Trusted().Logout {
		t.Fatalf("got %s, want the redirect", p.describe())
	}
}

func TestSubject_IsOneForAllClients(t *testing.T) { // OIDC Core §8: public subjects; §2: the same person is the same sub, everywhere
	t.Parallel()
	s := shared(t)
	one := s.signIn(t, server.Trusted(), "scope", "openid email")
	two := one.b.tokens(one.u, server.PKCE())
	a, b := s.verify(t, one.id).claims["sub"], s.verify(t, two.id).claims["sub"]
	if a != b {
		t.Errorf("sub = %v at one client and %v at another, want one", a, b)
	}
	if c := s.verify(t, s.signIn(t, server.Trusted()).id).claims["sub"]; c == a {
		t.Error("two people have one sub")
	}
}

func TestStepUp_AnotherPersonsPasswordIsTheirOwn(t *testing.T) { // SEC-13: it signs them in, and makes nobody else fresh
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	mine := s.verify(t, in.id)
	pause(t, 1100*time.Millisecond)
	other := s.user(t)

	g := in.b.az(server.Trusted(), "prompt", "login").login(other).wantCode()
	theirs := s.verify(t, s.exchange(t, g).tokens().id)
	if theirs.claims["sub"] == mine.claims["sub"] {
		t.Fatal("somebody else's password answered the step-up for the person who was signed in")
	}
	// Asked about the first one, the same browser now knows nobody.
	in.b.az(server.Trusted(), "prompt", "none", "id_token_hint", in.id).wantErr("login_required")
	in.b.az(server.Trusted(), "id_token_hint", in.id).login(other).wantLogin()
}

func TestUserInfo_IsInTheAudience(t *testing.T) { // RFC 9068 §4: what is meant for an API alone opens nothing here
	t.Parallel()
	s, ann := peculiar(t, `
  - {client_id: web, secret_file: secrets/web, trusted: true, redirect_uris: [https://rp.example/cb], grant_types: [authorization_code, client_credentials], scopes: [openid, email, api.read], audience: [https://api.example]}
`)
	signIn := func(scope string) tokens {
		t.Helper()
		return s.exchange(t, s.browser(t).az(server.Web(), "scope", scope).through(ann).wantCode()).tokens()
	}
	in := signIn("openid email")
	if got := audience(s.verify(t, in.access)); !slices.Equal(got, []string{"https://api.example", s.Issuer}) {
		t.Errorf("aud = %v, want the API and this server", got)
	}
	s.userInfo(t, in.access).want(http.StatusOK)
	in = signIn("api.read")
	if got := audience(s.verify(t, in.access)); !slices.Equal(got, []string{"https://api.example"}) {
		t.Errorf("aud without openid = %v, want the API alone", got)
	}
	s.userInfo(t, in.access).want(http.StatusUnauthorized)
}

func TestNative_IsAllowedEachTime(t *testing.T) { // RFC 8252 §8.6: any application of the machine could be the one that asks
	t.Parallel()
	s, u := peculiar(t, `
  - {client_id: native, token_endpoint_auth_methods: [none], redirect_uris: ["http://127.0.0.1/cb"], grant_types: [authorization_code], scopes: [openid, email, profile]}
`)
	b := s.browser(t)
	b.az(server.Native()).login(u).wantConsent().submit("allow").wantCode()
	refused := b.az(server.Native(), "prompt", "none").wantErr("consent_required")
	b.az(server.Native()).wantConsent().submit("allow").wantCode()
	// A page once would not help: the trace says what would, for the developer of an application in the browser whose silent renewal fails on localhost.
	id, want := refused.header.Get("X-Trace-Id"), "idp client update native --trusted"
	eventually(t, 5*time.Second, "the trace says "+want, func() bool {
		_, text, _ := s.Try(t, "trace", id)
		return strings.Contains(text, want) && strings.Contains(text, "RFC 8252 §8.6")
	})
}
