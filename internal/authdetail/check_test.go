package authdetail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What comes back in another spelling is the same detail; what is different is not (RFC 9396 §6).
func TestNarrow_OnlyWhatWasGranted(t *testing.T) {
	t.Parallel()
	list, err := read(`[{"b":1.50,"type":"x","a":"<&>"},{"type":"y"}]`)
	if err != nil {
		t.Fatal(err)
	}
	granted, err := spell(list)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(map[string]json.RawMessage{"d": granted}) // as a row keeps it
	if err != nil || !strings.Contains(string(again), string(granted)) {
		t.Errorf("kept as %s, %v, want %s inside", again, err, granted)
	}
	if got, err := Narrow(granted, ` [ {"type":"x", "a":"\u003c&>", "b":1.50} ]`); err != nil || string(got) != `[{"a":"\u003c\u0026\u003e","b":1.50,"type":"x"}]` {
		t.Errorf("got %s, %v, want the first", got, err)
	}
	for _, asked := range []string{`[{"type":"x","a":"<&>","b":1.5}]`, `[{"type":"y","z":1}]`, `[{"type":"z"}]`, `[]`, `{}`, `[1]`, `[{"type":"y","type":"y"}]`, `[{"type":"y"}`} {
		var fault *Fault
		if got, err := Narrow(granted, asked); !errors.As(err, &fault) {
			t.Errorf("%s: got %s, %v, want it refused", asked, got, err)
		}
	}
}

func TestCompile_ReadsNothingElse(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{`{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://example.com/schema"}`, `{"type":"nonsense"}`, `[]`, `true`, `{`, `{"pattern":"("}`} {
		if _, err := compile(json.RawMessage(schema)); err == nil {
			t.Errorf("%s: want it refused", schema)
		}
	}
	if _, err := compile(json.RawMessage(`{"$defs":{"a":{"type":"string"}},"properties":{"x":{"$ref":"#/$defs/a"}}}`)); err != nil {
		t.Errorf("a reference within: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		list, err := read(text)
		if err != nil {
			return
		}
		first, err := spell(list)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := read(string(first))
		if err != nil {
			if len(first) > Most {
				return
			}
			t.Fatalf("%q is spelled %s, which cannot be read: %v", text, first, err)
		}
		if second, err := spell(again); err != nil || string(first) != string(second) {
			t.Fatalf("%q is spelled %s, then %s", text, first, second)
		}
	})
}

// A schema compares numbers as they are written: a few bytes of exponent would cost minutes.
func TestRead_NumbersAreThoseOfADouble(t *testing.T) {
	t.Parallel()
	for number, ok := range map[string]bool{
		"0": true, "-12.50": true, "1e308": true, "1E-308": true, "1e+3": true,
		"1e309": false, "1e-309": false, "1e-999999": false, "1E+999999": false, "1e99999999999999999999": false, strings.Repeat("9", 65): false,
	} {
		var fault *Fault
		if _, err := read(`[{"type":"x","a":[{"b":` + number + `}]}]`); (err == nil) != ok || err != nil && !errors.As(err, &fault) {
			t.Errorf("%.40s: got %v, want it taken %v", number, err, ok)
		}
	}
}
