package protocol

// RFC 7523 §2.1, §3 and RFC 7521 §4.1: an assertion about a person, by an issuer that the operator trusts, as a grant.

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

const (
	grantBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	batchJobs   = "https://batch.corp.example" // names people by their ids here
	corpLogin   = "https://login.corp.example" // names them by linked accounts
	thirdParty  = "https://third.example"      // is trusted, and no client may use it
)

// nightly is the client that may trade what batchJobs and corpLogin say.
func nightly() server.Client { return server.Client{ID: "nightly", Secret: server.Service().Secret} }

// vouched is a server whose operator trusts three issuers, the key of which signs for all, and somebody who has an account there.
type vouched struct {
	*site
	key signs
	u   server.User
	sub string // the id of u
}

func vouching(t *testing.T, options ...server.Option) vouched {
	t.Helper()
	key := newSigner(t, "k")
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(jwks(t, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	issuers := []string{batchJobs + "=" + file, corpLogin + "=" + file, thirdParty + "=" + file}
	seed := strings.Replace(server.SeedText(), "\nclients:\n", `
clients:
  - client_id: nightly
    client_name: Nightly Reports
    secret_file: secrets/service
    grant_types: ["`+grantBearer+`"]
    scopes: [profile, api.read]
    audience: [https://reports.example]
    resources: [https://api.example/calendar]
    assertion_issuers: ["`+batchJobs+`", "`+corpLogin+`"]
`, 1)
	s := start(t, append(options, server.Seed(seed), server.Set("IDP_ASSERTIONS__ISSUERS", strings.Join(issuers, ",")), server.Set("IDP_ASSERTIONS__USER_ID_ISSUERS", batchJobs))...)
	in := s.signIn(t, server.Trusted())
	sub, _ := s.verify(t, in.id).claims["sub"].(string)
	return vouched{s, key, in.u, sub}
}

// about are the claims of a good assertion of batchJobs, with changes: a nil takes one away.
func (v vouched) about(pairs ...any) map[string]any {
	return v.claims(batchJobs, append([]any{"sub", v.sub}, pairs...)...)
}

func (v vouched) says(t testing.TB, pairs ...any) string {
	t.Helper()
	return v.key.sign(t, v.about(pairs...))
}

// bear trades an assertion.
func (v vouched) bear(t testing.TB, assertion string, pairs ...string) *answer {
	t.Helper()
	return v.token(t, basic(nightly()), append([]string{"grant_type", grantBearer, "assertion", assertion}, pairs...)...)
}

func TestAssertionGrant_ActsForThePersonItIsAbout(t *testing.T) { // RFC 7523 §2.1, RFC 7521 §4.1
	t.Parallel()
	v := vouching(t)
	a := v.bear(t, v.says(t))
	tk := a.tokens()
	if tk.refresh != "" || tk.id != "" {
		t.Errorf("got %v, want an access token alone", a.json)
	}
	claims := v.verify(t, tk.access).claims
	if claims["sub"] != v.sub || claims["client_id"] != "nightly" || claims["aud"] != "https://reports.example" || claims["auth_time"] != nil || a.str("scope") != "profile api.read" {
		t.Errorf("got %v and the scope %q, want the person, the client's audience and scopes, and no time of a sign-in", claims, a.str("scope"))
	}
	for name, assertion := range map[string]string{
		"the token endpoint as aud": v.says(t, "aud", v.endpoint(t, "token_endpoint")),
		"both":                      v.says(t, "aud", []string{v.Issuer, v.endpoint(t, "token_endpoint")}),
		"a typ of its own":          v.key.sign(t, v.about(), "typ", "authorization-grant+jwt"),
		"a clock a little ahead":    v.says(t, "iat", time.Now().Unix()+8, "nbf", time.Now().Unix()+8),
	} {
		if a := v.bear(t, assertion); a.status != http.StatusOK {
			t.Errorf("%s: %d %s, want tokens", name, a.status, a.body)
		}
	}
	fewer := v.bear(t, v.says(t), "scope", "api.read", "resource", calendar)
	if claims := v.verify(t, fewer.tokens().access).claims; claims["scope"] != "api.read" || claims["aud"] != calendar {
		t.Errorf("got %v, want the scope and the resource that were asked for", claims)
	}
	v.introspect(t, nightly(), tk.access).wantActive(true)
	// Nobody speaks for somebody who is disabled, and what was given before ends.
	v.Run(t, "user", "disable", v.u.Email)
	v.introspect(t, nightly(), tk.access).wantActive(false)
	v.bear(t, v.says(t)).wantError(http.StatusBadRequest, "invalid_grant")
	v.Run(t, "user", "enable", v.u.Email)
	v.bear(t, v.says(t)).tokens()
}

func TestAssertionGrant_EachConditionAloneRefuses(t *testing.T) { // RFC 7523 §3, §3.1; RFC 8725 §3
	t.Parallel()
	v := vouching(t)
	now := time.Now().Unix()
	other := newSigner(t, "k")
	nameless, unknown := v.key, v.key
	nameless.kid, unknown.kid = "", "another"
	good, err := json.Marshal(v.about())
	if err != nil {
		t.Fatal(err)
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	in := v.signIn(t, server.Trusted())
	for name, assertion := range map[string]string{
		"no JWT":                    "a.b.c",
		"an ID token of ours":       in.id,
		"an access token of ours":   in.access,
		"another's key":             other.sign(t, v.about()),
		"an unknown kid":            unknown.sign(t, v.about()),
		"alg none":                  part(`{"alg":"none"}`) + "." + part(string(good)) + ".",
		"HMAC with the public keys": signs{"HS256", []byte(jwks(t, v.key)), "k"}.sign(t, v.about()),
		"HMAC with the secret":      signs{"HS256", []byte(nightly().Secret), ""}.sign(t, v.about()),
		"jku":                       other.sign(t, v.about(), "jku", "https://evil.example/jwks"),
		"crit":                      v.key.sign(t, v.about(), "crit", []string{"x"}, "x", 1),
		"typ of an access token":    v.key.sign(t, v.about(), "typ", "at+jwt"),
		"typ of a client assertion": v.key.sign(t, v.about(), "typ", "client-authentication+jwt"),
		"an unknown iss":            v.says(t, "iss", "https://evil.example"),
		"an iss of no client":       v.says(t, "iss", thirdParty),
		"this server as iss":        v.says(t, "iss", v.Issuer),
		"no iss":                    v.says(t, "iss", nil),
		"no sub":                    v.says(t, "sub", nil),
		"somebody unknown":          v.says(t, "sub", "06h0jlq1gltl9alhdt75rh6mk0"),
		"an address":                v.says(t, "sub", v.u.Email),
		"an id where links count":   v.says(t, "iss", corpLogin),
		"no aud":                    v.says(t, "aud", nil),
		"another aud":               v.says(t, "aud", "https://other.example"),
		"another aud too":           v.says(t, "aud", []string{v.Issuer, "https://other.example"}),
		"aud of another endpoint":   v.says(t, "aud", v.endpoint(t, "introspection_endpoint")),
		"expired":                   v.says(t, "exp", now-1),
		"no exp":                    v.says(t, "exp", nil),
		"exp as text":               v.says(t, "exp", "soon"),
		"good for two hours":        v.says(t, "exp", now+7200),
		"nbf to come":               v.says(t, "nbf", now+300),
		"iat to come":               v.says(t, "iat", now+300),
		"no jti":                    v.says(t, "jti", nil),
		"more than is looked at":    v.says(t, "x", strings.Repeat("x", 20<<10)),
		"nested":                    v.says(t, "sub", map[string]any{"a": []int{1}}),
	} {
		if a := v.bear(t, assertion); a.status != http.StatusBadRequest || a.str("error") != "invalid_grant" {
			t.Errorf("%s: %d %s, want 400 invalid_grant", name, a.status, a.body)
		}
	}
	v.bear(t, nameless.sign(t, v.about())).tokens() // one key, so none need be named
	v.bear(t, v.says(t), "assertion", "").wantError(http.StatusBadRequest, "invalid_request")
	for _, scope := range []string{"openid", "offline_access", "email", "idp.admin", "profile email"} {
		v.bear(t, v.says(t), "scope", scope).wantError(http.StatusBadRequest, "invalid_scope")
	}
	v.bear(t, v.says(t), "resource", "https://other.example").wantError(http.StatusBadRequest, "invalid_target")
	v.bear(t, v.says(t), "authorization_details", `[{"type":"payment"}]`).wantError(http.StatusBadRequest, "invalid_authorization_details")
	// Which client may use whose word is a policy: it authenticates, and has the grant.
	for name, c := range map[string]struct {
		as     auth
		status int
		code   string
	}{
		"nobody":            {nobody, http.StatusUnauthorized, "invalid_client"},
		"a name alone":      {named(nightly()), http.StatusUnauthorized, "invalid_client"},
		"another client":    {basic(server.Service()), http.StatusBadRequest, "unauthorized_client"},
		"a web application": {basic(server.Web()), http.StatusBadRequest, "unauthorized_client"},
	} {
		if a := v.token(t, c.as, "grant_type", grantBearer, "assertion", v.says(t)); a.status != c.status || a.str("error") != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, c.status, c.code)
		}
	}
}

func TestAssertionGrant_IsUsedOnce(t *testing.T) { // RFC 7523 §3 (7): replay
	t.Parallel()
	v := vouching(t)
	jti := rand.Text()
	assertion := v.says(t, "jti", jti)
	won := make([]int, 16)
	var group sync.WaitGroup
	for n := range won {
		group.Go(func() { won[n] = v.bear(t, assertion).status })
	}
	group.Wait()
	good := 0
	for _, status := range won {
		if status == http.StatusOK {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of %d got tokens, want 1", good, len(won))
	}
	v.bear(t, v.says(t, "jti", jti)).wantError(http.StatusBadRequest, "invalid_grant") // the jti counts, not the text
	v.bear(t, v.says(t)).tokens()
}

func TestAssertionGrant_IsInDiscoveryOnlyWithIssuers(t *testing.T) { // RFC 8414 §2
	t.Parallel()
	names := func(s *site) []string { return stringsOf(t, metadata(t, s), "grant_types_supported") }
	v := vouching(t)
	if all := strings.Join(names(v.site), " "); !strings.Contains(all, grantBearer) {
		t.Errorf("grant_types_supported = %s, want the grant where somebody is trusted", all)
	}
	s := shared(t)
	if all := strings.Join(names(s), " "); strings.Contains(all, grantBearer) {
		t.Errorf("grant_types_supported = %s, want it without the grant where nobody is", all)
	}
	s.token(t, basic(server.Service()), "grant_type", grantBearer, "assertion", v.says(t)).wantError(http.StatusBadRequest, "unsupported_grant_type")
}
