package protocol

// OpenID Connect Discovery 1.0, RFC 8414.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// knownMetadata lists the registered member names that the conformance suite takes without a warning (protocol.md §3.1).
var knownMetadata = strings.Fields(`
issuer authorization_endpoint token_endpoint userinfo_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported
response_modes_supported grant_types_supported acr_values_supported subject_types_supported id_token_signing_alg_values_supported
id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported userinfo_signing_alg_values_supported
userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported
request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported token_endpoint_auth_methods_supported
token_endpoint_auth_signing_alg_values_supported display_values_supported claim_types_supported claims_supported service_documentation
claims_locales_supported ui_locales_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported
require_request_uri_registration op_policy_uri op_tos_uri revocation_endpoint revocation_endpoint_auth_methods_supported
revocation_endpoint_auth_signing_alg_values_supported introspection_endpoint introspection_endpoint_auth_methods_supported
introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported signed_metadata end_session_endpoint
check_session_iframe frontchannel_logout_supported frontchannel_logout_session_supported backchannel_logout_supported
backchannel_logout_session_supported authorization_response_iss_parameter_supported prompt_values_supported
device_authorization_endpoint pushed_authorization_request_endpoint require_pushed_authorization_requests
dpop_signing_alg_values_supported mtls_endpoint_aliases tls_client_certificate_bound_access_tokens protected_resources
authorization_encryption_alg_values_supported authorization_encryption_enc_values_supported
authorization_signing_alg_values_supported authorization_details_types_supported introspection_signing_alg_values_supported
introspection_encryption_alg_values_supported introspection_encryption_enc_values_supported backchannel_authentication_endpoint
backchannel_token_delivery_modes_supported backchannel_authentication_request_signing_alg_values_supported
backchannel_user_code_parameter_supported`)

func metadata(t *testing.T, s *site) map[string]any {
	t.Helper()
	a := s.get(t, s.Issuer+"/.well-known/openid-configuration").want(http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	if a.json == nil {
		t.Fatalf("want a JSON object, got %.200s", a.body)
	}
	return a.json
}

func stringsOf(t *testing.T, meta map[string]any, name string) []string {
	t.Helper()
	list, ok := meta[name].([]any)
	if !ok {
		t.Errorf("%s is %v, want an array", name, meta[name])
		return nil
	}
	var words []string
	for _, one := range list {
		word, ok := one.(string)
		if !ok {
			t.Errorf("%s holds %v, want strings", name, one)
		}
		words = append(words, word)
	}
	return words
}

func TestDiscovery_SaysWhatIsRequired(t *testing.T) { // OIDC Discovery §3, protocol.md §3.1, RP-1
	t.Parallel()
	s := shared(t)
	meta := metadata(t, s)

	if meta["issuer"] != s.Issuer || strings.HasSuffix(s.Issuer, "/") {
		t.Errorf("issuer = %v, want %q to the byte, no slash at the end", meta["issuer"], s.Issuer)
	}
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "introspection_endpoint", "revocation_endpoint", "end_session_endpoint",
	} {
		at, _ := meta[name].(string)
		if u, err := url.Parse(at); err != nil || !strings.HasPrefix(at, s.Issuer+"/") || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%s = %q, want an address under the issuer", name, at)
		}
	}
	for name, want := range map[string][]string{
		"response_types_supported":                      {"code"},
		"subject_types_supported":                       {"public", "pairwise"},
		"id_token_signing_alg_values_supported":         {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"},
		"grant_types_supported":                         {"authorization_code", "refresh_token", "client_credentials"},
		"token_endpoint_auth_methods_supported":         {"client_secret_basic", "client_secret_post", "none"},
		"revocation_endpoint_auth_methods_supported":    {"client_secret_basic", "client_secret_post"},
		"introspection_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":              {"S256"},
		"scopes_supported":                              {"openid", "profile", "email", "address", "phone", "offline_access"},
		"claims_supported": {
			"sub", "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
			"birthdate", "zoneinfo", "locale", "updated_at", "email", "email_verified", "address", "phone_number", "phone_number_verified",
		},
	} {
		have := stringsOf(t, meta, name)
		for _, word := range want {
			if !slices.Contains(have, word) {
				t.Errorf("%s = %v, want %q in it", name, have, word)
			}
		}
	}
	// FD-4: "plain" is refused, so it is not offered. FS-4: nor is the password grant. response_mode: query.
	for name, not := range map[string]string{"code_challenge_methods_supported": "plain", "grant_types_supported": "password", "subject_types_supported": "none"} {
		if slices.Contains(stringsOf(t, meta, name), not) {
			t.Errorf("%s offers %q", name, not)
		}
	}
	// True to life: rfc9101_test.go sends them.
	for _, name := range []string{"request_parameter_supported", "request_uri_parameter_supported", "require_request_uri_registration"} {
		if meta[name] != true {
			t.Errorf("%s = %v, want true", name, meta[name])
		}
	}
	if meta["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("authorization_response_iss_parameter_supported = %v, want true (RFC 9207 §3)", meta["authorization_response_iss_parameter_supported"])
	}
}

