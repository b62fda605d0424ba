package protocol

// OpenID Connect Core 1.0 §3.1.2.1: prompt, max_age, id_token_hint, acr_values; account-features.md FL-7, FL-10, FL-12.

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func authTime(t *testing.T, s *site, g grant) int64 {
	t.Helper()
	return s.verify(t, s.exchange(t, g).tokens().id).number("auth_time")
}

func TestPrompt_NoneAsksNobody(t *testing.T) { // FL-7
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	p := b.get(b.azURL(server.Trusted(), "prompt", "none"))
	if p.doc != nil && len(p.body) > 0 && p.is("title") {
		t.Errorf("prompt=none shows a page: %s", p.describe())
	}
	p.follow().wantErr("login_required")
	in := s.signIn(t, server.Trusted())
	in.b.az(server.Trusted(), "prompt", "none").wantCode()
	in.b.az(server.Trusted(), "prompt", "none", "max_age", "0").wantErr("login_required")
	in.b.az(server.Trusted(), "prompt", "none", "max_age", "3600").wantCode()
	in.b.az(server.Web(), "prompt", "none").wantErr("consent_required")
}

func TestPrompt_LoginAlwaysAsks(t *testing.T) { // FL-12, protocol.md §3.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	first := s.verify(t, in.id).number("auth_time")
	if got := authTime(t, s, in.b.az(server.Trusted()).wantCode()); got != first {
		t.Errorf("auth_time of a second answer = %d, want still %d", got, first)
	}
	pause(t, 1100*time.Millisecond)
	p := in.b.az(server.Trusted(), "prompt", "login")
	if got := authTime(t, s, p.login(in.u).wantCode()); got <= first {
		t.Errorf("auth_time after prompt=login = %d, want later than %d", got, first)
	}
	// The page alone is not enough: the request is not answered by reloading it.
	p = in.b.az(server.Trusted(), "prompt", "login").wantLogin()
	in.b.open(p.url.String()).wantLogin()
	// A wrong password does not count.
	wrong := in.u
	wrong.Password = "something else entirely"
	p.login(wrong).wantLogin()
}

func TestPrompt_ConsentAndSelectAccountShowTheirPages(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web())
	in.b.az(server.Web()).wantCode()
	in.b.az(server.Web(), "prompt", "consent").wantConsent().allow().wantCode()
	if p := in.b.az(server.Trusted(), "prompt", "select_account"); p.is("continue-account") {
		p.submit("continue-account").wantCode()
	} else {
		t.Errorf("prompt=select_account with one session: want the account chooser, got %s", p.describe())
	}
	// Somebody else: the answer is theirs, and so is the session from then on.
	other := s.user(t)
	p := in.b.az(server.Trusted(), "prompt", "select_account")
	g := p.submit("use-another-account").login(other).wantCode()
	theirs := s.verify(t, s.exchange(t, g).tokens().id).claims["sub"]
	if theirs == s.verify(t, in.id).claims["sub"] {
		t.Error("after choosing another account the answer is about the first one")
	}
	in.b.az(server.Trusted(), "prompt", "login consent").login(other)
}

func TestMaxAge_IsMeasuredAndMet(t *testing.T) { // FL-12, protocol.md §3.2, fosite D12
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	first := s.verify(t, in.id).number("auth_time")
	in.b.az(server.Trusted(), "max_age", "10000").wantCode()
	pause(t, 2100*time.Millisecond)
	p := in.b.az(server.Trusted(), "max_age", "1")
	g := p.login(in.u).wantCode()
	if got := authTime(t, s, g); got <= first {
		t.Errorf("auth_time after an expired max_age = %d, want later than %d", got, first)
	}
	// max_age=0 asks each time, and the new sign-in satisfies the request that asked for it.
	in.b.az(server.Trusted(), "max_age", "0").login(in.u).wantCode()
	in.b.az(server.Trusted(), "max_age", "0").wantLogin()
	in.b.az(server.Trusted(), "prompt", "none", "max_age", "99999999999999999999").wantErr("invalid_request")
}

