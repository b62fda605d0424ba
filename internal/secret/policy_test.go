package secret

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"idp/internal/idp"
)

func TestPolicy_CountsCodePoints(t *testing.T) { // FS-23
	t.Parallel()
	const word = "😀🦊🌋🎻🧭🪐🍋🦉🎲🚲⛵🧵"
	long := strings.Repeat("zäh7 Quark-", 24)
	runes := []rune(long)
	for name, c := range map[string]struct {
		password string
		want     bool
	}{
		"11 emoji":  {string([]rune(word)[:11]), false},
		"12 emoji":  {string([]rune(word)[:12]), true},
		"11 ascii":  {"vKq9-zT4xWb", false},
		"12 ascii":  {"vKq9-zT4xWbR", true},
		"256 runes": {string(runes[:256]), true},
		"257 runes": {string(runes[:257]), false},
		// Decomposed it has 22 code points, composed 11.
		"11 after normalisation": {strings.Repeat("u\u0308", 11), false},
	} {
		err := Policy{MinScore: -1}.Check(c.password)
		if (err == nil) != c.want {
			t.Errorf("%s: got %v, want accepted %v", name, err, c.want)
		}
	}
}

func TestPolicy_RefusesWithASentence(t *testing.T) { // FS-24
	t.Parallel()
	own := []string{"Wilhelmina.Featherstone@example.org", "Wilhelmina Featherstone", "Orbital Bakery"}
	for name, c := range map[string]struct {
		policy   Policy
		password string
		want     string // part of the message; empty means accepted
	}{
		"common":                   {Policy{MinLength: 8}, "iloveyou", "most used"},
		"common, capitals":         {Policy{MinLength: 8}, "ILoveYou", "most used"},
		"common with an ending":    {Policy{}, "iloveyou2024!!", "most used"},
		"common, long":             {Policy{}, "1234567890-=", "most used"},
		"own address":              {Policy{}, "wilhelmina.featherstone@example.org", "your own"},
		"own name":                 {Policy{}, "WilhelminaFeatherstone", "your own"},
		"own name with a year":     {Policy{}, "Featherstone1987", "your own"},
		"own name reversed order":  {Policy{}, "featherstone-wilhelmina", "your own"},
		"own name and two words":   {Policy{}, "wilhelmina.featherstone@corp.net", "your own"},
		"the service's name":       {Policy{}, "OrbitalBakery1", "your own"},
		"keyboard":                 {Policy{}, "qwertyuiopasdfgh", "easy to guess"},
		"repetition":               {Policy{}, "aaaaaaaaaaaaaaaaaaa", "easy to guess"},
		"repetition of non-ASCII":  {Policy{}, strings.Repeat("ж", 20), "easy to guess"},
		"one word with leet":       {Policy{}, "P@ssw0rdP@ssw0rd", "easy to guess"},
		"sequence":                 {Policy{}, "abcdefghijklmnop", "easy to guess"},
		"empty":                    {Policy{}, "", "empty"},
		"tab":                      {Policy{}, "vKq9-zT4xWbR\t", "control character"},
		"passphrase":               {Policy{}, "marble otter sings underwater", ""},
		"random":                   {Policy{}, "vKq9-zT4xWbR", ""},
		"no composition rules":     {Policy{}, "marbleottersingsunderwater", ""},
		"other script":             {Policy{}, "зелёный чайник поёт ночью", ""},
		"switched off":             {Policy{MinScore: -1}, "abcdefghijklmnop", ""},
		"short own string is left": {Policy{}, "examining velvet tractors", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.policy.Check(c.password, own...)
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v, want accepted", err)
				}
				return
			}
			var e *idp.Error
			if !errors.As(err, &e) || e.Kind != idp.Invalid || e.Field != "password" || !strings.Contains(e.Message, c.want) {
				t.Fatalf("got %v, want an Invalid error about %q", err, c.want)
			}
			if c.password != "" && strings.Contains(e.Message, c.password) {
				t.Errorf("the message repeats the password: %s", e.Message)
			}
		})
	}
}

