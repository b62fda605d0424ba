package conformance

import (
	"slices"
	"strings"
)

// The plans of FAPI 2.0 Security Profile and Message Signing, Final: private_key_jwt or mtls for the client, DPoP or mtls for its tokens. The suite
// calls the modules of both by the same names.

const fapiPrefix = "fapi2-security-profile-final-"

func fapiPlans() []playedPlan {
	var list []playedPlan
	for _, signing := range []bool{false, true} {
		for _, auth := range []string{"jwt", "mtls"} {
			for _, bound := range []string{"dpop", "mtls"} {
				file := "fapi2-security-"
				if signing {
					file = "fapi2-signing-"
				}
				method := map[string]string{"jwt": "private_key_jwt", "mtls": "mtls"}[auth]
				var ids []string
				for _, m := range fapiTable() {
					if (!strings.Contains(m.when, "J") || auth == "jwt") && (!strings.Contains(m.when, "D") || bound == "dpop") && (!strings.Contains(m.when, "S") || signing) {
						ids = append(ids, m.id)
					}
				}
				list = append(list, playedPlan{file + auth + "-" + bound, []entry{{variant{responseType: "code", auth: method}, ids}}})
			}
		}
	}
	return list
}

func fapiModules() []module {
	var list []module
	for _, m := range fapiTable() {
		list = append(list, m.module)
	}
	return list
}

// fapiModule is a module of these plans, and when it is played: J with private_key_jwt alone, D with DPoP alone, S where requests are signed.
type fapiModule struct {
	module
	when string
}

func fapiTable() []fapiModule {
	m := func(id, when, shows string, play func(*run)) fapiModule {
		return fapiModule{module{id: fapiPrefix + id, shows: shows, play: play}, when}
	}
	review := func(f fapiModule, at string) fapiModule {
		f.verdict = "REVIEW: " + at
		return f
	}
	return slices.Concat([]fapiModule{
		m("discovery-end-point-verification", "", "discovery says what the profile wants", playFAPIDiscovery),
		m("happy-flow", "", "two clients go all the way; tokens of the one are nothing to the other; TLS", playFAPIHappy),
		m("user-rejects-authentication", "", "who cancels the sign-in sends access_denied", playFAPIRejects),
		m("ensure-authorization-request-without-state-success", "", "no state, none back", playFAPIWithout("state")),
		m("ensure-authorization-request-without-nonce-success", "", "no nonce, none in the ID token", playFAPIWithout("nonce")),
		m("ensure-authorization-request-with-64-char-nonce-success", "", "a nonce of 64 characters", playFAPILong("nonce", 64)),
		m("ensure-other-scope-order-succeeds", "", "scopes in another order", playFAPIScopeOrder),
		m("test-claims-parameter-identity-claims", "", "every standard claim by the claims parameter", playFAPIClaims),
		m("access-token-type-header-case-sensitivity", "", "the scheme of Authorization in another case", playFAPISchemeCase),
		m("ensure-different-nonce-inside-and-outside-request-object", "", "a nonce beside the request_uri is nothing", playFAPIBeside("nonce")),
		m("ensure-different-state-inside-and-outside-request-object", "", "a state beside the request_uri is nothing", playFAPIBeside("state")),
		m("ensure-authorization-request-with-long-nonce", "", "a nonce of 384 characters comes back whole", playFAPILong("nonce", 384)),
		m("ensure-authorization-request-with-long-state", "", "a state of 1000 characters comes back whole", playFAPILong("state", 1000)),
		m("state-only-outside-request-object-not-used", "", "a state that was not pushed does not come back", playFAPIStateOutside),
		m("ensure-request-object-without-redirect-uri-fails", "", "a pushed request without redirect_uri is refused", playFAPINotPushed([]any{"redirect_uri", nil}, "invalid_request", "invalid_request_object")),
		m("plain-fapi-tolerate-unregistered-redirect-uri", "", "an unregistered redirect_uri is refused at PAR", playFAPIUnregistered),
		m("ensure-unsigned-authorization-request-without-using-par-fails", "", "nothing goes without PAR", playFAPIWithoutPAR),
		m("ensure-redirect-uri-in-authorization-request", "", "a request without redirect_uri is refused", playFAPINotPushed([]any{"redirect_uri", nil}, "invalid_request", "invalid_request_object")),
		m("ensure-response-type-code-idtoken-fails", "", "code id_token is refused", playFAPINotPushed([]any{"response_type", "code id_token"}, "unsupported_response_type", "invalid_request", "unauthorized_client")),
		m("ensure-response-type-token-fails", "", "token is refused", playFAPINotPushed([]any{"response_type", "token"}, "unsupported_response_type", "invalid_request", "unauthorized_client")),

		m("ensure-client-id-in-token-endpoint", "", "a code with another client's id is refused", playFAPIWrongClientID),
		m("ensure-holder-of-key-required", "", "no tokens without proof or certificate; TLS of every endpoint", playFAPIKeyless),
		m("ensure-authorization-code-is-bound-to-client", "", "a code is nothing to another client", playFAPICodeOfAnother),
		m("attempt-reuse-authorization-code-after-one-second", "", "a code goes once, and takes its tokens along", playFAPICodeTwice),
		m("ensure-token-endpoint-fails-with-expired-auth-code", "", "a code is dead after a minute", playFAPICodeLate),
		m("refresh-token", "", "refresh tokens work again, for their client alone, with proof alone", playFAPIRefresh),

		review(m("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", "", "a page that is loaded twice goes on", playFAPIOpenedTwice), "the sign-in page"),
		review(fapiModule{module{id: fapiPrefix + "par-attempt-reuse-request_uri", shows: "a request_uri that was answered is dead", play: playFAPIRequestURITwice}, ""}, "the page of a dead request_uri"),
		review(m("par-attempt-to-use-expired-request_uri", "", "a request_uri that has expired is dead", playFAPIRequestURILate), "the page of a dead request_uri"),
		review(m("par-attempt-to-use-request_uri-for-different-client", "", "a request_uri is its client's alone", playFAPIRequestURIOfAnother), "the page of a dead request_uri"),
		m("par-authorization-request-containing-request_uri-form-param", "", "request_uri cannot be pushed", playFAPIRequestURIPushed),
		m("par-attempt-invalid-http-method", "", "PUT is no way to push", playFAPIPut),
		m("par-ensure-pkce-required", "", "nothing goes without PKCE", playFAPINotPushed([]any{"code_challenge", nil, "code_challenge_method", nil}, "invalid_request")),
		m("ensure-pkce-code-verifier-required", "", "a code without its verifier is refused", playFAPIVerifier("")),
		m("incorrect-pkce-code-verifier-rejected", "", "a code with another verifier is refused", playFAPIVerifier(text(48))),
		m("par-plain-pkce-rejected", "", "PKCE is S256", playFAPIPlainPKCE),
		m("par-without-duplicate-parameters", "", "client_id and request_uri are enough", playFAPIBare),
	}, fapiObjectTable(m), fapiAssertionTable(m), fapiDPoPTable(m))
}
