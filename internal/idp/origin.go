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

// MaxOrigin is how long an origin may be that is looked up, in bytes.
const MaxOrigin = 255

// Origins returns where browser applications of this client may call the token and UserInfo endpoints from: its AllowedOrigins, or,
// where it has none, the origins of its redirect URIs.
func (c *Client) Origins() []string {
	if len(c.AllowedOrigins) > 0 {
		return c.AllowedOrigins
	}
	var origins []string
	for _, uri := range c.RedirectURIs {
		if origin := OriginOf(uri); origin != "" {
			origins = append(origins, origin)
		}
	}
	return origins
}

// OriginOf returns the origin of an address as browsers write it (RFC 6454 §6.2): with the port, unless it is the scheme's own. It is
// empty for an address without a scheme or a host.
func OriginOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.Scheme == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// WithQuery appends parameters to a registered address without touching a letter of it: it may have a query of its own (RP-2).
func WithQuery(uri string, params url.Values) string {
	if len(params) == 0 {
		return uri
	}
	sep := "?"
	if strings.Contains(uri, "?") {
		sep = "&"
	}
	return uri + sep + params.Encode()
}
