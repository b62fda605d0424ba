package idp_test

import (
	"slices"
	"testing"

	"idp/internal/idp"
)

func TestParseResponseType_TakesAnyOrder(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"code": "code", "none": "none", "id_token": "id_token", "token id_token": "id_token token", "id_token token": "id_token token",
		"id_token code": "code id_token", "token code": "code token", "token id_token code": "code id_token token", "id_token token code": "code id_token token",
	} {
		if got, ok := idp.ParseResponseType(words); !ok || got.String() != want {
			t.Errorf("%q: got %q %v, want %q", words, got, ok, want)
		}
	}
	for _, words := range []string{"", "token", "Code", "code code", "code ", " code", "code  token", "none code", "code none", "none none", "id_token id_token", "code\ttoken", "code,token", "token token"} {
		if got, ok := idp.ParseResponseType(words); ok {
			t.Errorf("%q: got %q, want it refused", words, got)
		}
	}
	for _, words := range idp.SupportedResponseTypes() {
		got, ok := idp.ParseResponseType(words)
		if !ok || got.String() != words || got.Front() == (words == "code" || words == "none") {
			t.Errorf("%q: got %q, front %v", words, got, got.Front())
		}
	}
}

func FuzzParseResponseType(f *testing.F) {
	for _, words := range append(idp.SupportedResponseTypes(), "token", "code code", "") {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, words string) {
		got, ok := idp.ParseResponseType(words)
		if !ok {
			return
		}
		if !slices.Contains(idp.SupportedResponseTypes(), got.String()) || len(words) != len(got.String()) {
			t.Errorf("%q was taken for %q", words, got)
		}
	})
}
