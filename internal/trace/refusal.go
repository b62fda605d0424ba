package trace

import "idp/internal/idp"

// complete sees to it that the checks of a refused request tell everything that a developer needs.
func (t *T) complete(code, description string) {
	expected, mend := meaning(code)
	failed := false
	for i := range t.Checks {
		c := &t.Checks[i]
		if c.OK {
			continue
		}
		failed = true
		fill(&c.Name, code)
		fill(&c.Expected, expected)
		fill(&c.Received, clean(description), "what the error says")
		fill(&c.Mend, mend)
	}
	if failed {
		return
	}
	c := idp.Check{Name: code, Expected: expected, Received: clean(description), Mend: mend}
	fill(&c.Received, "what the error says")
	if len(t.Checks) >= checksMost {
		t.Checks = t.Checks[:checksMost-1]
	}
	t.Checks = append(t.Checks, c)
}

// fill gives an empty text the first of the others that is not empty.
func fill(text *string, others ...string) {
	for _, other := range others {
		if *text == "" {
			*text = other
		}
	}
}

// meaning returns what an error wants of a request, and what its developer or the operator does about it.
func meaning(code string) (expected, mend string) {
	switch code {
	case idp.CodeInvalidClient:
		return "a registered client that is switched on and proves who it is as it is registered", "Compare the application's client_id, and its way of authenticating, with `idp client get ID`."
	case idp.CodeUnauthorizedClient:
		return "a client that is registered for what it asks", "`idp client update ID --add-grant …`, if it should have it; `idp client get ID` shows what it has."
	case idp.CodeInvalidGrant, idp.CodeExpiredToken:
		return "a code or token that is good, and this client's", "Begin the sign-in again; use each code once, and the newest refresh token."
	case idp.CodeInvalidScope:
		return "scopes that the client may have", "`idp client update ID --add-scope …`, or take it out of the application's request."
	case idp.CodeInvalidTarget:
		return "resources that the client may have tokens for", "`idp client update ID --resource …`, or take it out of the application's request; `idp resource list` shows which there are."
	case idp.CodeInvalidAuthorizationDetails:
		return "authorization details of types that are registered for the client", "Compare with `idp authorization-type list` and `idp client get ID`."
	case idp.CodeUnsupportedGrantType, idp.CodeUnsupportedResponseType, idp.CodeRegistrationNotSupported, idp.CodeRequestNotSupported, idp.CodeRequestURINotSupported:
		return "something that the discovery document lists", "Configure the application by the discovery document, /.well-known/openid-configuration."
	case idp.CodeAccessDenied:
		return "a person who allows it", "Ask again when the person wants it; nothing is wrong with the request."
	case idp.CodeLoginRequired, idp.CodeConsentRequired, idp.CodeInteractionRequired, idp.CodeAccountSelectionRequired:
		return "an answer without asking the person", "Send the request again without prompt=none, so that the person can be asked."
	case idp.CodeUnmetAuthenticationRequirements:
		return "a sign-in of the kind that is asked for", "Compare acr_values of the request with acr_values_supported of the discovery document, and with what the person has to sign in with."
	case idp.CodeInvalidDPoPProof, idp.CodeUseDPoPNonce:
		return "a DPoP proof for this very request", "Make a new proof for each request, with the nonce of the last DPoP-Nonce header; client libraries do it."
	case idp.CodeInvalidRequestObject, idp.CodeInvalidRequestURI:
		return "a request object that this server can read, by a key of the client", "Compare it with the client's keys and with request_object_signing_alg in `idp client get ID`."
	case idp.CodeSlowDown, "too_many_sign_ins":
		return "fewer requests in this time", "Wait for as long as the answer says before the next request."
	case idp.CodeServerError, "internal":
		return "a server without a fault", "Look for the request's id in the server's log, which has the cause."
	case idp.CodeTemporarilyUnavailable, "unavailable":
		return "a server that has what it needs, and not too many requests", "Try again after the time in Retry-After; `idp doctor` looks at the server."
	case "redirect_loop":
		return "an application that keeps its own session", "Look at the application's cookies: it sends people here again right after they came back."
	}
	return "a request as the specification of this endpoint describes it", "Change this in the request that the application sends; the sentence says what is wrong with it."
}
