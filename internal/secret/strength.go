package secret

import (
	"math"
	"slices"
	"strings"
)

// guessBits estimates how many guesses a password withstands, as a power of two: the cheapest way to build it from what
// attackers try first (common passwords, the user's own strings, runs on the keyboard, sequences, repetitions) and, for the
// rest, ten guesses a letter, which is what people's letters are worth. own are folded strings (ownParts).
//
// It is our own because the estimator that Go has is frozen, takes 60 ms and 8 MB of every start, and reads some passwords
// for seconds. It knows no dictionary of words; the length that the policy asks for makes up for that.
func guessBits(password string, own []string) float64 {
	bits := math.Inf(1)
	for _, spelling := range plainSpellings(cutRunes(fold(password), strengthRunes)) {
		bits = min(bits, cheapest([]rune(spelling), own))
	}
	return bits
}

const (
	letterBits  = 3.33 // ten guesses
	wordBits    = 13   // a line of common_passwords.txt
	ownBits     = 3    // there are few own strings, and they are tried first
	startBits   = 4.7  // where a run or sequence begins
	shortestRun = 3
	longestWord = 32
)

// cheapest is the cost of the best way to cut text into pieces, each priced by how it would be guessed.
func cheapest(text []rune, own []string) float64 {
	if n := period(text); n < len(text) {
		return cheapest(text[:n], own) + math.Log2(float64(len(text))/float64(n))
	}
	best := make([]float64, len(text)+1) // best[i] is the cost of text[:i]
	for i := range text {
		best[i+1] = math.Inf(1)
	}
	for i := range text {
		best[i+1] = min(best[i+1], best[i]+letterBits)
		if n := fingerRun(text[i:]); n >= shortestRun {
			for k := shortestRun; k <= n; k++ {
				best[i+k] = min(best[i+k], best[i]+startBits+math.Log2(float64(k)))
			}
		}
		for k := minOwnString; k <= longestWord && i+k <= len(text); k++ {
			switch word := string(text[i : i+k]); {
			case slices.Contains(own, word):
				best[i+k] = min(best[i+k], best[i]+ownBits)
			case inLines(commonPasswords, word):
				best[i+k] = min(best[i+k], best[i]+wordBits)
			}
		}
	}
	return best[len(text)]
}

// period returns the length of the shortest block that text is a repetition of, perhaps cut short at its end.
func period(text []rune) int {
	for n := 1; n <= len(text)/2; n++ {
		same := true
		for i := n; i < len(text) && same; i++ {
			same = text[i] == text[i-n]
		}
		if same {
			return n
		}
	}
	return len(text)
}

// keyboard is what fingers run along.
var keyboard = []string{"1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiopü", "yxcvbnm,.-", "azertyuiop", "qsdfghjklm"}

// fingerRun returns how many letters at the beginning of text are one letter again and again, neighbours in the alphabet, or neighbours
// on a keyboard, in either direction.
func fingerRun(text []rune) int {
	longest := 1
	for _, step := range []rune{0, 1, -1} {
		n := 1
		for n < len(text) && text[n]-text[n-1] == step {
			n++
		}
		longest = max(longest, n)
	}
	for _, row := range keyboard {
		longest = max(longest, alongside(text, row, 1), alongside(text, row, -1))
	}
	return longest
}

// alongside returns how many letters at the beginning of text follow row in a direction.
func alongside(text []rune, row string, step int) int {
	keys := []rune(row)
	at := slices.Index(keys, text[0])
	if at < 0 {
		return 0
	}
	n := 1
	for n < len(text) {
		if at += step; at < 0 || at >= len(keys) || keys[at] != text[n] {
			break
		}
		n++
	}
	return n
}

// plainSpellings returns a password as it is and with the signs that people write for letters ("P@ssw0rd") read as these.
func plainSpellings(s string) []string {
	spellings := []string{s}
	for _, one := range []string{"i", "l"} {
		plain := strings.NewReplacer("4", "a", "@", "a", "8", "b", "(", "c", "3", "e", "6", "g", "9", "g", "1", one, "!", one, "|", one,
			"0", "o", "$", "s", "5", "s", "+", "t", "7", "t", "%", "x", "2", "z").Replace(s)
		if !slices.Contains(spellings, plain) {
			spellings = append(spellings, plain)
		}
	}
	return spellings
}

// cutRunes returns at most n code points of s.
func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
