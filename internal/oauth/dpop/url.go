package dpop

import (
	"net/url"
	"strings"
)

const urlMost = 2048

// sameURL reports whether a proof's htu names one of the addresses, whatever its query and fragment (RFC 9449 §4.3).
func sameURL(htu string, addresses []string) bool {
	if len(htu) > urlMost {
		return false
	}
	plain := htu
	if i := strings.IndexAny(plain, "?#"); i >= 0 {
		plain = plain[:i]
	}
	for _, a := range addresses {
		if a == plain {
			return true
		}
	}
	given, ok := normal(plain)
	if !ok {
		return false
	}
	for _, a := range addresses {
		if want, ok := normal(a); ok && want == given {
			return true
		}
	}
	return false
}

// normal applies RFC 3986 §6.2.2 and §6.2.3, as RFC 9449 §4.3 asks for: case of scheme and host, default ports, escapes, dot segments.
func normal(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", false
	}
	u = (&url.URL{}).ResolveReference(u) // takes the dot segments out
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	path := unescapeUnreserved(u.EscapedPath())
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, ":") + path, true
}

// unescapeUnreserved decodes the escapes that need not be, and writes the others in capitals.
func unescapeUnreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		hex := path[i : i+3]
		if plain, err := url.PathUnescape(hex); err == nil && strings.Contains(unreserved, plain) {
			b.WriteString(plain)
		} else {
			b.WriteString(strings.ToUpper(hex))
		}
		i += 2
	}
	return b.String()
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
