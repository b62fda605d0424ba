package oauth

import (
	"slices"
	"strings"

	"idp/internal/idp"
)

// readMode finds out what the answer will be and how it travels, before anything else is checked: errors go the same way (OAuth 2.0 Multiple Response
// Types §2.1, OpenID Connect Core §3.2.2.6, §3.3.2.6). What is wrong with either is told by checkResponseType and checkResponseMode, after the faults that come before them.
func (a *authorizeRequest) readMode() {
	words := a.Params.Get("response_type")
	t, known := idp.ParseResponseType(words)
	if !known {
		// An application that asks for a token looks for the error where it looks for tokens (RFC 6749 §4.2.2.1).
		for word := range strings.SplitSeq(words, " ") {
			t.Token = t.Token || word == "token"
			t.IDToken = t.IDToken || word == "id_token"
		}
	}
	a.ResponseType, a.typeKnown = t, known
	mode, ok := idp.ParseResponseMode(a.Params.Get("response_mode"), t)
	a.modeFault = ""
	switch {
	case !ok:
		a.modeFault = "The response_mode is not supported."
	case mode.Carrier == idp.ModeQuery && t.Front():
		// OAuth 2.0 Multiple Response Types §5, JARM §2.3.1: a token in a query ends in logs, histories and referrers.
		a.modeFault = "The response_mode query is not for answers with a token."
		mode.Carrier = idp.ModeFragment
	case mode.Carrier == idp.ModeFormPost && !strings.HasPrefix(a.RedirectURI, "https://") && !strings.HasPrefix(a.RedirectURI, "http://"):
		a.modeFault = "The response_mode form_post needs a redirect_uri that takes a POST."
		mode, _ = idp.ParseResponseMode("", t)
	case !a.Client.TakesMode(mode, t):
		a.modeFault = "The client is not registered for this response_mode."
		mode = a.Client.FirstMode(t)
	}
	a.ResponseMode = mode
}

// checkResponseType takes what is known and registered (RFC 6749 §3.1.1).
func checkResponseType(a *authorizeRequest) error {
	words := a.Params.Get("response_type")
	switch {
	case words == "":
		return a.fail(idp.CodeInvalidRequest, "The parameter response_type is missing.", "RFC 6749 §4.1.2.1", "response_type, such as code", "Add it to the application's request; every OAuth library sends it.")
	case !a.typeKnown:
		a.Trace.Fail(idp.Check{
			Name: "response_type", Expected: strings.Join(a.Client.ResponseTypes, ", or "), Received: printable(words),
			Mend: "Set the application to the authorization code flow, with PKCE.", Clause: "RFC 6749 §4.1.2.1",
		})
		return &redirectFault{idp.CodeUnsupportedResponseType, "The response_type is not supported: use code."}
	case !a.Client.MayAnswer(a.ResponseType):
		a.Trace.Fail(idp.Check{
			Name: "client may use the response_type", Expected: strings.Join(a.Client.ResponseTypes, ", or "), Received: words,
			Mend: "Set the application to the authorization code flow, with PKCE; or register the response type for the client.", Clause: "RFC 6749 §4.1.2.1, §4.2.2.1",
		})
		return &redirectFault{idp.CodeUnauthorizedClient, "The client is not registered for this response_type."}
	}
	return nil
}

// checkResponseMode refuses what readMode could not follow.
func checkResponseMode(a *authorizeRequest) error {
	if a.modeFault != "" {
		return a.fail(idp.CodeInvalidRequest, a.modeFault, "OAuth 2.0 Multiple Response Types §2.1", "a response_mode that the response_type allows, and that the client may have", "Leave response_mode out of the application's request, or use one of response_modes_supported in the discovery document.")
	}
	return nil
}

// checkFront checks what a token through the browser needs beyond a code.
func checkFront(a *authorizeRequest) error {
	t := a.ResponseType
	if t.IDToken && !slices.Contains(a.Scopes, idp.ScopeOpenID) {
		return a.fail(idp.CodeInvalidRequest, "This response_type needs the scope openid.", "OpenID Connect Core §3.2.2.1", "openid among the scopes", "Add openid to the scopes that the application asks for, or use response_type=code.")
	}
	if t.IDToken && a.Nonce == "" {
		// OpenID Connect Core §3.2.2.1, §3.3.2.11, §16.6: without it an ID token that was caught elsewhere could be slipped in.
		return a.fail(idp.CodeInvalidRequest, "The parameter nonce is missing: this response_type needs it.", "OpenID Connect Core §3.2.2.1", "a nonce of the application's own", "Switch nonce on in the application's library, or use response_type=code.")
	}
	if !t.Code {
		// OpenID Connect Core §11: offline_access is ignored where no code is given; RFC 6749 §4.2.2: no refresh token comes this way.
		a.Scopes = slices.DeleteFunc(a.Scopes, func(scope string) bool { return scope == idp.ScopeOfflineAccess })
	}
	return nil
}

// assured reports whether the answer reaches the client and nobody else without asking the person. A secret vouches for who redeems a code;
// a token is with whoever receives the answer.
func (a *authorizeRequest) assured() bool {
	if a.ResponseType.Front() {
		return strings.HasPrefix(a.RedirectURI, "https://")
	}
	return a.Client.Assured(a.RedirectURI)
}
