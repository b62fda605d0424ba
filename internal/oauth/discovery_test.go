package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/oauth"
)

func (w *world) get(t testing.TB, path string) *httptest.ResponseRecorder {
	t.Helper()
	return w.do(t, httptest.NewRequest(http.MethodGet, issuer+path, nil))
}

func (w *world) discovery(t testing.TB) map[string]any {
	t.Helper()
	return decode(t, w.get(t, "/.well-known/openid-configuration"))
}

// textsOf returns a list of discovery.
func textsOf(t testing.TB, meta map[string]any, name string) []string {
	t.Helper()
	values, ok := meta[name].([]any)
	if !ok || len(values) == 0 {
		t.Fatalf("%s: got %v, want a list", name, meta[name])
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.(string)
	}
	return texts
}

func TestDiscovery_HasRegisteredNamesOnly(t *testing.T) { // RFC 8414 §2, RP-1
	t.Parallel()
	w := newWorld(t)
	text, err := os.ReadFile(filepath.Join("testdata", "registered_metadata.txt"))
	must(t, err)
	var registered []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			registered = append(registered, strings.Fields(line)...)
		}
	}
	meta := w.discovery(t)
	for name, value := range meta {
		if !slices.Contains(registered, name) {
			t.Errorf("%s is not registered", name)
		}
		if value == nil || value == "" {
			t.Errorf("%s has no value", name)
		}
	}
	if meta["issuer"] != issuer {
		t.Errorf("got issuer %v, want %s", meta["issuer"], issuer)
	}
	if a, b := w.get(t, "/.well-known/openid-configuration").Body.String(), w.get(t, "/.well-known/oauth-authorization-server").Body.String(); a != b {
		t.Error("the two documents differ")
	}
	for name, value := range meta {
		address, ok := value.(string)
		if !ok || name == "issuer" || name == "check_session_iframe" || !strings.HasPrefix(address, issuer+"/") {
			continue
		}
		if rec := w.get(t, strings.TrimPrefix(address, issuer)); rec.Code == http.StatusNotFound || rec.Code >= 500 {
			t.Errorf("%s: %s answers %d", name, address, rec.Code)
		}
	}
}

// Prompt Create §4.1, §4.2: create is listed and leads to its page where people may register; elsewhere it is an error that names it.
func TestDiscovery_PromptCreateWherePeopleMayRegister(t *testing.T) {
	t.Parallel()
	for _, open := range []bool{true, false} {
		w := newWorldWith(t, func(c *oauth.Config) { c.MayRegister = open })
		if listed := slices.Contains(textsOf(t, w.discovery(t), "prompt_values_supported"), "create"); listed != open {
			t.Errorf("registration open %t: create is listed: %t", open, listed)
		}
		q := goodParams()
		q.Set("prompt", "create")
		rec := w.get(t, "/oauth2/authorize?"+q.Encode())
		to, err := url.Parse(rec.Header().Get("Location"))
		must(t, err)
		switch {
		case open && (to.Path != "/register" || to.Query().Get("i") == ""):
			t.Errorf("where people may register: sent to %s, want the page for it", to)
		case !open && (to.Query().Get("error") != "invalid_request" || !strings.Contains(to.Query().Get("error_description"), "create")):
			t.Errorf("where they may not: sent to %s, want invalid_request that names create", to)
		}
	}
}

