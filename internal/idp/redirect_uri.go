package idp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// CodeRedirectURI is the code of every fault of a redirect URI.
const CodeRedirectURI = "redirect_uri_invalid"

const maxURI = 2048

// MatchRedirectURI reports whether got is one of the registered redirect URIs: the same bytes (OpenID Connect Core §3.1.2.1,
// RFC 9700 §2.1, RFC 8252 §8.4), or a loopback address that differs in the port alone (RFC 8252 §7.3). Nothing is decoded, folded or
// normalised, so that no two readers of a URI can disagree.
func MatchRedirectURI(registered []string, got string) bool {
	if got == "" || len(got) > maxURI {
		return false
	}
	if slices.Contains(registered, got) {
		return true
	}
	want, loopback := cutLoopbackPort(got)
	if !loopback {
		return false
	}
	return slices.ContainsFunc(registered, func(r string) bool {
		have, ok := cutLoopbackPort(r)
		return ok && have == want
	})
}

// cutLoopbackPort returns a loopback redirect URI without its port. ok is false for every other URI. "localhost" is none: it may resolve
// elsewhere (RFC 8252 §8.3), so its port is compared like any other's.
func cutLoopbackPort(uri string) (rest string, ok bool) {
	for _, origin := range [...]string{"http://127.0.0.1", "http://[::1]"} {
		after, found := strings.CutPrefix(uri, origin)
		if !found {
			continue
		}
		if port, hasPort := strings.CutPrefix(after, ":"); hasPort {
			digits := port
			if end := strings.IndexAny(port, "/?"); end >= 0 {
				digits = port[:end]
			}
			if !isPort(digits) {
				return "", false
			}
			after = port[len(digits):]
		}
		// What follows the host must be a path or a query: "http://127.0.0.1.evil.example" is somebody else's.
		if after != "" && after[0] != '/' && after[0] != '?' {
			return "", false
		}
		return origin + after, true
	}
	return "", false
}

// redirectURIFault says what is wrong with a redirect URI, as the rest of a sentence that begins with it. It takes only
// spellings that every parser reads alike: the attack is a URI whose host is one thing here and another in a browser (SEC-1).
func redirectURIFault(uri string) string {
	if why := uriTextFault(uri); why != "" {
		return why
	}
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case !found || !isScheme(scheme):
		return "is not absolute. Write it in full, such as https://app.example/callback, with the scheme in lower case."
	case strings.Contains(uri, "#"):
		return "has a fragment (#), which RFC 6749 §3.1.2 forbids. Leave it out."
	case strings.Contains(uri, "*"):
		return "has a wildcard (*). Redirect URIs are compared as they are: register each one."
	}
	after, hasAuthority := strings.CutPrefix(rest, "//")
	authority := after
	if end := strings.IndexAny(after, "/?"); end >= 0 {
		authority = after[:end]
	}
	tail := after[len(authority):]
	if !hasAuthority {
		authority, tail = "", rest
	}
	switch {
	case strings.Contains(authority, "@"):
		return "has user information (@) before its host. Leave it out."
	case hasDotSegment(tail):
		return "has a dot segment (/./ or /../), which browsers resolve before they follow it. Write the path that is meant."
	}
	switch {
	case scheme == "https" || scheme == "http": // RFC 8252 §7.2: an app may claim an https address
		if !hasAuthority || authority == "" {
			return "has no host. Write it in full, such as https://app.example/callback."
		}
		host, why := hostFault(authority)
		if why != "" {
			return why
		}
		if scheme == "http" && !isLoopback(host) {
			return "is not encrypted: http is for this computer only (localhost, 127.0.0.1, [::1]). Use https."
		}
		return ""
	case !hasAuthority && rest != "" && rest[0] >= '0' && rest[0] <= '9' && !strings.Contains(scheme, "."):
		return "begins with a host and a port. Write http:// before it if it is on this computer (localhost), https:// otherwise."
	case !strings.Contains(scheme, "."):
		// RFC 8252 §7.1: also keeps out javascript:, data:, vbscript:, file: and whatever comes next.
		return "has a scheme that is neither https nor an app's own. An app's own is its domain name reversed, such as com.example.app:/callback."
	case hasAuthority && authority == "" || tail == "" && !hasAuthority:
		return "has nothing behind its scheme. Write it like com.example.app:/callback."
	}
	return ""
}

// uriTextFault refuses text that one reader repairs and the next does not: spaces and control characters, which browsers cut out;
// backslashes, which they take for slashes; full-width dots and slashes, which they fold.
func uriTextFault(uri string) string {
	switch {
	case uri == "":
		return "is empty."
	case len(uri) > maxURI:
		return fmt.Sprintf("is longer than %d bytes.", maxURI)
	}
	for i := 0; i < len(uri); i++ {
		switch c := uri[i]; {
		case c <= ' ' || c == 0x7f:
			return "has a space or a control character. Write spaces as %20."
		case c > 0x7f:
			return "has characters beyond ASCII. Write the host in punycode and the rest percent-encoded."
		case c == '\\':
			return `has a backslash, which browsers take for a slash. Use "/".`
		case strings.IndexByte("\"<>^`{|}", c) >= 0:
			return fmt.Sprintf("has the character %q, which RFC 3986 does not allow. Percent-encode it.", c)
		case c == '%' && (i+2 >= len(uri) || !isHex(uri[i+1]) || !isHex(uri[i+2])):
			return "has a percent sign that two hexadecimal digits do not follow."
		}
	}
	return ""
}

// hostFault splits a host from its port, and says what is wrong with them.
func hostFault(authority string) (host, why string) {
	host, port, hasPort := authority, "", false
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", "has a broken IPv6 address as host."
		}
		host = authority[:end+1]
		if authority[end+1:] != "" {
			port, hasPort = strings.CutPrefix(authority[end+1:], ":")
			if !hasPort {
				return "", "has a broken IPv6 address as host."
			}
		}
		if !isIPv6(host[1 : len(host)-1]) {
			return "", "has a broken IPv6 address as host. Write it in its short form, in lower case."
		}
	} else if before, after, found := strings.Cut(authority, ":"); found {
		host, port, hasPort = before, after, true
	}
	if hasPort && !isPort(port) {
		return "", "has a port that is not a number from 1 to 65535."
	}
	if !strings.HasPrefix(host, "[") && !isHostName(host) {
		return "", "has a host that is no domain name in lower case. Write it like app.example (punycode for other letters)."
	}
	return host, ""
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}

// isHostName reports whether host is a domain name of lower-case letters, digits and dashes, or a dotted IPv4 address. A name whose last
// label begins with a digit must be the latter: browsers read "0x7f.1" and "2130706433" as addresses.
func isHostName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	if last := labels[len(labels)-1]; last[0] < '0' || last[0] > '9' {
		return true
	}
	return isIPv4(host)
}

// hasDotSegment reports whether the path of a URI's tail has "." or ".." as a segment, plain or percent-encoded.
func hasDotSegment(tail string) bool {
	path, _, _ := strings.Cut(tail, "?")
	path = strings.ReplaceAll(strings.ReplaceAll(path, "%2e", "."), "%2E", ".")
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.') {
			continue
		}
		return false
	}
	return s != "" && len(s) <= 128
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0' && s[0] != '+'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// quote shows a stranger's text in a message: bounded, with whatever is not plain ASCII escaped.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strconv.QuoteToASCII(s)
}

// isIPv4 and isIPv6 take an address only in the one spelling in which it is printed.
func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4() && a.String() == s
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == "" && a.String() == s
}
