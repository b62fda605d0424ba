package idp

import (
	"slices"
	"strings"
)

// RequestedScopes reads the parameter scope of an authorization request: its words, sorted, each once. A request that names none asks
// for what the client may have (RFC 6749 §3.3), without offline_access, which a person must see asked for.
func (c *Client) RequestedScopes(parameter string) []string {
	asked := slices.Compact(slices.Sorted(strings.FieldsSeq(parameter)))
	if len(asked) > 0 {
		return asked
	}
	return slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return s == ScopeOfflineAccess })
}

// ParamClaimScopes is where an interaction keeps the scopes of the claims that a request asks for by name: releasing one claim of a scope needs the
// same consent as all of them. No parameter of a request is kept under this name.
const ParamClaimScopes = "idp:claim_scopes"

// ConsentScopes returns what a person is asked to allow: the scopes of the request, and those of the claims that it asks for by name.
func ConsentScopes(scopes, ofClaims []string) []string {
	if len(ofClaims) == 0 {
		return scopes
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(scopes, ofClaims))))
}

// AboutPerson reports whether a scope is one of this server's own, which say who a person is. Every other is for an API.
func AboutPerson(scope string) bool {
	switch scope {
	case ScopeOpenID, ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone, ScopeOfflineAccess, ScopeRoles:
		return true
	}
	return false
}
