package idp

import (
	"slices"
	"strings"
)

// RequestObjectUnsigned is the request_object_signing_alg of a client that signs nothing (OpenID Connect Core §6.1).
const RequestObjectUnsigned = "none"

// ClientRequests is what a client's authorization requests must be like, and may carry (RFC 9126, RFC 9101, OpenID Connect Dynamic Client
// Registration §2).
type ClientRequests struct {
	RequirePushedRequests      bool     `json:"require_pushed_authorization_requests,omitempty" doc:"Take only requests that were pushed (RFC 9126)"`
	RequireSignedRequestObject bool     `json:"require_signed_request_object,omitempty" doc:"Take only requests in a request object that the client signed; nothing beside it counts (RFC 9101)"`
	RequestObjectSigningAlg    string   `json:"request_object_signing_alg,omitempty" doc:"The algorithm of its request objects; none lets it send unsigned ones; without it any algorithm of its keys"`
	RequestURIs                []string `json:"request_uris,omitempty" doc:"Where its request objects may be read, to the letter; behind # a SHA-256 of what is there is checked"`
	Resources                  []string `json:"resources,omitempty" doc:"What it may ask tokens for by the parameter resource (RFC 8707), beside its audience"`
	AuthorizationDetailsTypes  []string `json:"authorization_details_types,omitempty" doc:"Types of authorization details that it may ask for (RFC 9396)"`
}

// checkRequests checks what a client says about its authorization requests.
func (c *Client) checkRequests(f *faults) {
	if c.RequirePushedRequests && !c.makesRequests() {
		f.add("require_pushed_authorization_requests", "The client makes no authorization requests. Leave %s out.", "require_pushed_authorization_requests")
	}
	algs := append(slices.Clone(SupportedSigningAlgs()), RequestObjectUnsigned)
	switch alg := c.RequestObjectSigningAlg; {
	case alg != "" && !slices.Contains(algs, alg):
		f.add("request_object_signing_alg", "%s is not supported. Use %s.", quote(alg), list(algs))
	case alg == RequestObjectUnsigned && c.RequireSignedRequestObject:
		f.add("request_object_signing_alg", "Request objects are to be signed, and %q is no signature. Name an algorithm, or leave require_signed_request_object out.", RequestObjectUnsigned)
	case !c.HasKeys() && (alg != "" && alg != RequestObjectUnsigned || c.RequireSignedRequestObject):
		f.add("request_object_signing_alg", "The client has no keys to sign with. Register jwks or jwks_uri.")
	}
	checkEntries(f, "resources", c.Resources, func(resource string) string {
		if ValidResource(resource) {
			return ""
		}
		return quote(resource) + " is no absolute URI without a fragment (RFC 8707 §2)."
	})
	checkEntries(f, "authorization_details_types", c.AuthorizationDetailsTypes, func(name string) string {
		if ValidAuthorizationType(name) {
			return ""
		}
		return quote(name) + " is not one word of at most 128 ASCII characters."
	})
	checkEntries(f, "request_uris", c.RequestURIs, func(uri string) string {
		if isWebAddress(uri) {
			return ""
		}
		return quote(uri) + " is no https address. Write it in full, such as https://app.example/request.jwt."
	})
}

// IsDigest reports whether s is base64url of 32 bytes, with or without its padding: what may stand behind # in a request_uri, and is compared then. OpenID
// Connect Core §6.2: a client SHOULD write it there; some write a mark of their own, which promises nothing.
func IsDigest(s string) bool {
	s = strings.TrimSuffix(s, "=")
	return len(s) == 43 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// ValidResource reports whether a resource indicator has the form that it must have: an absolute URI without a fragment (RFC 8707 §2).
func ValidResource(s string) bool {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || rest == "" || !isScopeToken(s) || strings.Contains(s, "#") {
		return false
	}
	return !strings.ContainsFunc(scheme, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '-' && r != '.'
	}) && scheme != ""
}

// MayTarget reports whether the client may ask for tokens for a resource.
func (c *Client) MayTarget(resource string) bool {
	return slices.Contains(c.Resources, resource) || slices.Contains(c.Audience, resource)
}
