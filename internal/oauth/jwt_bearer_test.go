package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/oauth"
	"idp/internal/oauth/grant"
)

const (
	corp  = "https://login.corp.example" // names people by their linked accounts
	batch = "https://batch.example"      // names them by their ids here
)

// bearing returns a world that trusts two issuers, with a client "job" that may use both.
func bearing(t testing.TB, change ...func(job *idp.Client)) *world {
	t.Helper()
	w := newWorld(t)
	conf := w.Config
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: assertionKey.Public(), KeyID: "k"}}})
	must(t, err)
	keys := idp.ClientKeys{JWKS: set}
	conf.Assertions = map[string]grant.TrustedIssuer{corp: {Keys: keys}, batch: {Keys: keys, UserIDs: true}, "https://third.example": {Keys: keys}}
	w.Provider, err = oauth.New(conf)
	must(t, err)
	w.mux = http.NewServeMux()
	for _, r := range w.Routes() {
		w.mux.HandleFunc(r.Pattern, r.Handler)
	}
	job := *w.client
	job.ID, job.GrantTypes, job.ResponseTypes, job.RedirectURIs, job.PostLogoutRedirectURIs = "job", []string{idp.GrantJWTBearer}, nil, nil, nil
	job.Scopes, job.AssertionIssuers = []string{"openid", "profile", "api"}, []string{corp, batch}
	for _, c := range change {
		c(&job)
	}
	must(t, job.Validate())
	must(t, w.store.CreateClient(t.Context(), &job))
	now := time.Now()
	must(t, w.store.CreateIdentity(t.Context(), &idp.Identity{ID: idp.NewID(), UserID: w.user.ID, ProviderID: "corp", Issuer: corp, Subject: "007", Email: "other@example.com", CreatedAt: now, LastUsedAt: now}))
	return w
}

// says returns an assertion; nil takes a claim away.
func says(t testing.TB, changes map[string]any, header ...string) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": corp, "sub": "007", "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(claims)
	must(t, err)
	return saysText(t, assertionKey, string(text), header...)
}

