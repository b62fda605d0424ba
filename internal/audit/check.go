package audit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"idp/internal/idp"
	"idp/internal/secret"
)

const (
	maxDetails = 16
	maxValue   = 256
	maxID      = 128
	maxUser    = idp.MaxSubject
	maxClient  = 512 // a client's id may be an address
)

var (
	typeExpression = regexp.MustCompile(`^[a-z]+\.[a-z_]{1,40}$`)
	keyExpression  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
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

func cleanDetails(details map[string]string) map[string]string {
	if len(details) == 0 {
		return nil
	}
	cleaned := make(map[string]string, len(details))
	for key, value := range details {
		if secret.InName(key) {
			value = secret.Masked
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
	if secret.InText(s) {
		return secret.Masked
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
