package crossdevice

import (
	"crypto/rand"
	"strings"
)

const (
	// alphabet of user codes (RFC 8628 §6.1): no vowels, so that no code is a word, no digits, so that none is taken for a letter, and no Y.
	alphabet = "BCDFGHJKLMNPQRSTVWXZ"
	// userCodeLetters gives 20⁸, 34 bits.
	userCodeLetters = 8
	// userCodeMost bounds what is looked at of a code that somebody typed.
	userCodeMost = 64
)

// newUserCode returns a code to be shown and typed: XXXX-XXXX.
func newUserCode() string {
	const fair = 256 / len(alphabet) * len(alphabet) // a byte above it would prefer the first letters
	var code strings.Builder
	for n := 0; n < userCodeLetters; {
		var b [1]byte
		rand.Read(b[:])
		if int(b[0]) >= fair {
			continue
		}
		if n == userCodeLetters/2 {
			code.WriteByte('-')
		}
		code.WriteByte(alphabet[int(b[0])%len(alphabet)])
		n++
	}
	return code.String()
}

// ParseUserCode returns what somebody typed as the code is shown, XXXX-XXXX. RFC 8628 §6.1: case does not count, nor do dashes, spaces and
// dots, which people add and leave out. ok is false for what cannot be a code.
func ParseUserCode(typed string) (code string, ok bool) {
	if len(typed) > userCodeMost {
		return "", false
	}
	letters := make([]byte, 0, userCodeLetters+1)
	for _, r := range typed {
		switch {
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		case r == '-' || r == ' ' || r == '.' || r == '_' || r == '\t' || r == '\n' || r == '\r' || r >= '\u2010' && r <= '\u2015' || r == '\u00a0':
			continue
		}
		if r > 'Z' || !strings.ContainsRune(alphabet, r) || len(letters) == userCodeLetters+1 {
			return "", false
		}
		if len(letters) == userCodeLetters/2 {
			letters = append(letters, '-')
		}
		letters = append(letters, byte(r))
	}
	return string(letters), len(letters) == userCodeLetters+1
}
