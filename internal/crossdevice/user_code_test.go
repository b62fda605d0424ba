package crossdevice

import (
	"strings"
	"testing"
)

func TestUserCode_IsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"BCDF-GHJK": "BCDF-GHJK", "bcdfghjk": "BCDF-GHJK", " bcdf ghjk ": "BCDF-GHJK", "B.C.D.F-G_H J\u2013K": "BCDF-GHJK", "wxz-tv-sr-q": "WXZT-VSRQ",
	} {
		if got, ok := ParseUserCode(typed); !ok || got != want {
			t.Errorf("%q: got %q, %v, want %q", typed, got, ok, want)
		}
	}
	for _, typed := range []string{
		"", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJY", "ＢＣＤＦ-ＧＨＪＫ", "BCDF-GHJ\u212a", "\x00BCDFGHJK", "\xffBCDFGHJK", strings.Repeat("-", 1<<20),
	} {
		if got, ok := ParseUserCode(typed); ok {
			t.Errorf("%.40q: got %q, want it refused", typed, got)
		}
	}
}

// RFC 8628 §6.1: codes are drawn evenly from letters that are no vowels and look like nothing else.
func TestUserCode_IsDrawnFromAllLetters(t *testing.T) {
	t.Parallel()
	seen := map[rune]int{}
	codes := map[string]bool{}
	for range 2000 {
		code := newUserCode()
		if got, ok := ParseUserCode(code); !ok || got != code || len(code) != 9 {
			t.Fatalf("a code of ours: %q", code)
		}
		codes[code] = true
		for _, r := range code {
			seen[r]++
		}
	}
	if len(codes) != 2000 {
		t.Errorf("got %d different codes of 2000", len(codes))
	}
	for _, r := range alphabet {
		if n := seen[r]; n < 600 || n > 1000 { // 800 expected, with a deviation of 28
			t.Errorf("got %c %d times of 16000, want about 800", r, n)
		}
	}
	if strings.ContainsAny(alphabet, "AEIOUY0123456789") || len(alphabet) != 20 {
		t.Errorf("got the alphabet %s", alphabet)
	}
}

func FuzzParseUserCode(f *testing.F) {
	for _, seed := range []string{"BCDF-GHJK", "bcdfghjk", "", "b-c-d-f-g-h-j-k", "\u2010BCDFGHJK", "BCDF\x00GHJK"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := ParseUserCode(typed)
		if !ok {
			return
		}
		if len(code) != 9 || code[4] != '-' || strings.Trim(strings.Replace(code, "-", "", 1), alphabet) != "" {
			t.Fatalf("%q became %q", typed, code)
		}
		if again, ok := ParseUserCode(code); !ok || again != code {
			t.Fatalf("%q is read as %q", code, again)
		}
	})
}
