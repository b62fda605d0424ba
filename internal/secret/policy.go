package secret

import (
	_ "embed"
	"slices"
	"strings"
	"unicode/utf8"

	"idp/internal/idp"
)

// Policy says which new passwords are accepted. There are no rules of composition on purpose (NIST SP 800-63B §3.1.1.2):
// they make passwords worse. Zero values mean the defaults.
type Policy struct {
	MinLength int // in code points; default 12
	MaxLength int // in code points; default and bound MaxPasswordRunes
	MinScore  int // how hard to guess, 1 to 4 (scoreBits); default 3; below 0 switches the estimate off
}

const (
	defaultMinLength = 12
	defaultMinScore  = 3

	// strengthRunes bounds what the estimate reads: it is quadratic, and what is strong after 72 letters does not get weaker
	// behind them.
	strengthRunes = 72
	maxOwnStrings = 32
	minOwnString  = 4 // shorter ones are part of too many good passwords
)

// scoreBits are the guesses, as powers of two, that a password of each score withstands: a thousand, a million, a hundred million,
// ten thousand million, as is usual.
var scoreBits = [5]float64{0, 10, 20, 26.6, 33.2}

// commonPasswords holds widely used passwords of 8 letters and more that a strength estimate may rate too high, one a
// line, sorted, in lower case. They come from the list that Django ships (BSD-3-Clause), made by Royce Williams.
//
//go:embed common_passwords.txt
var commonPasswords string

// Check says why a new password is refused, in a sentence that names the mend, or nil. own are the user's own strings: name,
// address, the service's name. It judges; it does not hash.
func (p Policy) Check(password string, own ...string) error {
	normalized, err := NormalizePassword(password)
	if err != nil {
		return err
	}
	least, most, score := p.limits()
	switch length := utf8.RuneCountInString(normalized); {
	case length < least:
		return idp.Invalidf("password", "The password has %s, but needs at least %d: a few words in a row are easy to remember.", idp.Counted(length, "character"), least)
	case length > most:
		return idp.Invalidf("password", "The password has %d characters, but may have at most %d: use a shorter one.", length, most)
	}
	folded := fold(normalized)
	if isCommon(folded) {
		return idp.Invalidf("password", "This is one of the most used passwords, so it is tried first: choose another one.")
	}
	parts := ownParts(own)
	if madeOfOwn(folded, parts) {
		return idp.Invalidf("password", "The password is made of your own name or address, which others know: choose one that has nothing to do with you.")
	}
	if score > 0 && guessBits(normalized, parts) < scoreBits[score] {
		return idp.Invalidf("password", "The password is easy to guess: add a few words that have nothing to do with each other or with you.")
	}
	return nil
}

func (p Policy) limits() (least, most, score int) {
	least, most, score = p.MinLength, p.MaxLength, p.MinScore
	if least <= 0 {
		least = defaultMinLength
	}
	if most <= 0 || most > MaxPasswordRunes {
		most = MaxPasswordRunes
	}
	if score == 0 {
		score = defaultMinScore
	}
	return least, most, min(score, 4)
}

// fold makes spellings comparable: lower case, no spaces at the ends.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// isCommon looks for the password itself, and without the digits and signs that people append to please a policy.
func isCommon(folded string) bool {
	for _, candidate := range []string{folded, strings.TrimRight(folded, "0123456789!?.*$#@-_")} {
		if candidate != "" && inLines(commonPasswords, candidate) {
			return true
		}
	}
	return false
}

// inLines searches sorted lines without splitting them, so that the list costs nothing but its text.
func inLines(lines, want string) bool {
	low, high := 0, len(lines)
	for low < high {
		middle := low + (high-low)/2
		start := strings.LastIndexByte(lines[:middle], '\n') + 1
		end := len(lines)
		if i := strings.IndexByte(lines[start:], '\n'); i >= 0 {
			end = start + i
		}
		switch line := lines[start:end]; {
		case line == want:
			return true
		case line < want:
			low = end + 1
		default:
			high = start
		}
	}
	return false
}

// ownParts returns the user's own strings and their pieces: an address is also its local part and its domain's labels.
func ownParts(own []string) []string {
	var parts []string
	for _, s := range own {
		if len(s) > maxPasswordBytes {
			continue
		}
		s = fold(s)
		for _, part := range append([]string{s}, strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("@.+-_ ,;/:", r) })...) {
			if utf8.RuneCountInString(part) >= minOwnString && !slices.Contains(parts, part) && len(parts) < maxOwnStrings {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// madeOfOwn reports whether little of the password is left when the user's own strings are taken out: a few letters, or a third.
func madeOfOwn(folded string, parts []string) bool {
	rest := folded
	sorted := slices.SortedFunc(slices.Values(parts), func(a, b string) int { return len(b) - len(a) })
	for _, part := range sorted {
		rest = strings.ReplaceAll(rest, part, "")
	}
	left := utf8.RuneCountInString(rest)
	return len(rest) < len(folded) && (left <= minOwnString || 3*left <= utf8.RuneCountInString(folded))
}
