package idp_test

import (
	"testing"

	"idp/internal/idp"
)

func TestCanonicalEmail_IsOneSpellingOfEachAddress(t *testing.T) { // FS-11
	t.Parallel()
	for in, want := range map[string]string{
		"A@Ex.com":                  "a@ex.com",
		" ann@example.com ":         "ann@example.com",
		"ann@bücher.example":        "ann@xn--bcher-kva.example",
		"ann@xn--bcher-kva.example": "ann@xn--bcher-kva.example",
		"root@localhost":            "root@localhost",
		"ann":                       "",
		"@example.com":              "",
		"ann@":                      "",
		"ann@nodot":                 "",
		"a@b@example.com":           "",
		"\"a b\"@example.com":       "",
		"ann\n@example.com":         "",
		"ann\x00@example.com":       "",
		"ann\xff@example.com":       "",
		"ann@exa\xffmple.com":       "",
		"a,b@example.com":           "",
	} {
		got, ok := idp.CanonicalEmail(in)
		if got != want || ok != (want != "") {
			t.Errorf("CanonicalEmail(%q): got %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestCanonicalUsername_ConfusableSpellingsAreOne(t *testing.T) { // FS-12
	t.Parallel()
	for in, want := range map[string]string{
		"admin": "admin", "ＡＤＭＩＮ": "admin", "Admin": "admin", "a.b-c_d": "a.b-c_d", "Straße": "strasse", "日本": "日本",
		"a": "", ".ab": "", "a b": "", "<b>x": "", "a@b": "", "ab\x00": "", "a\xffb": "",
	} {
		got, ok := idp.CanonicalUsername(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("CanonicalUsername(%q): got %q, %v; want %q", in, got, ok, want)
		}
	}
}
