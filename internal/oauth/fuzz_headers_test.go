package oauth

import (
	"strings"
	"testing"
)

// FuzzAccepts: an Accept header asks for a JWT only where it names it, whatever weights it gives, and in whichever order (RFC 9701 §4).
func FuzzAccepts(f *testing.F) {
	f.Fuzz(func(t *testing.T, header, other string) {
		asked := accepts([]string{header, other}, typeIntrospection)
		if asked && !strings.Contains(strings.ToLower(header+other), typeIntrospection) {
			t.Fatalf("%q, %q: asks for what it does not name", header, other)
		}
		if asked != accepts([]string{other, header}, typeIntrospection) {
			t.Fatalf("%q, %q: the order of headers counts", header, other)
		}
		if accepts([]string{header, other, typeIntrospection + ";q=0"}, typeIntrospection) != asked {
			t.Fatalf("%q, %q: a name with no weight counts", header, other)
		}
	})
}
