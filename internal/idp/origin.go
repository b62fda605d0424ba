package idp

import (
	"net/url"
	"slices"
	"strings"
)

// Assured reports whether an answer at redirectURI reaches this client and no other: it has a secret to redeem the code with, or the
// address is an https one that only its owner can serve. Any application on the person's machine can listen at a loopback
// port or claim a scheme of its own (RFC 8252 §8.6, RFC 6749 §10.2).
func (c *Client) Assured(redirectURI string) bool {
	return !c.Public() || strings.HasPrefix(redirectURI, "https://")
}

// AllowsOrigin reports whether a browser application at origin may call the token and UserInfo endpoints for this client: its
// AllowedOrigins, or, where it has none, the origins of its https redirect URIs.
func (c *Client) AllowsOrigin(origin string) bool {
	if len(c.AllowedOrigins) > 0 {
		return slices.Contains(c.AllowedOrigins, origin)
	}
	for _, uri := range c.RedirectURIs {
		u, err := url.Parse(uri)
		if err == nil && u.Host != "" && u.Scheme+"://"+u.Host == origin {
			return true
		}
	}
	return false
}
