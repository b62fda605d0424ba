package idp

import (
	"slices"
)

// ClientRequests is what a client's authorization requests must be like, and may carry (RFC 9126, RFC 9101, RFC 8707, RFC 9396, OpenID Connect
// Dynamic Client Registration §2).
type ClientRequests struct {
	RequirePushedRequests bool `json:"require_pushed_authorization_requests,omitempty" doc:"Take only requests that were pushed (RFC 9126)"`
}

// checkRequests checks what a client says about its authorization requests.
func (c *Client) checkRequests(f *faults) {
	if c.RequirePushedRequests && !slices.Contains(c.GrantTypes, GrantAuthorizationCode) && len(c.ResponseTypes) == 0 {
		f.add("require_pushed_authorization_requests", "The client makes no authorization requests. Leave %s out.", "require_pushed_authorization_requests")
	}
}
