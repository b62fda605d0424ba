package secret

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"idp/internal/idp"
)

// Scheme names what was done to a password before the function that its hash names. It is stored beside the hash.
//
// Syntax: a name, and for the fs-hmac schemes a colon and the salt in unpadded base64url, as WithSalt writes it:
// "fs-hmac-bcrypt:MTQ2NTg1…". The hash's own text says the rest.
type Scheme string

// The schemes. Own hashes are over the NFKC form of a password; foreign ones are tried with the text as typed, NFKC and
// NFKD, since nobody recorded a form. Every foreign hash is replaced by one of ours at the first good sign-in.
const (
	SchemeOwn             Scheme = ""                      // argon2id or bcrypt-sha256, written by Hash; foreign texts are recognised too
	SchemeImported        Scheme = "imported"              // any foreign hash below whose text says what it is
	SchemeArgon2          Scheme = "argon2"                // $argon2id$, $argon2i$
	SchemeBcrypt          Scheme = "bcrypt"                // $2a$, $2b$, $2y$: reads 72 bytes, as its origin did
	SchemeBcryptSHA256Hex Scheme = "bcrypt-sha256hex"      // Flask-Bcrypt with BCRYPT_HANDLE_LONG_PASSWORDS
	SchemeWerkzeug        Scheme = "werkzeug"              // scrypt:…, pbkdf2:…
	SchemeDjango          Scheme = "django"                // pbkdf2_sha256$…, scrypt$…, argon2$…, bcrypt$…, bcrypt_sha256$…
	SchemePasslib         Scheme = "passlib"               // $pbkdf2…$, $scrypt$, $bcrypt-sha256$
	SchemeCrypt           Scheme = "crypt"                 // $5$, $6$, $y$
	SchemeLDAP            Scheme = "ldap"                  // {SSHA}, {SSHA256}, {SSHA512}, {CRYPT}
	SchemeFirebase        Scheme = "firebase-scrypt"       // $firescrypt$
	SchemeFSBcrypt        Scheme = "fs-hmac-bcrypt"        // Flask-Security, with salt: bcrypt of the first 72 of 88 letters
	SchemeFSArgon2        Scheme = "fs-hmac-argon2"        // Flask-Security, with salt
	SchemeFSPBKDF2        Scheme = "fs-hmac-pbkdf2-sha512" // Flask-Security, with salt
)

const (
	maxSchemeSalt = 1024      // bytes
	argon2Django  = "argon2$" // Django's prefix before a PHC text
	bcryptDjango  = "bcrypt$" // Django's prefix before a bcrypt text
)

// WithSalt returns the scheme with the site's SECURITY_PASSWORD_SALT, for the fs-hmac schemes.
func (s Scheme) WithSalt(salt string) Scheme {
	return s + ":" + Scheme(base64.RawURLEncoding.EncodeToString([]byte(salt)))
}

// Families of hash texts.
const (
	familyArgon2       = "argon2"
	familyBcrypt       = "bcrypt"
	familyBcryptSHA256 = "bcrypt-sha256"
	familyWerkzeug     = "werkzeug"
	familyDjango       = "django"
	familyPasslib      = "passlib"
	familyPBKDF2SHA512 = "passlib pbkdf2-sha512"
	familyCrypt        = "crypt"
	familyLDAP         = "ldap"
	familyFirebase     = "firebase"
)

// families returns which hash texts a scheme may carry; nil means any. ok is false for an unknown name.
func (s Scheme) families() (families []string, ok bool) {
	name, _, _ := strings.Cut(string(s), ":")
	switch Scheme(name) {
	case SchemeOwn, SchemeImported:
		return nil, true
	case SchemeArgon2, SchemeFSArgon2:
		return []string{familyArgon2}, true
	case SchemeBcrypt, SchemeBcryptSHA256Hex, SchemeFSBcrypt:
		return []string{familyBcrypt}, true
	case SchemeFSPBKDF2:
		return []string{familyPBKDF2SHA512}, true
	case SchemeWerkzeug:
		return []string{familyWerkzeug}, true
	case SchemeDjango:
		return []string{familyDjango}, true
	case SchemePasslib:
		return []string{familyPasslib, familyPBKDF2SHA512, familyBcryptSHA256}, true
	case SchemeCrypt:
		return []string{familyCrypt}, true
	case SchemeLDAP:
		return []string{familyLDAP}, true
	case SchemeFirebase:
		return []string{familyFirebase}, true
	}
	return nil, false
}