func TestMaxAge_OfTheClientCountsWithoutTheParameter(t *testing.T) { // RP-12, FL-10
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for _, c := range []server.Client{server.MaxAge(), server.ShortSession()} {
		in.b.az(c, "prompt", "none").wantCode()
	}
	in.b.az(server.Always(), "prompt", "none").wantErr("login_required")
	pause(t, 3*time.Second)
	for _, c := range []server.Client{server.MaxAge(), server.ShortSession()} {
		in.b.az(c, "prompt", "none").wantErr("login_required")
		in.b.az(c).wantLogin()
	}
	in.b.az(server.MaxAge(), "prompt", "none", "max_age", "100").wantCode()                      // the request's own wins (OIDC Registration §2)
	in.b.az(server.ShortSession(), "prompt", "none", "max_age", "100").wantErr("login_required") // a limit is a limit
	in.b.az(server.Trusted(), "prompt", "none").wantCode()                                       // others are not concerned (FL-10)
	for range 2 {
		in.b.az(server.Always()).login(in.u).wantCode()
	}
	if got := s.verify(t, s.exchange(t, in.b.az(server.MaxAge()).through(in.u).wantCode()).tokens().id).number("auth_time"); got == 0 {
		t.Error("no auth_time although the client has a default_max_age (OIDC Core §2)")
	}
}

func TestIDTokenHint_NamesTheUser(t *testing.T) { // OIDC Core §3.1.2.1, RFC 8725 §3.9, fosite D14
	t.Parallel()
	s := shared(t)
	mine, theirs := s.signIn(t, server.Trusted()), s.signIn(t, server.Trusted())
	mine.b.az(server.Trusted(), "prompt", "none", "id_token_hint", mine.id).wantCode()
	mine.b.az(server.Trusted(), "prompt", "none", "id_token_hint", theirs.id).wantErr("login_required")
	// With a page to ask on, the person may sign in as the one who is meant; nobody else's code goes out.
	mine.b.az(server.Trusted(), "id_token_hint", theirs.id).wantLogin()
	s.browser(t).az(server.Trusted(), "id_token_hint", mine.id).login(mine.u).wantCode()
	// RFC 8725 §3.9: one that was made for another client says nothing here, even of the same person.
	elsewhere := s.signInAs(t, mine.u, server.PKCE())
	mine.b.az(server.Trusted(), "prompt", "none", "id_token_hint", elsewhere.id).wantErr("invalid_request")
}

// forgeries returns tokens that look like raw and must not be believed (SEC-17).
func forgeries(t *testing.T, s *site, raw string) map[string]string {
	t.Helper()
	token := decode(t, raw)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(signed []byte) []byte { return signRS256(t, key, signed) }
	header := func(changes map[string]any) map[string]any {
		h := maps.Clone(token.header)
		maps.Copy(h, changes)
		return h
	}
	claims := func(changes map[string]any) map[string]any {
		c := maps.Clone(token.claims)
		maps.Copy(c, changes)
		return c
	}
	public, err := json.Marshal(s.jwks(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	embedded := map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "mine", "n": encode(key.N.Bytes()), "e": "AQAB"}
	return map[string]string{
		"alg none":               withoutSignature(t, raw),
		"signature cut off":      raw[:strings.LastIndexByte(raw, '.')+1],
		"foreign key, our kid":   forge(t, token.header, token.claims, foreign),
		"foreign key, other kid": forge(t, header(map[string]any{"kid": "mine"}), token.claims, foreign),
		"embedded jwk":           forge(t, header(map[string]any{"kid": "mine", "jwk": embedded}), token.claims, foreign),
		"jku":                    forge(t, header(map[string]any{"jku": "https://evil.example/jwks"}), token.claims, foreign),
		"HS256 with public key": forge(t, header(map[string]any{"alg": "HS256"}), token.claims, func(signed []byte) []byte {
			mac := hmac.New(sha256.New, public)
			mac.Write(signed)
			return mac.Sum(nil)
		}),
		"unknown crit":    forge(t, header(map[string]any{"crit": []string{"x"}, "x": 1}), token.claims, foreign),
		"another subject": forge(t, token.header, claims(map[string]any{"sub": "somebody"}), foreign),
		"one byte":        flip(raw),
	}
}

func TestIDTokenHint_ForgeriesAreNotBelieved(t *testing.T) { // SEC-17
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	hints := forgeries(t, s, in.id)
	hints["an access token"] = in.access
	hints["a longer signature"] = in.id + "AAAA"
	hints["8 kB"] = strings.Repeat("a", 8<<10)
	for name, hint := range hints {
		p := in.b.copy().az(server.PKCE(), "prompt", "none", "id_token_hint", hint)
		query := p.wantRedirect("error", "error_description", "error_uri", "state", "iss", "code")
		if got := query.Get("error"); got != "invalid_request" && got != "login_required" {
			t.Errorf("%s: error = %q, want invalid_request or login_required", name, got)
		}
	}
}
