package secret

import (
	"crypto/rand"
	"encoding/base64"
	"math"
	"strings"

	"idp/internal/idp"
)

const (
	minBroughtSecret  = 32
	maxBroughtSecret  = 512
	minBroughtBits    = 128
	minDistinctLetter = 10
	minGuessBits      = 90 // ten guesses a letter underestimate random ones
)

// NewClientSecret returns 256 random bits in 43 letters of A-Za-z0-9-_: it needs no escaping in any header, form or shell.
func NewClientSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// HighEntropy refuses a client secret that an operator brings along if it could be guessed. Client secrets are stored as
// plain keyed digests, since a slow hash for each token request buys nothing for a random secret; so it must be one.
func HighEntropy(s string) error {
	const mend = "Let this server make one, or use the output of `openssl rand -base64 32`."
	if len(s) < minBroughtSecret {
		return idp.Invalidf("client_secret", "The secret has %s, but a client secret needs at least %d random ones. %s", idp.Counted(len(s), "character"), minBroughtSecret, mend)
	}
	if len(s) > maxBroughtSecret {
		return idp.Invalidf("client_secret", "The secret is longer than %d characters. %s", maxBroughtSecret, mend)
	}
	// RFC 6749 appendix A.2: printable ASCII. A space is refused too: it gets lost when people copy.
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return idp.Invalidf("client_secret", "The secret contains a space or another character that is not printable ASCII. %s", mend)
	}
	if shannonBits(s) < minBroughtBits/2 || distinct(s) < minDistinctLetter || repeats(s) || guessable(s) {
		return idp.Invalidf("client_secret", "The secret is long, but it is not random: words, repetitions or sequences can be guessed. %s", mend)
	}
	return nil
}

// shannonBits is the length times the entropy of the letters' frequencies: an upper bound that repeated letters lower.
func shannonBits(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			bits -= float64(n) * math.Log2(float64(n)/float64(len(s)))
		}
	}
	return bits
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// repeats reports whether s is one part again and again: "abc123abc123abc123…" has good frequencies.
func repeats(s string) bool { return strings.Contains((s + s)[1:2*len(s)-1], s) }

// guessable reports whether common passwords and sequences explain the first 72 letters too well, or whether it is all letters: words are,
// and few secrets of 32 random letters and digits have no digit.
func guessable(s string) bool {
	return guessBits(s, nil) < minGuessBits || !strings.ContainsAny(s, "0123456789")
}
