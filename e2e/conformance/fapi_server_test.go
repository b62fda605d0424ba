package conformance

import (
	"crypto"
	"crypto/tls"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// What the suite asks of the server itself: its discovery document, its keys and its TLS.

func playFAPIDiscovery(r *run) {
	f := r.fapi()
	r.checkServer()
	list := func(name string) []any {
		values, ok := r.op.meta[name].([]any)
		if !ok && r.op.meta[name] != nil {
			r.failure("%s = %v is no list", name, r.op.meta[name])
		}
		return values
	}
	wants := func(name string, one ...string) {
		r.Helper()
		if lacks(list(name), one...) {
			r.failure("%s = %v has none of %q", name, r.op.meta[name], one)
		}
	}
	algs := []string{"PS256", "ES256", "EdDSA", "Ed25519"}
	wants("response_types_supported", "code")
	if f.jarm {
		wants("response_modes_supported", "jwt")
		for _, name := range []string{"authorization_signing_alg_values_supported", "authorization_encryption_alg_values_supported", "authorization_encryption_enc_values_supported"} {
			if len(list(name)) == 0 {
				r.failure("%s = %v", name, r.op.meta[name])
			}
		}
	} else if r.op.meta["authorization_response_iss_parameter_supported"] != true {
		r.failure("authorization_response_iss_parameter_supported = %v", r.op.meta["authorization_response_iss_parameter_supported"])
	}
	if f.dpop {
		wants("dpop_signing_alg_values_supported", algs...)
	} else if r.op.meta["tls_client_certificate_bound_access_tokens"] != true {
		r.failure("tls_client_certificate_bound_access_tokens = %v", r.op.meta["tls_client_certificate_bound_access_tokens"])
	}
	wants("id_token_signing_alg_values_supported", algs...)
	wants("token_endpoint_auth_signing_alg_values_supported", algs...)
	if r.op.meta["userinfo_signing_alg_values_supported"] != nil {
		wants("userinfo_signing_alg_values_supported", algs...)
	}
	if f.signs {
		wants("request_object_signing_alg_values_supported", algs...)
	}
	wants("token_endpoint_auth_methods_supported", "private_key_jwt", "tls_client_auth")
	if f.auth == "mtls" {
		wants("token_endpoint_auth_methods_supported", "tls_client_auth", "self_signed_tls_client_auth")
	} else {
		wants("token_endpoint_auth_methods_supported", "private_key_jwt")
	}
	wants("code_challenge_methods_supported", "S256")
	wants("grant_types_supported", "authorization_code")
	wants("scopes_supported", "openid")
	for _, kind := range list("subject_types_supported") {
		if kind != "public" && kind != "pairwise" {
			r.failure("subject_types_supported has %v", kind)
		}
	}
	if required, is := r.op.meta["require_pushed_authorization_requests"]; is && required != true && required != false {
		r.failure("require_pushed_authorization_requests = %v", required)
	}
	r.checkAddresses("authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "jwks_uri")
}

// checkAddresses wants addresses with https in discovery.
func (r *run) checkAddresses(needed ...string) {
	r.Helper()
	for _, name := range append(needed, "registration_endpoint") {
		u, err := url.Parse(r.op.endpoint(name))
		if missing := r.op.endpoint(name) == ""; missing && slices.Contains(needed, name) || err != nil || !missing && (u.Scheme != "https" || u.Host == "") {
			r.failure("%s = %v", name, r.op.meta[name])
		}
	}
	if r.op.meta["issuer"] != r.op.Issuer {
		r.failure("issuer = %v", r.op.meta["issuer"])
	}
}

// checkServer checks the published keys, which every module looks at (RFC 7517; FAPI 2.0 Security Profile §5.4.1).
func (r *run) checkServer() {
	r.Helper()
	var kids []any
	for _, key := range r.op.keys {
		if kid, _ := key["kid"].(string); kid == "" || slices.Contains(kids, any(kid)) {
			r.failure("a published key has the kid %q, which is none or not its own", kid)
		}
		kids = append(kids, key["kid"])
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if key[secret] != nil {
				r.failure("the published key %v has %s", key["kid"], secret)
			}
		}
		n, _ := key["n"].(string)
		if key["kty"] == "RSA" && len(n) < 2048/8*4/3 {
			r.failure("the published key %v has less than 2048 bits", key["kid"])
		}
		if crv, _ := key["crv"].(string); key["kty"] == "EC" && !slices.Contains([]string{"P-256", "P-384", "P-521"}, crv) {
			r.failure("the published key %v is of the curve %q", key["kid"], crv)
		}
	}
}

// checkTLS meets an endpoint with the protocols and suites that RFC 9325 wants and forbids.
func (r *run) checkTLS(address string) {
	r.Helper()
	u, err := url.Parse(address)
	if err != nil {
		r.stop("%v", err)
	}
	meet := func(low, high uint16, suites ...uint16) (*tls.ConnectionState, error) {
		//nolint:gosec // what must be refused is offered
		conn, err := tls.Dial("tcp", r.op.Address, &tls.Config{RootCAs: r.op.roots, ServerName: u.Hostname(), MinVersion: low, MaxVersion: high, CipherSuites: suites})
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		state := conn.ConnectionState()
		return &state, nil
	}
	gcm := []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	}
	if _, err := meet(tls.VersionTLS12, tls.VersionTLS12, gcm...); err != nil {
		r.failure("TLS 1.2 with the suites of RFC 9325 §4.2: %v", err)
	}
	if _, err := meet(tls.VersionTLS10, tls.VersionTLS11); err == nil {
		r.failure("TLS 1.1 or 1.0 is spoken at %s", u.Host)
	}
	if state, err := meet(tls.VersionTLS12, tls.VersionTLS13); err != nil || state.Version != tls.VersionTLS13 { // RFC 9325 §3.1.1
		r.warning("TLS 1.3 is not chosen at %s: %v", u.Host, err)
	}
	var others []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(suite.SupportedVersions, uint16(tls.VersionTLS12)) && !slices.Contains(gcm, suite.ID) && !strings.Contains(suite.Name, "CHACHA20") {
			others = append(others, suite.ID)
		}
	}
	if state, err := meet(tls.VersionTLS12, tls.VersionTLS12, others...); err == nil {
		r.failure("TLS 1.2 with %s at %s", tls.CipherSuiteName(state.CipherSuite), u.Host)
	}
}

// privateJWK is what must never be in a header.
func (r *run) privateJWK(key *proofKey) object {
	r.Helper()
	whole := jose.JSONWebKey{Key: key.private}
	if _, err := whole.Thumbprint(crypto.SHA256); err != nil {
		r.stop("%v", err)
	}
	return r.members(whole)
}
