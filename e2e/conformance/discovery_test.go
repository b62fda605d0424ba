package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// playDiscovery checks the discovery document and the keys.
func playDiscovery(r *run) {
	a := r.call(r.request(http.MethodGet, testedURL+"/.well-known/openid-configuration", nil), nil)
	if a.status != http.StatusOK {
		r.failure("the discovery document: %d", a.status)
	}
	r.wantJSON(a)
	issuer, err := url.Parse(a.str("issuer"))
	if err != nil || issuer.Scheme != "https" || issuer.Host == "" || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil || issuer.String() != testedURL {
		r.failure("issuer = %q, want what the address was made of", a.str("issuer"))
	}
	r.checkEndpoints(a.json)
	r.checkLists(a.json)
	for name := range a.json {
		if !slices.Contains(knownMetadata, name) {
			r.warning("the member %s is none that the suite knows", name)
		}
	}
	for _, name := range []string{"request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported"} {
		if _, ok := a.json[name].(bool); !ok {
			r.failure("%s = %v, want true or false", name, a.json[name])
		}
	}
	r.checkKeys()
}

// checkEndpoints checks that every endpoint is an https address.
func (r *run) checkEndpoints(meta map[string]any) {
	r.Helper()
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"} {
		if meta[name] == nil {
			r.failure("there is no %s", name)
		}
	}
	if meta["userinfo_endpoint"] == nil {
		r.warning("there is no userinfo_endpoint")
	}
	for name, value := range meta {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		text, _ := value.(string)
		if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" {
			r.failure("%s = %v, want an https address", name, value)
		}
	}
}

// checkLists checks what the lists must have.
func (r *run) checkLists(meta map[string]any) {
	r.Helper()
	lists := map[string][]string{}
	for name, value := range meta {
		if !strings.HasSuffix(name, "_supported") {
			continue
		}
		if _, flag := value.(bool); flag {
			continue
		}
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			r.failure("%s = %v, want a list with something in it", name, value)
		}
		for _, one := range list {
			text, ok := one.(string)
			if !ok || text == "" || slices.Contains(lists[name], text) {
				r.failure("%s has %v, want different words", name, one)
			}
			lists[name] = append(lists[name], text)
		}
	}
	must := func(warn bool, name string, words ...string) {
		for _, word := range words {
			if slices.Contains(lists[name], word) {
				continue
			}
			if warn {
				r.warning("%s does not have %s", name, word)
			} else {
				r.failure("%s does not have %s", name, word)
			}
		}
	}
	must(false, "response_types_supported", "code", "id_token", "id_token token")
	must(false, "id_token_signing_alg_values_supported", "RS256")
	must(false, "grant_types_supported", "authorization_code", "implicit")
	must(false, "scopes_supported", "openid")
	must(false, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post")
	must(true, "request_object_signing_alg_values_supported", "RS256")
	must(true, "claims_supported", "sub")
	for _, kind := range lists["subject_types_supported"] {
		if kind != "public" && kind != "pairwise" {
			r.failure("subject_types_supported has %s", kind)
		}
	}
	if len(lists["subject_types_supported"]) == 0 || len(lists["claims_supported"]) == 0 {
		r.failure("subject_types_supported and claims_supported are lists with something in them")
	}
}

// checkKeys checks the published keys, as every module does before it begins.
func (r *run) checkKeys() {
	r.Helper()
	secret := map[string][]string{"RSA": {"d", "p", "q", "dp", "dq", "qi", "oth"}, "EC": {"d"}, "OKP": {"d"}}
	needed := map[string][]string{"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
	var seen []any
	for _, key := range r.op.keys {
		kind, _ := key["kty"].(string)
		if needed[kind] == nil {
			r.warning("a key has kty %v", key["kty"])
		}
		if kid, _ := key["kid"].(string); kid == "" || slices.Contains(seen, key["kid"]) {
			r.failure("a key has kid %v, want each another", key["kid"])
		}
		seen = append(seen, key["kid"])
		for _, name := range secret[kind] {
			if key[name] != nil {
				r.failure("the key %v has its private %s", key["kid"], name)
			}
		}
		for _, name := range needed[kind] {
			text, _ := key[name].(string)
			if _, err := base64.RawURLEncoding.DecodeString(text); err != nil && name != "crv" || text == "" {
				r.failure("the key %v has %s = %v", key["kid"], name, key[name])
			}
		}
		if text, err := json.Marshal(key); err == nil && strings.Contains(string(text), `"kty":"oct"`) {
			r.failure("a symmetric key is published")
		}
	}
}

// knownMetadata are the members that the suite's schema of discovery documents knows, as far as they are ours.
var knownMetadata = strings.Fields(`issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported
	response_modes_supported grant_types_supported token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported service_documentation
	ui_locales_supported op_policy_uri op_tos_uri revocation_endpoint revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
	introspection_endpoint introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported
	userinfo_endpoint end_session_endpoint check_session_iframe subject_types_supported id_token_signing_alg_values_supported id_token_encryption_alg_values_supported
	id_token_encryption_enc_values_supported userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported
	request_object_signing_alg_values_supported request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported display_values_supported
	claim_types_supported claims_supported claims_locales_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported
	require_request_uri_registration acr_values_supported frontchannel_logout_supported frontchannel_logout_session_supported backchannel_logout_supported
	backchannel_logout_session_supported dpop_signing_alg_values_supported pushed_authorization_request_endpoint require_pushed_authorization_requests
	authorization_details_types_supported backchannel_authentication_endpoint backchannel_token_delivery_modes_supported
	backchannel_authentication_request_signing_alg_values_supported backchannel_user_code_parameter_supported authorization_signing_alg_values_supported
	authorization_encryption_alg_values_supported authorization_encryption_enc_values_supported mtls_endpoint_aliases tls_client_certificate_bound_access_tokens
	authorization_response_iss_parameter_supported device_authorization_endpoint require_signed_request_object introspection_signing_alg_values_supported
	introspection_encryption_alg_values_supported introspection_encryption_enc_values_supported prompt_values_supported client_id_metadata_document_supported`)