func TestDiscovery_OnlyRegisteredMembers(t *testing.T) { // RP-1: Authlib passes every member on as a keyword argument
	t.Parallel()
	for name, value := range metadata(t, shared(t)) {
		if !slices.Contains(knownMetadata, name) {
			t.Errorf("member %s is not registered", name)
		}
		if list, isList := value.([]any); value == nil || value == "" || isList && len(list) == 0 {
			t.Errorf("member %s is %v, want members without a value left out", name, value)
		}
	}
}

func TestDiscovery_LocalesAreCanonical(t *testing.T) { // protocol.md §3.1: BCP 47 casing
	t.Parallel()
	for _, tag := range stringsOf(t, metadata(t, shared(t)), "ui_locales_supported") {
		language, region, _ := strings.Cut(tag, "-")
		if language != strings.ToLower(language) || len(region) == 2 && region != strings.ToUpper(region) {
			t.Errorf("ui_locales_supported holds %q, want canonical casing", tag)
		}
	}
}

func TestDiscovery_RFC8414HoldsTheSame(t *testing.T) { // RFC 8414 §3
	t.Parallel()
	s := shared(t)
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	at := issuer.Scheme + "://" + issuer.Host + "/.well-known/oauth-authorization-server" + issuer.Path
	got, _ := json.Marshal(s.get(t, at).want(http.StatusOK).json)
	want, _ := json.Marshal(metadata(t, s))
	if string(got) != string(want) {
		t.Errorf("the document of RFC 8414 differs:\n got %s\nwant %s", got, want)
	}
}

func TestDiscovery_IsPublicAndCacheable(t *testing.T) { // RP-1, FS-9
	t.Parallel()
	s := shared(t)
	for _, at := range []string{s.Issuer + "/.well-known/openid-configuration", s.endpoint(t, "jwks_uri")} {
		a := s.get(t, at).want(http.StatusOK)
		if got := a.header.Get("Cache-Control"); strings.Contains(got, "no-store") || !strings.Contains(got, "max-age") {
			t.Errorf("%s: Cache-Control %q, want a max-age", at, got)
		}
		post := s.call(t, newRequest(t, http.MethodPost, at, url.Values{}))
		if post.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d, want 405", at, post.status)
		}
		tag := a.header.Get("ETag")
		if tag == "" {
			continue
		}
		req := newRequest(t, http.MethodGet, at, nil)
		req.Header.Set("If-None-Match", tag)
		if again := s.call(t, req); again.status != http.StatusNotModified {
			t.Errorf("%s with If-None-Match: status %d, want 304", at, again.status)
		}
	}
}

func TestDiscovery_IssuerMayHaveAPath(t *testing.T) { // RFC 8414 §3.1, OIDC Discovery §4.1
	t.Parallel()
	s := start(t, server.Issuer("http://localhost:PORT/tenant/a"))
	if s.meta["issuer"] != s.Issuer {
		t.Errorf("issuer = %v, want %q", s.meta["issuer"], s.Issuer)
	}
	for name, value := range s.meta {
		if at, ok := value.(string); ok && strings.HasPrefix(at, "http") && name != "issuer" && !strings.HasPrefix(at, s.Issuer+"/") {
			t.Errorf("%s = %s, want it under the issuer's path", name, at)
		}
	}
	// RFC 8414 puts the well-known part before the path.
	before := strings.TrimSuffix(s.Issuer, "/tenant/a") + "/.well-known/oauth-authorization-server/tenant/a"
	if a := s.get(t, before).want(http.StatusOK); a.json["issuer"] != s.Issuer {
		t.Errorf("issuer of %s = %v, want %q", before, a.json["issuer"], s.Issuer)
	}
	// Another issuer's document is not ours to serve.
	for _, wrong := range []string{"/.well-known/oauth-authorization-server/tenant/b", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		if a := s.get(t, strings.TrimSuffix(s.Issuer, "/tenant/a")+wrong); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404: the issuer is %s", wrong, a.status, s.Issuer)
		}
	}
	// Everything works below the path: pages, cookies, tokens, sign-out.
	in := s.signIn(t, server.Web(), "scope", "openid email offline_access")
	if got := s.verify(t, in.id).claims["iss"]; got != s.Issuer {
		t.Errorf("iss = %v, want %q", got, s.Issuer)
	}
	s.userInfo(t, in.access).want(http.StatusOK)
	s.refresh(t, server.Web(), in.refresh).tokens()
	in.b.az(server.Web(), "prompt", "none").wantCode()
	for _, c := range in.b.given {
		if c.Path != "/" {
			t.Errorf("cookie %s has path %q, want /", c.Name, c.Path)
		}
	}
}
