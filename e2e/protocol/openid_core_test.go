package protocol

// OpenID Connect Core 1.0: ID token, prompt and max_age, id_token_hint, claims and UserInfo.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// profileClaims is everything that the scope profile stands for (OIDC Core §5.4).
var profileClaims = []string{
	"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate",
	"zoneinfo", "locale", "updated_at",
}

func TestIDToken_MembersHaveTheirTypes(t *testing.T) { // OIDC Core §2, §3.1.3.6; RP-6; protocol.md §3.1
	t.Parallel()
	s := shared(t)
	before := time.Now().Unix()
	in := s.signIn(t, server.Trusted(), "scope", "openid")
	token := s.verify(t, in.id)
	if token.header["alg"] != "RS256" {
		t.Errorf("alg = %v, want RS256 by default", token.header["alg"])
	}
	if kid, _ := token.header["kid"].(string); kid == "" {
		t.Error("no kid in the header")
	}
	if typ, there := token.header["typ"]; there && typ != "JWT" {
		t.Errorf("typ = %v, want JWT or none", typ)
	}
	for name, want := range map[string]any{"iss": s.Issuer, "aud": "trusted", "nonce": in.grant.nonce} {
		got := token.claims[name]
		if list, ok := got.([]any); ok && name == "aud" && len(list) == 1 {
			t.Errorf("aud = %v, want one string (RP-6)", got)
			got = list[0]
		}
		if got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	sub, _ := token.claims["sub"].(string)
	if sub == "" || len(sub) > 255 || strings.Contains(sub, "@") || strings.ContainsFunc(sub, func(r rune) bool { return r > '~' }) {
		t.Errorf("sub = %q, want opaque ASCII of at most 255 characters (FL-3)", sub)
	}
	now := time.Now().Unix()
	if iat := token.number("iat"); iat < before-1 || iat > now {
		t.Errorf("iat = %d, want between %d and %d: social-core refuses a token from the future", iat, before, now)
	}
	if at := token.number("auth_time"); at < before-1 || at > now {
		t.Errorf("auth_time = %d, want between %d and %d", at, before, now)
	}
	if exp := token.number("exp"); exp <= now || exp > now+86400 {
		t.Errorf("exp = %d, want soon after %d", exp, now)
	}
	sum := sha256.Sum256([]byte(in.access))
	if got, want := token.claims["at_hash"], base64.RawURLEncoding.EncodeToString(sum[:16]); got != want {
		t.Errorf("at_hash = %v, want %v (OIDC Core §3.1.3.6)", got, want)
	}
	if !reflect.DeepEqual(token.claims["amr"], []any{"pwd"}) {
		t.Errorf("amr = %v, want [pwd]", token.claims["amr"])
	}
	if acr, there := token.claims["acr"]; there && acr == "" {
		t.Error("acr is empty")
	}
	for name := range token.claims {
		if !slices.Contains(strings.Fields("iss sub aud exp iat auth_time nonce at_hash amr acr azp sid jti nbf"), name) {
			t.Errorf("claim %s in a token for scope openid alone (fosite D15)", name)
		}
	}
}

func TestIDToken_IsSignedInTheAlgorithmOfItsClient(t *testing.T) { // fosite D13: at_hash follows the algorithm
	t.Parallel()
	s := shared(t)
	for c, alg := range map[server.Client]string{server.Lean(): "ES256", server.Opaque(): "EdDSA"} {
		in := s.signIn(t, c)
		token := s.verify(t, in.id)
		if token.header["alg"] != alg {
			t.Errorf("%s: alg = %v, want %s", c.ID, token.header["alg"], alg)
		}
		hash, there := token.claims["at_hash"].(string)
		// Half of SHA-256 has 22 characters, half of the SHA-512 that goes with Ed25519 has 43.
		if want := map[string]int{"ES256": 22, "EdDSA": 43}[alg]; there && len(hash) != want {
			t.Errorf("%s: at_hash has %d characters, want %d or none", c.ID, len(hash), want)
		}
	}
}

func TestClaims_AreReleasedByScope(t *testing.T) { // OIDC Core §5.4, protocol.md §3.3, RP-7
	t.Parallel()
	s := shared(t)
	for scope, want := range map[string][]string{
		"profile": profileClaims, "email": {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
		"roles": {"roles"}, "": nil,
	} {
		t.Run("openid "+scope, func(t *testing.T) {
			t.Parallel()
			in := s.signInAs(t, server.Person("alice"), server.Trusted(), "scope", strings.TrimSpace("openid "+scope))
			info := s.userInfo(t, in.access).want(http.StatusOK)
			if got := info.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
				t.Errorf("Content-Type %q, want application/json", got)
			}
			token := s.verify(t, in.id)
			if info.json["sub"] != token.claims["sub"] {
				t.Errorf("sub of UserInfo %v, of the ID token %v, want the same (RP-8)", info.json["sub"], token.claims["sub"])
			}
			for _, name := range want {
				if _, there := info.json[name]; !there {
					t.Errorf("UserInfo lacks %s", name)
				}
				if _, there := token.claims[name]; !there && name != "roles" {
					t.Errorf("the ID token lacks %s: Authlib reads it there (RP-7)", name)
				}
			}
			// A scope that was not asked for leaks nothing.
			all := append(slices.Clone(profileClaims), "email", "email_verified", "address", "phone_number", "phone_number_verified", "roles")
			for _, name := range all {
				if slices.Contains(want, name) {
					continue
				}
				for where, claims := range map[string]map[string]any{"UserInfo": info.json, "the ID token": token.claims} {
					if value, there := claims[name]; there {
						t.Errorf("%s says %s = %v, which no scope asked for", where, name, value)
					}
				}
			}
		})
	}
}

func TestClaims_HaveTheirTypesAndValues(t *testing.T) { // OIDC Core §5.1, protocol.md §3.3
	t.Parallel()
	s := shared(t)
	in := s.signInAs(t, server.Person("alice"), server.Trusted(), "scope", "openid profile email address phone roles")
	info := s.userInfo(t, in.access).want(http.StatusOK).json
	for name, want := range map[string]any{
		"name": "Alice Ångström Example", "given_name": "Alice", "family_name": "Example", "middle_name": "Ångström", "nickname": "Al",
		"preferred_username": "alice", "profile": "https://people.example/alice", "picture": "https://people.example/alice.png",
		"website": "https://alice.example", "gender": "female", "birthdate": "1990-02-28", "zoneinfo": "Europe/Berlin", "locale": "de-DE",
		"email": "alice@example.test", "email_verified": true, "phone_number": "+4930123456", "phone_number_verified": true,
		"roles": []any{"editor", "manager"},
		"address": map[string]any{
			"formatted": "Weg 1\n10115 Berlin\nDE", "street_address": "Weg 1", "locality": "Berlin", "region": "BE", "postal_code": "10115", "country": "DE",
		},
	} {
		if !reflect.DeepEqual(info[name], want) {
			t.Errorf("%s = %#v, want %#v", name, info[name], want)
		}
	}
	updated, ok := info["updated_at"].(json.Number)
	if n, err := updated.Int64(); !ok || err != nil || n < 1e9 || n > time.Now().Unix() {
		t.Errorf("updated_at = %v, want seconds as a JSON number", info["updated_at"])
	}
}

func TestClaims_NothingUnknownIsNull(t *testing.T) { // OIDC Core §5.3.2: left out, never null or empty
	t.Parallel()
	s := shared(t)
	in := s.signInAs(t, server.Person("bare"), server.Trusted(), "scope", "openid profile email address phone roles")
	for where, claims := range map[string]map[string]any{"UserInfo": s.userInfo(t, in.access).want(200).json, "the ID token": s.verify(t, in.id).claims} {
		for name, value := range claims {
			if object, isObject := value.(map[string]any); value == nil || value == "" || isObject && len(object) == 0 {
				t.Errorf("%s has %s = %v, want it left out", where, name, value)
			}
		}
		for _, name := range []string{"name", "address", "phone_number", "phone_number_verified", "picture"} {
			if value, there := claims[name]; there {
				t.Errorf("%s has %s = %v, want it left out: nobody said so", where, name, value)
			}
		}
	}
}

func TestClaims_OnlyVerifiedAddressesAreReleased(t *testing.T) { // RP-11: no client library looks at email_verified
	t.Parallel()
	s := shared(t)
	in := s.signInAs(t, server.Person("bare"), server.Trusted(), "scope", "openid email")
	if got, there := s.userInfo(t, in.access).want(200).json["email"]; there {
		t.Errorf("UserInfo releases the unverified address %v", got)
	}
	if got, there := s.verify(t, in.id).claims["email"]; there {
		t.Errorf("the ID token releases the unverified address %v", got)
	}
	// A client that opted out gets it, with the flag.
	in = s.signInAs(t, server.Person("bare"), server.Lean(), "scope", "openid email")
	info := s.userInfo(t, in.access).want(200).json
	if info["email"] != "bare@example.test" || info["email_verified"] != false {
		t.Errorf("email = %v, email_verified = %v, want the address and false", info["email"], info["email_verified"])
	}
	// RP-7's switch: none of it in the ID token.
	for _, name := range append(slices.Clone(profileClaims), "email", "email_verified") {
		if got, there := s.verify(t, in.id).claims[name]; there {
			t.Errorf("a client without claims_in_id_token gets %s = %v in the ID token", name, got)
		}
	}
}

func TestUserInfo_IsAskedInEveryWayOfRFC6750(t *testing.T) { // OIDC Core §5.3.1; RFC 6750 §2, §3; FL-6, FS-2, RP-8
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "userinfo_endpoint")
	in := s.signIn(t, server.Trusted(), "scope", "openid email")
	ask := func(method, at string, form url.Values, authorization string) *answer {
		t.Helper()
		req := newRequest(t, method, at, form)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		return s.call(t, req)
	}
	for name, a := range map[string]*answer{
		"GET with header":     ask(http.MethodGet, at, nil, "Bearer "+in.access),
		"scheme in lower":     ask(http.MethodGet, at, nil, "bearer "+in.access),
		"POST with header":    ask(http.MethodPost, at, nil, "Bearer "+in.access),
		"POST form, header":   ask(http.MethodPost, at, url.Values{}, "Bearer "+in.access),
		"POST token in body":  ask(http.MethodPost, at, url.Values{"access_token": {in.access}}, ""),
		"unknown form fields": ask(http.MethodPost, at, url.Values{"access_token": {in.access}, "schema": {"openid"}}, ""),
	} {
		if a.status != 200 || a.str("sub") == "" || a.str("email") == "" {
			t.Errorf("%s: %d %s, want 200 and the claims", name, a.status, a.body)
		}
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q, want no-store (FS-9)", name, got)
		}
	}
	for name, test := range map[string]struct {
		a    *answer
		code string // of WWW-Authenticate; empty: no code, because nothing was tried (RFC 6750 §3.1)
	}{
		"nothing":          {ask(http.MethodGet, at, nil, ""), ""},
		"Basic":            {ask(http.MethodGet, at, nil, "Basic dTpw"), ""},
		"garbage":          {ask(http.MethodGet, at, nil, "Bearer garbage"), "invalid_token"},
		"empty":            {ask(http.MethodGet, at, nil, "Bearer "), ""},
		"an ID token":      {ask(http.MethodGet, at, nil, "Bearer "+in.id), "invalid_token"}, // fosite D16
		"signature broken": {ask(http.MethodGet, at, nil, "Bearer "+flip(in.access)), "invalid_token"},
		"alg none":         {ask(http.MethodGet, at, nil, "Bearer "+withoutSignature(t, in.access)), "invalid_token"},
		"10 kB":            {ask(http.MethodGet, at, nil, "Bearer "+strings.Repeat("a", 10_000)), "invalid_token"},
	} {
		challenge := test.a.header.Get("WWW-Authenticate")
		if test.a.status != 401 && !(name == "empty" && test.a.status == 400) || !strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: %d, WWW-Authenticate %q, want 401 and Bearer", name, test.a.status, challenge)
		}
		if test.code != "" && !strings.Contains(challenge, `error="`+test.code+`"`) || test.code == "" && test.a.status == 401 && strings.Contains(challenge, "error=") {
			t.Errorf("%s: WWW-Authenticate %q, want error %q", name, challenge, test.code)
		}
	}
	// FL-6, RFC 9700 §4.3.2: never in the query. RFC 6750 §2: one way at a time.
	for name, a := range map[string]*answer{
		"in the query":          ask(http.MethodGet, at+"?access_token="+url.QueryEscape(in.access), nil, ""),
		"in the query of POST":  ask(http.MethodPost, at+"?access_token="+url.QueryEscape(in.access), url.Values{}, ""),
		"header and body":       ask(http.MethodPost, at, url.Values{"access_token": {in.access}}, "Bearer "+in.access),
		"twice in the body":     ask(http.MethodPost, at, url.Values{"access_token": {in.access, in.access}}, ""),
		"in a body that is PUT": ask(http.MethodPut, at, url.Values{"access_token": {in.access}}, ""),
	} {
		if a.status != 400 && a.status != 401 && a.status != 405 || a.str("sub") != "" {
			t.Errorf("%s: %d %s, want it refused", name, a.status, a.body)
		}
	}
	t.Run("without openid", func(t *testing.T) { // OIDC Core §5.3
		t.Parallel()
		plain := s.signIn(t, server.Trusted(), "scope", "profile", "nonce", absent)
		a := s.userInfo(t, plain.access)
		if got := a.header.Get("WWW-Authenticate"); a.status != 403 || !strings.Contains(got, `error="insufficient_scope"`) {
			t.Errorf("a token without openid: %d, WWW-Authenticate %q, want 403 insufficient_scope", a.status, got)
		}
	})
	t.Run("of a machine", func(t *testing.T) {
		t.Parallel()
		machine := s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
		if a := s.userInfo(t, machine.access); a.status != 403 && a.status != 401 || a.str("sub") != "" {
			t.Errorf("a client_credentials token: %d %s, want it refused", a.status, a.body)
		}
	})
	t.Run("after its time", func(t *testing.T) { // FS-2; this client's tokens live 30 s
		t.Parallel()
		short := s.signIn(t, server.Quick())
		s.userInfo(t, short.access).want(200)
		pause(t, 31*time.Second)
		if a := s.userInfo(t, short.access); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("an expired token: %d %q, want 401 invalid_token", a.status, a.header.Get("WWW-Authenticate"))
		}
		s.introspect(t, server.Quick(), short.access).wantActive(false)
	})
}

