package untrusted

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

func TestTexts_AreOneOrAList(t *testing.T) { // RFC 7519 §4.1.3
	t.Parallel()
	for text, want := range map[string]Texts{
		`"a"`:       {[]string{"a"}, true},
		`["a"]`:     {[]string{"a"}, false},
		`["a","b"]`: {[]string{"a", "b"}, false},
		`[]`:        {[]string{}, false},
	} {
		var got Texts
		if err := json.Unmarshal([]byte(text), &got); err != nil || !slices.Equal(got.List, want.List) || got.Alone != want.Alone {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{`1`, `{}`, `["a",1]`, `true`} {
		var got Texts
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: got %v, want it refused", text, got)
		}
	}
}

func TestInstant_HasAFractionAndAnEnd(t *testing.T) { // RFC 7519 §2
	t.Parallel()
	if got, want := Instant(1.5), time.Unix(1, 5e8); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Instant(1e300); got.Year() < 10000 {
		t.Errorf("beyond any calendar: got %v", got)
	}
	if got := Instant(-1e300); got.Year() > 0 {
		t.Errorf("before any calendar: got %v", got)
	}
}
