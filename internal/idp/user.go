package idp

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// UserState says whether an account may be used.
type UserState string

// The states of an account. A deleted account has no row.
const (
	UserPending  UserState = "pending"  // registered, address not confirmed
	UserActive   UserState = "active"   // may sign in
	UserDisabled UserState = "disabled" // refused everywhere, at once
)

// User is a person with an account.
type User struct {
	ID            string // the OpenID Connect sub: opaque, never changed; by NewID, or ValidSubject from the provider that the person had before
	State         UserState
	Username      string // as shown; unique by CanonicalUsername; may be empty
	Email         string // canonical (CanonicalEmail); unique; may be empty
	EmailVerified bool
	Profile       Profile
	Roles         []string
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Profile is what OpenID Connect Core §5.1 lets a provider say about a person beside sub, e-mail and username, in the wire's own
// names, so that one JSON column holds it. Empty members are left out everywhere.
type Profile struct {
	Name                string         `json:"name,omitempty"`
	GivenName           string         `json:"given_name,omitempty"`
	FamilyName          string         `json:"family_name,omitempty"`
	MiddleName          string         `json:"middle_name,omitempty"`
	Nickname            string         `json:"nickname,omitempty"`
	Profile             string         `json:"profile,omitempty"`
	Picture             string         `json:"picture,omitempty"`
	Website             string         `json:"website,omitempty"`
	Gender              string         `json:"gender,omitempty"`
	Birthdate           string         `json:"birthdate,omitempty"` // YYYY-MM-DD, or 0000-MM-DD, or YYYY
	Zoneinfo            string         `json:"zoneinfo,omitempty"`
	Locale              string         `json:"locale,omitempty"`
	PhoneNumber         string         `json:"phone_number,omitempty"` // E.164
	PhoneNumberVerified bool           `json:"phone_number_verified,omitempty"`
	Address             *Address       `json:"address,omitempty"`
	Custom              map[string]any `json:"custom,omitempty"` // an operator's own attributes
}

// Address is the address claim of OpenID Connect Core §5.1.1.
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// MaxSubject is how long a sub may be (OpenID Connect Core §2).
const MaxSubject = 255

// ValidSubject reports whether s may be somebody's sub, and so their ID: 1 to 255 characters of ASCII, none of which is a space or a control character,
// and not one of the two names that every file system and URL takes for something else.
func ValidSubject(s string) bool {
	return s != "" && len(s) <= MaxSubject && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// CanonicalEmail returns the one form of an address under which it is stored, compared and released: white space around it cut
// off, the domain in lower-case punycode, the local part in lower case and NFC. ok is false if it is no address that
// we would take: no or several @, control characters, spaces, over 254 bytes.
func CanonicalEmail(s string) (email string, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) > 254 || !utf8.ValidString(s) || strings.Count(s, "@") != 1 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) }) {
		return "", false
	}
	local, domain, _ := strings.Cut(norm.NFC.String(s), "@")
	ascii, err := idna.Lookup.ToASCII(domain)
	if local == "" || err != nil || !strings.Contains(ascii, ".") && ascii != "localhost" {
		return "", false
	}
	return strings.ToLower(local) + "@" + ascii, true
}

// CanonicalUsername returns the form under which usernames are unique: NFKC, case folded, so that a full-width or upper-case
// spelling of a taken name is taken too. ok is false if the name is not 2 to 64 letters, digits, dots, dashes and
// underscores that begin with a letter or digit.
func CanonicalUsername(s string) (name string, ok bool) {
	name = cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s)))
	if !utf8.ValidString(s) {
		return "", false
	}
	n := 0
	for i, r := range name {
		n++
		alnum := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f && (unicode.IsLetter(r) || unicode.IsNumber(r)) // of any script
		if !alnum && (i == 0 || r != '.' && r != '-' && r != '_') {
			return "", false
		}
	}
	return name, n >= 2 && n <= 64
}

// CanonicalIdentifier returns the form under which an address or a username is found, "" for what is neither. What has an @ is no username.
func CanonicalIdentifier(s string) string {
	if email, ok := CanonicalEmail(s); ok {
		return email
	}
	name, ok := CanonicalUsername(s)
	if !ok {
		return ""
	}
	return name
}

// CanonicalPrefix returns how the canonical form of an address or username begins that begins with s.
func CanonicalPrefix(s string) string {
	return cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s)))
}

// UserClaims is the flat document that the protocol endpoints need of a user, kept in one column.
type UserClaims struct {
	Username      string   `json:"username,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Profile       Profile  `json:"profile"`
	UpdatedAt     int64    `json:"updated_at"` // Unix seconds
}

// ClaimsDocument returns the user's claims as the JSON text that the store keeps beside the columns.
func (u *User) ClaimsDocument() (string, error) {
	b, err := json.Marshal(UserClaims{
		Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		Roles: u.Roles, Profile: u.Profile, UpdatedAt: u.UpdatedAt.Unix(),
	})
	return string(b), err
}
