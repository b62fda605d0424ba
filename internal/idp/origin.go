package idp

import (
	"net/url"
	"slices"
)

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
