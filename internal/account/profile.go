package account

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"idp/internal/idp"
)

const (
	maxProfileText = 256  // runes
	maxProfileURL  = 2048 // bytes
	maxPhone       = 16   // bytes, with the plus
	maxZone        = 128  // bytes
	maxCustom      = 64   // attributes
	maxCustomKey   = 128  // bytes
	maxCustomSize  = 8 << 10
)

// Lengths are checked beside the expressions: a counted repetition compiles to so many copies, at every start of the program.
var (
	phoneExpression     = regexp.MustCompile(`^\+[1-9][0-9]+$`)
	zoneExpression      = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)
	birthExpression     = regexp.MustCompile(`^([0-9]{4})(-[0-9]{2}-[0-9]{2})?$`)
	customKeyExpression = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:/#-]*$`)
)

// reserved reports whether an operator's own attribute may not have a name: released as a claim it would say what this server
// alone may say (who, for whom, until when), or contradict a field of the user.
func reserved(name string) bool {
	return idp.ReservedClaim(name) || name == "roles" || name == "state" || name == "username"
}

// checkProfile returns everything that is wrong with a profile, each fault with the claim it is about (OpenID Connect Core §5.1).
func checkProfile(p idp.Profile) error {
	var faults []error
	fault := func(field, format string, args ...any) { faults = append(faults, idp.Invalidf(field, format, args...)) }
	for _, f := range []struct{ field, text string }{
		{"name", p.Name},
		{"given_name", p.GivenName},
		{"family_name", p.FamilyName},
		{"middle_name", p.MiddleName},
		{"nickname", p.Nickname},
		{"gender", p.Gender},
	} {
		if !oneLine(f.text) {
			fault(f.field, "The text is longer than %d characters, or has control characters in it. Write one line.", maxProfileText)
		}
	}
	for _, f := range []struct{ field, text string }{{"profile", p.Profile}, {"picture", p.Picture}, {"website", p.Website}} {
		if f.text != "" && !webAddress(f.text) {
			fault(f.field, "This is no web address. Write it whole, beginning with https://.")
		}
	}
	if p.Birthdate != "" && !birthdate(p.Birthdate) {
		fault("birthdate", "The date of birth must be written like 1990-12-31, 0000-12-31 without the year, or 1990.")
	}
	if p.Zoneinfo != "" && (len(p.Zoneinfo) > maxZone || !zoneExpression.MatchString(p.Zoneinfo)) {
		fault("zoneinfo", "This is no time zone. Write it like Europe/Berlin.")
	}
	if p.Locale != "" && !locale(p.Locale) {
		fault("locale", "This is no language tag (BCP 47). Write it like en or pt-BR.")
	}
	if p.PhoneNumber != "" && (len(p.PhoneNumber) > maxPhone || !phoneExpression.MatchString(p.PhoneNumber)) {
		fault("phone_number", "The telephone number must be written like +4930123456: a plus, the country, digits only (E.164).")
	}
	if p.PhoneNumberVerified && p.PhoneNumber == "" {
		fault("phone_number_verified", "There is no telephone number that could be verified. Give one, or leave the mark out.")
	}
	return errors.Join(append(faults, checkAddress(p.Address), checkCustom(p.Custom))...)
}

func checkAddress(a *idp.Address) error {
	if a == nil {
		return nil
	}
	var faults []error
	for _, f := range []struct {
		field, text string
		lines       bool
	}{
		{"address.formatted", a.Formatted, true},
		{"address.street_address", a.StreetAddress, true},
		{"address.locality", a.Locality, false},
		{"address.region", a.Region, false},
		{"address.postal_code", a.PostalCode, false},
		{"address.country", a.Country, false},
	} {
		text := f.text
		if f.lines { // OpenID Connect Core §5.1.1 allows them here
			text = strings.NewReplacer("\r\n", " ", "\n", " ").Replace(text)
		}
		if !oneLine(text) {
			faults = append(faults, idp.Invalidf(f.field, "The text is longer than %d characters, or has control characters in it.", maxProfileText))
		}
	}
	return errors.Join(faults...)
}

func checkCustom(custom map[string]any) error {
	if len(custom) > maxCustom {
		return idp.Invalidf("custom", "There are %d attributes, but %d is the most.", len(custom), maxCustom)
	}
	var faults []error
	for key := range custom {
		switch {
		case len(key) > maxCustomKey || !customKeyExpression.MatchString(key):
			faults = append(faults, idp.Invalidf("custom", "The attribute name %.80q is not 1 to 128 letters, digits and any of _.:/#- that begin with a letter.", key))
		case reserved(key):
			faults = append(faults, idp.Invalidf("custom", "The attribute name %q belongs to this server or to a field of its own. Choose another name.", key))
		}
	}
	text, err := json.Marshal(custom)
	if err != nil || len(text) > maxCustomSize {
		faults = append(faults, idp.Invalidf("custom", "The attributes take more than %d bytes as JSON, or are no JSON at all. Keep large things in the application.", maxCustomSize))
	}
	return errors.Join(faults...)
}

func oneLine(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxProfileText && !strings.ContainsFunc(s, unicode.IsControl)
}

// webAddress accepts what a page may put behind href: never javascript: or data:.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxProfileURL && oneLine(s[:min(len(s), maxProfileText)]) && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, unicode.IsControl) && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func birthdate(s string) bool {
	parts := birthExpression.FindStringSubmatch(s)
	if parts == nil {
		return false
	}
	if parts[2] == "" {
		return parts[1] != "0000"
	}
	if parts[1] == "0000" { // the year is left out; 2000 had a 29 February
		s = "2000" + parts[2]
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func locale(s string) bool {
	_, err := language.Parse(s)
	return err == nil && len(s) <= 64
}
