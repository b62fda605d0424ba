package oauth

import (
	"errors"
	"strings"
	"testing"
)

func TestParseParams_IsStrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, want string // want is the encoded result; "error" for none at all
		twice          string
	}{
		{"nothing", "", "", ""},
		{"plain", "a=1&b=x+y", "a=1&b=x+y", ""},
		{"without a value", "a=&b=1&c", "b=1", ""},
		{"text of many lines", "a=%0D%0A%09", "a=%0D%0A%09", ""},
		{"twice", "a=1&a=2", "a=1", "a"},
		{"twice, once empty", "a=1&a=", "a=1", "a"},
		{"several resources", "resource=1&resource=&resource=2", "resource=1&resource=2", ""},
		{"an empty resource first", "resource=&resource=2", "resource=2", ""},
		{"the client above all", "z=1&z=2&client_id=1&client_id=2", "client_id=1&z=1", "client_id"},
		{"a broken escape", "a=%2", "error", ""},
		{"a semicolon", "a=1;b=2", "error", ""},
		{"a zero byte", "a=%00", "error", ""},
		{"a zero byte in a name", "%00=1", "error", ""},
		{"no text", "a=%c3", "error", ""},
		{"the most", strings.Repeat("&", 63), "", ""},
		{"one more", strings.Repeat("&", 64), "error", ""},
	} {
		got, err := parseParams(c.in)
		var d duplicate
		switch {
		case c.want == "error":
			if err == nil || got != nil {
				t.Errorf("%s: got %v, %v, want an error alone", c.name, got, err)
			}
		case got.Encode() != c.want:
			t.Errorf("%s: got %q, want %q", c.name, got.Encode(), c.want)
		case errors.As(err, &d) != (c.twice != "") || d.name != c.twice:
			t.Errorf("%s: got %v, want a duplicate %q", c.name, err, c.twice)
		}
	}
}

func FuzzParseParams(f *testing.F) {
	f.Fuzz(func(t *testing.T, in string) {
		got, err := parseParams(in)
		if got == nil && err == nil {
			t.Fatal("neither parameters nor an error")
		}
		for name, values := range got {
			if !cleanText(name) || len(values) == 0 || len(values) > 1 && !repeatable[name] {
				t.Fatalf("%q: got %q = %q", in, name, values)
			}
			for _, v := range values {
				if !cleanText(v) || v == "" {
					t.Fatalf("%q: got %q = %q", in, name, values)
				}
			}
		}
	})
}
