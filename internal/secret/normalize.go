package secret

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"idp/internal/idp"
)

const (
	// MaxPasswordRunes and maxPasswordBytes bound a normalised password. They are far above what anyone types, and low
	// enough that no hash function is a lever.
	MaxPasswordRunes = 256
	maxPasswordBytes = 1024

	// A decomposed spelling may be longer than its normal form, so what is typed gets more room.
	maxTypedBytes = 4 * maxPasswordBytes
)

// NormalizePassword returns the NFKC form of a password (NIST SP 800-63B §3.1.1.2), so that one typed composed and
// decomposed is one password. It refuses what no hash function may see: nothing, too much, broken UTF-8 and control
// characters (bcrypt in Go repeats its key behind a NUL, so that a hash of "ab" also accepts "ab\x00ab"). Nothing is ever
// cut.
func NormalizePassword(s string) (string, error) {
	if s == "" {
		return "", idp.Invalidf("password", "The password is empty: type one.")
	}
	if len(s) > maxTypedBytes {
		return "", errPasswordTooLong()
	}
	if !utf8.ValidString(s) {
		return "", idp.Invalidf("password", "The password is not valid UTF-8 text: type it again.")
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return "", idp.Invalidf("password", "The password contains a control character, such as a tab or a line end: remove it.")
		}
	}
	n := norm.NFKC.String(s)
	if len(n) > maxPasswordBytes || utf8.RuneCountInString(n) > MaxPasswordRunes {
		return "", errPasswordTooLong()
	}
	return n, nil
}

func errPasswordTooLong() error {
	return idp.Invalidf("password", "The password is too long: use at most %d characters (%d bytes).", MaxPasswordRunes, maxPasswordBytes)
}

// spellings returns the forms under which a foreign system may have hashed a password: as typed (most normalise nothing),
// NFKC, and NFKD (Flask-Security). For nearly every password they are one.
func spellings(typed, normalized string) []string {
	forms := []string{typed}
	for _, f := range []string{normalized, norm.NFKD.String(typed)} {
		if !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return forms
}
