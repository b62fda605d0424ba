package idp_test

import (
	"testing"

	"idp/internal/idp"
)

func TestParseResponseMode_FollowsTheType(t *testing.T) {
	t.Parallel()
	code, front := idp.ResponseType{Code: true}, idp.ResponseType{Code: true, IDToken: true}
	for _, c := range []struct {
		word        string
		code, front idp.ResponseMode
	}{
		{"", idp.ResponseMode{Carrier: "query"}, idp.ResponseMode{Carrier: "fragment"}},
		{"jwt", idp.ResponseMode{Carrier: "query", Signed: true}, idp.ResponseMode{Carrier: "fragment", Signed: true}},
		{"query", idp.ResponseMode{Carrier: "query"}, idp.ResponseMode{Carrier: "query"}},
		{"form_post", idp.ResponseMode{Carrier: "form_post"}, idp.ResponseMode{Carrier: "form_post"}},
		{"fragment.jwt", idp.ResponseMode{Carrier: "fragment", Signed: true}, idp.ResponseMode{Carrier: "fragment", Signed: true}},
	} {
		for responseType, want := range map[idp.ResponseType]idp.ResponseMode{code: c.code, front: c.front} {
			if got, ok := idp.ParseResponseMode(c.word, responseType); !ok || got != want {
				t.Errorf("%q for %s: got %+v %v, want %+v", c.word, responseType, got, ok, want)
			}
		}
	}
	for _, word := range []string{"Query", "query ", "web_message", "jwt.query", ".jwt", "query.JWT"} {
		if got, ok := idp.ParseResponseMode(word, front); ok || got.Carrier != "fragment" {
			t.Errorf("%q: got %+v %v, want it refused, and the type's own way", word, got, ok)
		}
	}
	for _, word := range idp.SupportedResponseModes() {
		if _, ok := idp.ParseResponseMode(word, code); !ok {
			t.Errorf("%q is listed and refused", word)
		}
	}
}