// withoutSignature returns a JWT with the same claims and alg none.
func withoutSignature(t testing.TB, raw string) string {
	t.Helper()
	token := decode(t, raw)
	header := map[string]any{"alg": "none", "kid": token.header["kid"], "typ": token.header["typ"]}
	return forge(t, header, token.claims, func([]byte) []byte { return nil })
}

func TestUser_DisabledIsOutAtOnce(t *testing.T) { // FL-2, PS-24
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	pending := in.b.az(server.PKCE()).wantCode()
	remembered := s.browser(t)
	remembered.az(server.Trusted()).login(in.u, "remember", "1").wantCode()
	s.Run(t, "user", "disable", in.u.Email, "--yes")

	if a := s.userInfo(t, in.access); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("UserInfo of a disabled user: %d %q, want 401 invalid_token", a.status, a.header.Get("WWW-Authenticate"))
	}
	s.introspect(t, server.Trusted(), in.access).wantActive(false)
	s.introspect(t, server.Trusted(), in.refresh).wantActive(false)
	s.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")
	s.exchange(t, pending).wantError(400, "invalid_grant")
	in.b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	// PS-24: whichever way they come, in the words of a wrong password.
	refused := in.b.az(server.Trusted()).login(in.u).wantLogin()
	wrong := in.u
	wrong.Password = "not this one either"
	if a, b := refused.text("error-summary"), s.browser(t).az(server.Trusted()).login(wrong).text("error-summary"); a != b || a == "" {
		t.Errorf("a disabled user reads %q, a wrong password %q, want the same", a, b)
	}
	remembered.setCookie("idp_session", "")
	remembered.az(server.Trusted()).wantLogin()
}
