package auth

import (
	"strings"
	"unicode/utf8"

	"idp/internal/idp"
)

const maxIdentifier = 512 // bytes; a longer one is nobody's

// canonicalIdentifier returns the stored form of what was typed as a name, or "" if it can be nobody's. An address has an @ and
// a username has none, so that no value can mean two people (FS-13).
func canonicalIdentifier(typed string) string {
	if len(typed) > maxIdentifier || !utf8.ValidString(typed) {
		return ""
	}
	if strings.Contains(typed, "@") {
		if email, ok := idp.CanonicalEmail(typed); ok {
			return email
		}
		return ""
	}
	if name, ok := idp.CanonicalUsername(typed); ok {
		return name
	}
	return ""
}
