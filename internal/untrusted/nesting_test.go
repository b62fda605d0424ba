package untrusted

import (
	"strings"
	"testing"
)

func TestNested_CountsBracketsOutsideTexts(t *testing.T) {
	t.Parallel()
	for text, depth := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `[[]]`: 2, `[{"a":[]},[]]`: 3, `["[[[["]`: 1, `["\"[[["]`: 1, `{"a\\":[[]]}`: 3, `]]][[`: 0,
		strings.Repeat("[", 100000): 100000,
	} {
		if depth > 0 && !nested([]byte(text), depth-1) || nested([]byte(text), depth) {
			t.Errorf("%.20q: want it nested %d deep", text, depth)
		}
	}
}
