package idp

import "slices"

// Wire words of RFC 8628 and OpenID Connect CIBA.
const (
	GrantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"
)

// hasPeople reports whether some grant of the client ends in tokens for a person, so that scopes about people and refresh tokens make
// sense.
func (c *Client) hasPeople() bool {
	return slices.ContainsFunc([]string{GrantAuthorizationCode, GrantDeviceCode}, func(grant string) bool {
		return slices.Contains(c.GrantTypes, grant)
	})
}