func TestPolicy_LongInputIsCheap(t *testing.T) {
	t.Parallel()
	if got := utf8.RuneCountInString(cutRunes(strings.Repeat("ж", 256), strengthRunes)); got != strengthRunes {
		t.Errorf("the estimate reads %d letters, want %d", got, strengthRunes)
	}
	// All signs that stand for letters: trying every combination would take for ever.
	signs := "4@8({[<369|1!7+$50%2(%+1|92{!60<@"
	if got := len(plainSpellings(signs)); got > 3 {
		t.Errorf("%d spellings are estimated, want at most 3", got)
	}
	if err := (Policy{}).Check(signs); err != nil {
		t.Errorf("got %v", err)
	}
	many := slices.Repeat([]string{"one.two@three.example", strings.Repeat("x", 5000)}, 500)
	if got := len(ownParts(many)); got > maxOwnStrings {
		t.Errorf("got %d own strings, want at most %d", got, maxOwnStrings)
	}
}

func TestCommonPasswords_AreSortedAndFolded(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if !slices.IsSorted(lines) || len(lines) < 5000 {
		t.Fatalf("%d lines, sorted %v: the search needs them sorted", len(lines), slices.IsSorted(lines))
	}
	for _, line := range lines {
		if line != fold(line) || !inLines(commonPasswords, line) {
			t.Errorf("%q is not folded, or not found", line)
		}
	}
	for _, absent := range []string{"", "\n", "0", "zzzzzzzzzzzzzz", "marbleotter", lines[0] + "\n" + lines[1]} {
		if inLines(commonPasswords, absent) {
			t.Errorf("%q is found", absent)
		}
	}
}

func TestNewClientSecret_IsLongRandomAndAccepted(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		s := NewClientSecret()
		if len(s) != 43 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || seen[s] {
			t.Fatalf("got %q", s)
		}
		seen[s] = true
	}
	if err := HighEntropy(NewClientSecret()); err != nil {
		t.Error(err)
	}
}

func TestHighEntropy_RefusesWhatCanBeGuessed(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]bool{
		"":                                 false,
		"secret":                           false,
		"kHq2vX9TzL4mWb7RnYc3":             false, // random, but short
		"9f86d081884c7d659a2feaa0c55ad015": true,  // 128 bits in hex
		"dGhpcyBpcyBhIHNlY3JldCB0aGF0IGlzIGxvbmc=": true, // looks random to anyone who does not decode it
		"3q2-7wAAkfzX0Jd8uYt5hQb1LmVs6CeRgNoPiKjZ": true,
		strings.Repeat("a", 64):                    false,
		strings.Repeat("abc123XYZ!", 5):            false,
		"correcthorsebatterystaplecorrect":         false,
		"passwordpasswordpasswordpassword":         false,
		"abcdefghijklmnopqrstuvwxyz0123456789":     false,
		"12345678901234567890123456789012":         false,
		"changeme-changeme-changeme-please":        false,
		"kHq2vX9TzL4mWb7RnYc3 kHq2vX9TzL4mWb7RnYc": false, // a space
		"kHq2vX9TzL4mWb7RnYc3é5dS8fG1hJ6kP0qA2wE4": false,
		strings.Repeat("kHq2vX9TzL4mWb7R", 40):     false, // over the bound
	} {
		err := HighEntropy(secret)
		if (err == nil) != want {
			t.Errorf("%q: got %v, want accepted %v", secret, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("%q: the message names no mend: %v", secret, err)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	for _, s := range []string{"İİİİİİİİİİİİ", "ẞẞẞẞẞẞẞẞẞẞẞẞ", "P@ssw0rd4@8({[<369|1!7+$50%2", "marble otter sings", "\u0345\u0345"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, password, own string) {
		if err := (Policy{MinLength: 1}).Check(password, own); err != nil && idp.KindOf(err) != idp.Invalid {
			t.Errorf("got %v, want an Invalid error", err)
		}
	})
}
