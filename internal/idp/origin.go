package idp

import (
	"net/url"
	"strings"
)

// Assured reports whether an answer at redirectURI reaches this client and no other: it has a secret to redeem the code with, or the
// address is an https one that only its owner can serve. Any application on the person's machine can listen at a loopback
// port or claim a scheme of its own (RFC 8252 §8.6, RFC 6749 §10.2).
func (c *Client) Assured(redirectURI string) bool {
	return !c.Public() || strings.HasPrefix(redirectURI, "https://")
}

// Origins returns where browser applications of this client may call the token and UserInfo endpoints from: its AllowedOrigins, or,
// where it has none, the origins of its redirect URIs.
func (c *Client) Origins() []string {
	if len(c.AllowedOrigins) > 0 {
		return c.AllowedOrigins
	}
	var origins []string
	for _, uri := range c.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && u.Host != "" {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return origins
}
