package untrusted

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
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

func TestDecode_HasOneReadingOnly(t *testing.T) {
	t.Parallel()
	for _, text := range ambiguous() {
		var v map[string]any
		if err := Decode([]byte(text), Bounds{Bytes: 100, Depth: 4}, &v); err == nil {
			t.Errorf("%q: got %v, want it refused", text, v)
		}
	}
	var v struct {
		Aud string `json:"aud"`
	}
	if err := Decode([]byte(`{"AUD":"x"}`), Bounds{Bytes: 100, Depth: 4}, &v); err != nil || v.Aud != "" {
		t.Errorf("another case: got %q, %v, want it to be another name", v.Aud, err)
	}
}

// ambiguous lists texts that two readers would understand differently, or that are no JSON.
func ambiguous() []string {
	return []string{`{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":[{"b":1,"b":1}]}`, `{"a":1,"\u0061":2}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `{"a":1}{}`, `{"a":1,}`, ``, `nul`, `{'a':1}`, `{"a"}`, `{1:2}`, `{"a":1]`}
}

func TestCheck_HasOneReadingOnly(t *testing.T) {
	t.Parallel()
	b := Bounds{Bytes: 100, Depth: 4}
	for _, text := range ambiguous() {
		if err := Check([]byte(text), b); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for _, text := range []string{`{"a":1,"A":2}`, `[{"a":1},{"a":1}]`, `1e999`, `{"a":12345678901234567890}`, `null`, ` {} `} {
		if err := Check([]byte(text), b); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheck_BoundsHoldForEveryReader(t *testing.T) {
	t.Parallel()
	b := Bounds{Bytes: 64, Depth: 3, Members: 6}
	for text, want := range map[string]error{
		`[` + strings.Repeat(" ", 63) + `]`:          ErrTooLong,
		`[[[[]]]]`:                                   ErrTooDeep,
		`{"a":[1,2,3,4]}`:                            nil,
		`{"a":[1,2,3,4,5]}`:                          ErrTooMany,
		`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`:      ErrTooMany,
		`{"a":{"b":1},"c":{"d":1},"e":{"f":1}}`:      ErrTooMany,
		strings.Repeat("[", 40):                      ErrTooDeep,
		`{"a":"` + strings.Repeat(`,{"`, 40) + `"}`:  ErrTooLong,
		`{"a":"[[[[{{{{,,,,,,,,,,,,,,,,,,,,,,,,,,"}`: nil,
	} {
		if err := Check([]byte(text), b); !errors.Is(err, want) {
			t.Errorf("Check(%q): got %v, want %v", text, err, want)
		}
		_, one := Object([]byte(text), b)
		_, many := Objects([]byte(text), b)
		if want != nil && (!errors.Is(one, want) || !errors.Is(many, want)) {
			t.Errorf("%q: got %v of Object, %v of Objects, want %v", text, one, many, want)
		}
	}
}

func TestObject_IsAnObjectAndObjectsAreAListOfThem(t *testing.T) {
	t.Parallel()
	b := Bounds{Bytes: 100, Depth: 4}
	members, err := Object([]byte(`{"a":12345678901234567890,"A":null}`), b)
	if err != nil || len(members) != 2 || string(members["a"]) != "12345678901234567890" || string(members["A"]) != "null" {
		t.Errorf("got %s, %v, want the members as they were written", members, err)
	}
	for _, text := range []string{`null`, `[]`, `1`, `"{}"`} {
		if got, err := Object([]byte(text), b); err == nil {
			t.Errorf("%s is the object %s", text, got)
		}
	}
	if list, err := Objects([]byte(`[{"a":1},{}]`), b); err != nil || len(list) != 2 {
		t.Errorf("got %s, %v, want two objects", list, err)
	}
	for _, text := range []string{`null`, `{}`, `[1]`, `[null]`, `[{},[]]`} {
		if got, err := Objects([]byte(text), b); err == nil {
			t.Errorf("%s are the objects %s", text, got)
		}
	}
}

// FuzzDecode: what any reader accepts is JSON to everybody else too, within its bounds, and all readers see the same members.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `"\\\""`, `[[[[[[]]]]]]`, `{"a":1,"a":2}`, "\xff", `{"é":"\ud800"}`, `{"a":{"b":[1,{"c":2,"c":3}]}}`, `{"a":1}{}`, "{\"\xff\":1}", `[{"a":1}]`, `1e999`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := Bounds{Bytes: 1 << 10, Depth: 5, Members: 50}
		var v any
		decoded, checked := Decode([]byte(text), b, &v), Check([]byte(text), b)
		if decoded == nil || checked == nil {
			if !json.Valid([]byte(text)) || len(text) > b.Bytes || nested([]byte(text), b.Depth) {
				t.Fatalf("accepted %q", text)
			}
		}
		if decoded == nil && checked != nil && !errors.Is(checked, ErrTooMany) {
			t.Fatalf("%q: Decode takes what Check does not: %v", text, checked)
		}
		if members, err := Object([]byte(text), b); err == nil {
			var plain map[string]json.RawMessage
			if checked != nil || json.Unmarshal([]byte(text), &plain) != nil || len(plain) != len(members) {
				t.Fatalf("%q: got %d members, want %d", text, len(members), len(plain))
			}
		}
	})
}