func saysText(t testing.TB, key *ecdsa.PrivateKey, payload string, header ...string) string {
	t.Helper()
	options := new(jose.SignerOptions)
	for i := 0; i < len(header); i += 2 {
		options.WithHeader(jose.HeaderKey(header[i]), header[i+1])
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	must(t, err)
	return keystest.Sign(t, s, []byte(payload))
}

// bear trades an assertion as the client job.
func (w *world) bear(t testing.TB, proof, assertion string, pairs ...string) reply {
	t.Helper()
	form := url.Values{"grant_type": {idp.GrantJWTBearer}, "assertion": {assertion}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return w.send(t, http.MethodPost, tokenPath, form, func(r *http.Request) {
		r.SetBasicAuth("job", w.secret)
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
	})
}

// RFC 7523 §2.1, §3: the person is found by the linked account, or by the id here where the operator says so.
func TestJWTBearer_FindsThePersonByLinkOrID(t *testing.T) {
	t.Parallel()
	w := bearing(t)
	for name, assertion := range map[string]string{
		"linked account": says(t, nil),
		"user's id":      says(t, map[string]any{"iss": batch, "sub": w.user.ID, "aud": []string{issuer + tokenPath}}),
		"own typ":        says(t, nil, "typ", "authorization-grant+jwt"),
	} {
		got := w.bear(t, "", assertion).want(t, name, 200, "")
		claims := claimsOf(t, got.text("access_token"))
		if claims["sub"] != w.user.ID || claims["client_id"] != "job" || claims["scope"] != "profile api" || claims["auth_time"] != nil || got.text("scope") != "profile api" {
			t.Errorf("%s: got %v, want the person, the client's scopes without a sign-in's, and no time of a sign-in", name, claims)
		}
		if got.json["refresh_token"] != nil || got.json["id_token"] != nil {
			t.Errorf("%s: got %v, want an access token alone", name, got.json)
		}
	}
	if got := w.bear(t, "", says(t, nil), "scope", "api").want(t, "fewer scopes", 200, ""); got.text("scope") != "api" || got.trips != 3 {
		t.Errorf("got %v in %d trips, want the scope api in 3: the jti, the authorization, the audit event", got.json, got.trips)
	}
	got := w.bear(t, "", says(t, nil)).want(t, "token", 200, "").text("access_token")
	introspect := func() bool {
		r := w.send(t, http.MethodPost, "/oauth2/introspect", url.Values{"token": {got}}, func(r *http.Request) { r.SetBasicAuth("job", w.secret) })
		return r.json["active"] == true
	}
	if !introspect() {
		t.Error("introspection says that the token is inactive")
	}
	must(t, w.store.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, time.Now()))
	if introspect() {
		t.Error("introspection says that the token of a disabled person is active")
	}
	w.bear(t, "", says(t, nil)).want(t, "a disabled person", 400, "invalid_grant")
}

// RFC 7523 §3, §3.1: each condition alone refuses, with invalid_grant.
func TestJWTBearer_EachConditionAloneRefuses(t *testing.T) {
	t.Parallel()
	w := bearing(t)
	now := time.Now()
	forger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	own := w.tokens(t)
	for name, assertion := range map[string]string{
		"not a JWT":                   "assertion",
		"an ID token of ours":         own["id_token"].(string),
		"an access token of ours":     own["access_token"].(string),
		"another's key":               saysText(t, forger, `{"iss":"`+corp+`","sub":"007","aud":"`+issuer+`","jti":"x","exp":99999999999}`),
		"alg none":                    base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(says(t, nil), ".")[1] + ".",
		"a claim twice":               saysText(t, assertionKey, `{"iss":"`+corp+`","sub":"007","sub":"008","aud":"`+issuer+`","jti":"x","exp":`+now.Add(time.Minute).Format("20060102")+`}`),
		"an issuer nobody trusts":     says(t, map[string]any{"iss": "https://evil.example"}),
		"an issuer of another client": says(t, map[string]any{"iss": "https://third.example"}),
		"no iss":                      says(t, map[string]any{"iss": nil}),
		"this server as issuer":       says(t, map[string]any{"iss": issuer}),
		"no sub":                      says(t, map[string]any{"sub": nil}),
		"a sub with NUL":              says(t, map[string]any{"sub": "0\x007"}),
		"a long sub":                  says(t, map[string]any{"sub": strings.Repeat("x", 256)}),
		"somebody unknown":            says(t, map[string]any{"sub": "008"}),
		"an id where links count":     says(t, map[string]any{"sub": w.user.ID}),
		"an address":                  says(t, map[string]any{"sub": "ann@example.com", "email": "ann@example.com", "email_verified": true}),
		"a link where ids count":      says(t, map[string]any{"iss": batch}),
		"no aud":                      says(t, map[string]any{"aud": nil}),
		"another aud":                 says(t, map[string]any{"aud": "https://other.example"}),
		"another aud too":             says(t, map[string]any{"aud": []string{issuer, "https://other.example"}}),
		"no exp":                      says(t, map[string]any{"exp": nil}),
		"expired":                     says(t, map[string]any{"exp": now.Add(-time.Second).Unix()}),
		"good for too long":           says(t, map[string]any{"exp": now.Add(2 * time.Hour).Unix()}),
		"nbf to come":                 says(t, map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"iat to come":                 says(t, map[string]any{"iat": now.Add(time.Hour).Unix()}),
		"exp as text":                 says(t, map[string]any{"exp": "soon"}),
		"no jti":                      says(t, map[string]any{"jti": nil}),
		"a typ of ours":               says(t, nil, "typ", "at+jwt"),
		"a client assertion":          says(t, nil, "typ", "client-authentication+jwt"),
		"too long":                    says(t, map[string]any{"more": strings.Repeat("x", 16<<10)}),
	} {
		if got := w.bear(t, "", assertion); got.code != 400 || got.text("error") != "invalid_grant" {
			t.Errorf("%s: got %d %v, want invalid_grant", name, got.code, got.json)
		}
	}
	w.bear(t, "", "").want(t, "no assertion", 400, "invalid_request")
	for _, scope := range []string{"openid", "offline_access", "roles", "idp.admin"} {
		w.bear(t, "", says(t, nil), "scope", scope).want(t, scope, 400, "invalid_scope")
	}
	w.bear(t, "", says(t, nil), "resource", "https://other.example").want(t, "a resource that is not the client's", 400, "invalid_target")
	w.bear(t, "", says(t, nil), "authorization_details", "[]").want(t, "details", 400, "invalid_authorization_details")
	w.prove(t, "", "grant_type", idp.GrantJWTBearer, "assertion", says(t, nil)).want(t, "a client without the grant", 400, "unauthorized_client")
	again := says(t, nil)
	w.bear(t, "", again).want(t, "first", 200, "")
	w.bear(t, "", again).want(t, "again", 400, "invalid_grant")
}

// RFC 7523 §3 (7): of many at once one is answered.
func TestJWTBearer_AssertionWorksOnce(t *testing.T) {
	t.Parallel()
	w := bearing(t)
	assertion := says(t, nil)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if w.bear(t, "", assertion).code == 200 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d were answered, want 1", won.Load())
	}
}

// RFC 9449 §5: every grant.
func TestJWTBearer_TokenIsBoundToTheKey(t *testing.T) {
	t.Parallel()
	w := bearing(t)
	key := newProver(t)
	got := w.bear(t, key.proof(t, "POST", tokenPath, ""), says(t, nil)).want(t, "with a proof", 200, "")
	if got.text("token_type") != "DPoP" || confirmed(t, claimsOf(t, got.text("access_token")))["jkt"] != key.jkt {
		t.Errorf("got %v, want a token bound to the key", got.json)
	}
}

// The grant is there only where somebody is trusted.
func TestJWTBearer_IsOffWithoutIssuers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prove(t, "", "grant_type", idp.GrantJWTBearer, "assertion", says(t, nil)).want(t, "no issuers", 400, "unsupported_grant_type")
}

// No text is more than looked at.
func FuzzAssertionIssuer(f *testing.F) {
	f.Add(says(f, nil))
	f.Fuzz(func(t *testing.T, text string) {
		if name := grant.AssertionIssuer(text); name != "" && (len(text) > 16<<10 || strings.Count(text, ".") != 2) {
			t.Errorf("%q has the issuer %q", text, name)
		}
	})
}
