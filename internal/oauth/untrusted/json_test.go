package untrusted

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"idp/internal/idp"
)

func TestDecode_BoundsComeBeforeParsing(t *testing.T) {
	t.Parallel()
	b := Bounds{Bytes: 64, Depth: 3}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"as long as allowed": {`"` + strings.Repeat("x", 62) + `"`, nil},
		"longer":             {`"` + strings.Repeat("x", 63) + `"`, ErrTooLong},
		"as deep as allowed": {`{"a":[{}]}`, nil},
		"deeper":             {`{"a":[{"b":{}}]}`, ErrTooDeep},
		"deep and broken":    {`[[[[`, ErrTooDeep},
		"brackets in words":  {`{"a":"[[[[\"[[{{","b":[{}]}`, nil},
	} {
		var v any
		if err := Decode([]byte(c.text), b, &v); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestDecode_OneReadingOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `{"a":1,}`, ``, `{'a':1}`} {
		var v map[string]any
		if err := Decode([]byte(text), Bounds{100, 4}, &v); err == nil {
			t.Errorf("%q: got %v, want it refused", text, v)
		}
	}
	var v struct {
		Aud string `json:"aud"`
	}
	if err := Decode([]byte(`{"AUD":"x"}`), Bounds{100, 4}, &v); err != nil || v.Aud != "" {
		t.Errorf("another case: got %q, %v, want it to be another name", v.Aud, err)
	}
}

// What is accepted is JSON to everybody else too, and within its bounds.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `"\\\""`, `[[[[[[]]]]]]`, `{"a":1,"a":2}`, "\xff", `{"é":"\ud800"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		b := Bounds{Bytes: 1 << 10, Depth: 5}
		if Decode([]byte(text), b, &v) != nil {
			return
		}
		if !json.Valid([]byte(text)) || len(text) > b.Bytes || idp.Nested(text, b.Depth) {
			t.Fatalf("accepted %q", text)
		}
	})
}