// What discovery lists is accepted, and what it does not list is refused: it cannot promise too much, nor hide anything.
func TestDiscovery_SaysWhatIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	everything := *w.client
	meta := w.discovery(t)
	everything.ID, everything.Scopes = "everything", textsOf(t, meta, "scopes_supported")
	everything.ResponseTypes, everything.GrantTypes = idp.SupportedResponseTypes(), idp.SupportedGrantTypes()
	must(t, w.store.CreateClient(t.Context(), &everything))
	cookies := w.signIn(t)
	ask := func(name, value string) (accepted bool, code string) {
		q := goodParams()
		q.Set("client_id", "everything")
		q.Set("nonce", "n")
		q.Del("prompt")
		q.Set(name, value)
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/authorize?"+q.Encode(), nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		status, answer := w.authorizeBy(t, r)
		return status < 400 && !answer.Has("error"), answer.Get("error")
	}
	for _, c := range []struct{ list, param, unlisted string }{
		{"scopes_supported", "scope", "nonsense"},
		{"response_types_supported", "response_type", "token"},
		{"response_modes_supported", "response_mode", "web_message"},
		{"prompt_values_supported", "prompt", "create"},
		{"code_challenge_methods_supported", "code_challenge_method", "plain"},
	} {
		listed := textsOf(t, meta, c.list)
		for _, value := range listed {
			if ok, code := ask(c.param, value); !ok {
				t.Errorf("%s lists %s, which gets %s", c.list, value, code)
			}
		}
		if ok, _ := ask(c.param, c.unlisted); ok || slices.Contains(listed, c.unlisted) {
			t.Errorf("%s: %s is accepted or listed, want neither", c.list, c.unlisted)
		}
	}

	// Each grant is known: what the request lacks is said in the grant's own words.
	grants := textsOf(t, meta, "grant_types_supported")
	for _, name := range append([]string{"password", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, grants...) {
		_, _, answer := w.token(t, "grant_type", name)
		if name == idp.GrantImplicit {
			continue // of the authorization endpoint alone: its response types were asked for above
		}
		if known := answer["error"] != "unsupported_grant_type"; known != slices.Contains(grants, name) {
			t.Errorf("grant %s: got %v, listed %v", name, answer, slices.Contains(grants, name))
		}
	}
	// jwt-bearer exists only where the operator trusts an issuer: TestJWTBearer_IsOffWithoutIssuers.
	may := slices.DeleteFunc(idp.SupportedGrantTypes(), func(name string) bool { return name == idp.GrantJWTBearer })
	if !slices.Equal(slices.Sorted(slices.Values(grants)), slices.Sorted(slices.Values(may))) {
		t.Errorf("got grants %v, registrations may name %v", grants, may)
	}

	// Each method of authentication works at each endpoint that lists it, and no other does.
	for list, path := range map[string]string{
		"token_endpoint_auth_methods_supported": "/oauth2/token", "introspection_endpoint_auth_methods_supported": "/oauth2/introspect",
		"revocation_endpoint_auth_methods_supported": "/oauth2/revoke",
	} {
		listed := textsOf(t, meta, list)
		for _, method := range idp.SupportedAuthMethods() {
			c := *w.client
			c.ID, c.AuthMethods = strings.ReplaceAll(method+path, "/", "."), []string{method}
			w.equip(t, &c)
			must(t, w.store.CreateClient(t.Context(), &c))
			form := url.Values{"token": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}
			r := func() *http.Request {
				switch method {
				case idp.AuthClientSecretJWT, idp.AuthPrivateKeyJWT:
					form.Set("client_assertion_type", assertionType)
					form.Set("client_assertion", w.assertion(t, &c, method))
				case idp.AuthClientSecretPost:
					form.Set("client_secret", w.secret)
					fallthrough
				case idp.AuthNone:
					form.Set("client_id", c.ID)
				}
				r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if method == idp.AuthClientSecretBasic {
					r.SetBasicAuth(c.ID, w.secret)
				}
				return r
			}()
			if got := w.do(t, r).Code; (got != http.StatusUnauthorized) != slices.Contains(listed, method) {
				t.Errorf("%s at %s: got %d, listed %v", method, path, got, slices.Contains(listed, method))
			}
		}
	}

	// Each algorithm signs, and its key is in the JWKS.
	for _, alg := range textsOf(t, meta, "id_token_signing_alg_values_supported") {
		must(t, w.Keys.Ensure(t.Context(), alg)) // as the registration does
		w.change(t, func(c *idp.Client) { c.Contract.IDTokenAlg, c.Contract.AccessTokenAlg = alg, alg })
		answer := w.tokens(t)
		for kind, typ := range map[string]string{"id_token": keys.TypeIDToken, "access_token": keys.TypeAccessToken} {
			h := headerOf(t, answer[kind].(string))
			if h["alg"] != alg || h["typ"] != typ || !strings.Contains(w.get(t, "/.well-known/jwks.json").Body.String(), h["kid"].(string)) {
				t.Errorf("%s in %s: got header %v", kind, alg, h)
			}
		}
	}
	// And claims_supported holds all that ID token and UserInfo say.
	claims := textsOf(t, meta, "claims_supported")
	for name := range claimsOf(t, w.tokens(t, "scope", "openid profile email roles")["id_token"]) {
		if !slices.Contains(claims, name) {
			t.Errorf("the ID token has %s, which claims_supported does not", name)
		}
	}
}

func TestPrepared_DocumentsAreCachedByETag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		first := w.get(t, path)
		if !json.Valid(first.Body.Bytes()) || first.Header().Get("Content-Type") != "application/json" || !strings.HasPrefix(first.Header().Get("Cache-Control"), "public, max-age=") {
			t.Errorf("%s: got %v", path, first.Header())
		}
		r := httptest.NewRequest(http.MethodGet, issuer+path, nil)
		r.Header.Set("If-None-Match", first.Header().Get("Etag"))
		if rec := w.do(t, r); rec.Code != http.StatusNotModified || rec.Body.Len() != 0 {
			t.Errorf("%s with its ETag: got %d and %d bytes, want 304 and none", path, rec.Code, rec.Body.Len())
		}
	}
}