// reading is a stored hash together with what its scheme does to a password first.
type reading struct {
	storedHash
	inputs func(typed, normalized string) [][]byte
}

// read understands a stored hash under its scheme, or says why it is refused.
func read(scheme Scheme, text string) (reading, error) {
	families, ok := scheme.families()
	if !ok {
		return reading{}, errScheme()
	}
	salt, err := scheme.salt()
	if err != nil {
		return reading{}, err
	}
	h, err := parseHash(text)
	if err != nil {
		return reading{}, err
	}
	if families != nil && !slices.Contains(families, h.family) {
		return reading{}, refused("the scheme and the hash do not fit: this is a hash of the family %q", h.family)
	}
	h.own = h.own && scheme == SchemeOwn
	r := reading{storedHash: h}
	switch {
	case h.own:
		r.inputs = func(_, normalized string) [][]byte { return [][]byte{[]byte(normalized)} }
	case scheme == SchemeBcryptSHA256Hex:
		r.inputs = func(typed, normalized string) [][]byte {
			return each(spellings(typed, normalized), sha256Hex)
		}
	case salt != nil:
		r.inputs = func(typed, normalized string) [][]byte {
			forms := spellings(typed, normalized)
			// Flask-Security's default form first: the others are tried only when it does not match.
			slices.SortStableFunc(forms, func(a, b string) int { return formRank(a, typed) - formRank(b, typed) })
			return each(forms, func(password []byte) []byte { return flaskSecurityInput(salt, password) })
		}
	default:
		r.inputs = func(typed, normalized string) [][]byte {
			return each(spellings(typed, normalized), func(p []byte) []byte { return p })
		}
	}
	return r, nil
}

func formRank(form, typed string) int {
	if form == norm.NFKD.String(typed) {
		return 0
	}
	return 1
}

func each(forms []string, f func([]byte) []byte) [][]byte {
	out := make([][]byte, len(forms))
	for i, form := range forms {
		out[i] = f([]byte(form))
	}
	return out
}

// flaskSecurityInput is Flask-Security's get_hmac: base64 of HMAC-SHA512 under the site's salt, 88 letters.
func flaskSecurityInput(salt, password []byte) []byte {
	mac := hmac.New(sha512.New, salt)
	mac.Write(password)
	return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
}

// salt returns the salt of an fs-hmac scheme, and nil for the others.
func (s Scheme) salt() ([]byte, error) {
	name, encoded, found := strings.Cut(string(s), ":")
	needed := strings.HasPrefix(name, "fs-hmac-")
	if !needed && !found {
		return nil, nil
	}
	if !needed {
		return nil, refused("the scheme %q takes no salt", name)
	}
	salt, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(salt) == 0 || len(salt) > maxSchemeSalt {
		return nil, refused("the scheme %q needs the site's SECURITY_PASSWORD_SALT behind a colon, in unpadded base64url", name)
	}
	return salt, nil
}

// CheckScheme says why a name is no scheme for imported hashes, and nil if it is one.
func CheckScheme(s Scheme) error {
	if _, ok := s.families(); !ok {
		return errScheme()
	}
	_, err := s.salt()
	return err
}

// CheckImport says why a hash from elsewhere cannot be imported under a scheme, and nil if it can. The reason does not show
// the hash.
func CheckImport(scheme Scheme, hash string) error {
	_, err := read(scheme, hash)
	return err
}

func errScheme() error {
	return refused("the scheme is unknown: use one of those in the documentation, or \"imported\"")
}

func refused(format string, args ...any) error {
	return idp.Invalidf("password_hash", format, args...)
}

func errMalformed(what string) error {
	return refused("the %s hash is damaged, or was cut when it was exported: export it again", what)
}
