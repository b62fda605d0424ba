package audit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"idp/internal/idp"
)

const (
	maxDetails = 16
	maxValue   = 256
	maxID      = 128
	maxUser    = idp.MaxSubject
	maxClient  = 512 // a client's id may be an address
	redacted   = "[redacted]"
)

var (
	typeExpression = regexp.MustCompile(`^[a-z]+\.[a-z_]{1,40}$`)
	keyExpression  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	// secretExpression matches our own tokens, and anything in the form of a JWS or JWE.
	secretExpression = regexp.MustCompile(`idp_[a-z]{2}_[A-Za-z0-9_-]{20}|eyJ[A-Za-z0-9_-]{7,}\.[A-Za-z0-9_-]{7}`)
	// hashExpression matches password hashes in PHC and crypt form.
	hashExpression = regexp.MustCompile(`\$(?:argon2[a-z]*|2[abxy]|pbkdf2[a-z0-9-]*|scrypt|[156y])\$`)
)

// check returns an error if the program itself is at fault: its words are not as they must be. What outsiders wrote never
// makes an event fail, or they could act unseen.
func check(e Event) error {
	if !typeExpression.MatchString(string(e.Type)) {
		return fmt.Errorf("audit event type %q is not noun.verb", e.Type)
	}
	if len(e.Details) > maxDetails {
		return fmt.Errorf("audit event %s has %d details, at most %d fit", e.Type, len(e.Details), maxDetails)
	}
	for key := range e.Details {
		if !keyExpression.MatchString(key) {
			return fmt.Errorf("audit event %s: detail key %.40q is not short snake_case", e.Type, key)
		}
	}
	return nil
}

// secretKey reports whether a value under this name can only be a secret.
func secretKey(key string) bool {
	switch key {
	case "password", "passwd", "secret", "token", "code", "cookie", "authorization", "assertion", "code_verifier", "private_key", "hash", "csrf", "nonce":
		return true
	}
	for _, suffix := range []string{"_token", "_secret", "_password", "_cookie", "_private_key", "_hash"} {
		if strings.HasSuffix(key, suffix) {
			return true
		}
	}
	return false
}

func cleanDetails(details map[string]string) map[string]string {
	if len(details) == 0 {
		return nil
	}
	cleaned := make(map[string]string, len(details))
	for key, value := range details {
		if secretKey(key) {
			value = redacted
		}
		cleaned[key] = clean(value, maxValue)
	}
	return cleaned
}

// clean returns s as it may be stored and shown on one line: valid UTF-8, no control characters, at most limit bytes, and
// nothing in the form of a secret.
func clean(s string, limit int) string {
	// A margin, so that a secret across the cut is still seen as one; the rest of a huge value is never looked at.
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	if secretExpression.MatchString(s) || hashExpression.MatchString(s) {
		return redacted
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
