package conformance

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// checkStandardClaims checks the form of every standard claim that is there (OpenID Connect Core §5.1), and that none is null or empty.
func checkStandardClaims(r *run, where string, claims map[string]any) {
	r.Helper()
	for name, value := range claims {
		if value == nil || value == "" {
			r.failure("%s has %s = %#v: what has no value is left out", where, name, value)
			continue
		}
		switch name {
		case "sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number":
			if _, ok := value.(string); !ok {
				r.failure("%s has %s = %#v, want a text", where, name, value)
			}
		case "profile", "picture", "website":
			text, _ := value.(string)
			if u, err := url.Parse(text); err != nil || !u.IsAbs() || u.Host == "" {
				r.failure("%s has %s = %#v, want an address", where, name, value)
			}
		case "email_verified", "phone_number_verified":
			if _, ok := value.(bool); !ok {
				r.failure("%s has %s = %#v, want true or false", where, name, value)
			}
		case "updated_at":
			if n, ok := value.(json.Number); !ok || strings.ContainsAny(string(n), ".eE") {
				r.failure("%s has updated_at = %#v, want a whole number", where, value)
			}
		case "address":
			members, ok := value.(map[string]any)
			if !ok {
				r.failure("%s has address = %#v, want an object", where, value)
			}
			for member, value := range members {
				if text, ok := value.(string); !ok || text == "" {
					r.failure("%s has address.%s = %#v, want a text", where, member, value)
				}
			}
		}
	}
	if date, ok := claims["birthdate"].(string); ok && !birthdates.MatchString(date) {
		r.failure("%s has birthdate = %q, want YYYY-MM-DD or YYYY", where, date)
	}
}

var birthdates = regexp.MustCompile(`^\d{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$`)
