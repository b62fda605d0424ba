package idp

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzIsClientURL: what passes for the address of a client document has one reading: https, a host, a path, nothing hidden in it.
func FuzzIsClientURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, id string) {
		if !IsClientURL(id) {
			return
		}
		u, err := url.Parse(id)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path == "" || u.Fragment != "" || u.RawQuery != "" || u.String() != id {
			t.Errorf("%q is taken, and read as %v, %v", id, u, err)
		}
		if strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./") {
			t.Errorf("%q has dot segments", id)
		}
	})
}

// FuzzCanonicalNames: the one form of an address or a name is a form of itself, so that no two rows can be one person's.
func FuzzCanonicalNames(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if email, ok := CanonicalEmail(text); ok {
			if again, ok := CanonicalEmail(email); !ok || again != email || strings.Count(email, "@") != 1 || strings.ContainsAny(email, " \r\n\x00<>") || !utf8.ValidString(email) {
				t.Errorf("%q is %q, which is %q, %v", text, email, again, ok)
			}
		}
		if name, ok := CanonicalUsername(text); ok {
			if again, ok := CanonicalUsername(name); !ok || again != name || strings.ContainsAny(name, "@ \r\n\x00<>") {
				t.Errorf("%q is %q, which is %q, %v", text, name, again, ok)
			}
			if _, both := CanonicalEmail(text); both {
				t.Errorf("%q is a name and an address", text)
			}
		}
	})
}

// FuzzOriginOf: an origin is a scheme and a host, as browsers write it: never a path, a user or a fragment with it.
func FuzzOriginOf(f *testing.F) {
	f.Fuzz(func(t *testing.T, uri string) {
		origin := OriginOf(uri)
		if origin == "" {
			return
		}
		_, host, found := strings.Cut(origin, "://")
		if !found || host == "" || strings.ContainsAny(host, "/?#@\r\n") || OriginOf(origin) != origin {
			t.Errorf("%q: %q", uri, origin)
		}
	})
}
