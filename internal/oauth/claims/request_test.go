package claims

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"idp/internal/idp"
)

func TestParseRequest_ReadsWhatOneMayAskFor(t *testing.T) { // OpenID Connect Core §5.5
	t.Parallel()
	got, err := ParseRequest(`{"userinfo":{"given_name":{"essential":true},"nickname":null,"email":{"value":"a@b"},"http://example.info/claims/groups":null},
		"id_token":{"auth_time":{"essential":true},"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"1"},"email":null},"other":1}`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Request{IDToken: []string{"email"}, UserInfo: []string{"email", "given_name", "nickname"}, Subject: "1", ACR: []string{"a", "b"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if r, err := ParseRequest(`{"id_token":{"acr":{"values":["a"]}}}`); err != nil || r.ACR != nil {
		t.Errorf("a wish for an acr: got %+v, %v, want no demand", r, err)
	}
	for name, text := range map[string]string{
		"no JSON": "{", "a list": "[]", "a text": `"x"`, "members that are no objects": `{"userinfo":1}`, "a claim that is no object": `{"userinfo":{"email":true}}`,
		"twice": `{"userinfo":{"email":null,"email":null}}`, "essential that is a text": `{"userinfo":{"email":{"essential":"yes"}}}`,
		"two people": `{"userinfo":{"sub":{"value":"1"}},"id_token":{"sub":{"value":"2"}}}`, "a sub of no text": `{"id_token":{"sub":{"value":1}}}`,
		"too long": `{"x":"` + strings.Repeat("x", 5000) + `"}`, "too deep": `{"a":[[[[[[]]]]]]}`, "numbers as acr": `{"id_token":{"acr":{"essential":true,"value":1}}}`,
		"too many": `{"userinfo":{` + strings.TrimSuffix(manyClaims(), ",") + `}}`,
	} {
		if r, err := ParseRequest(text); err == nil {
			t.Errorf("%s: got %+v, want it refused", name, r)
		}
	}
}

func manyClaims() string {
	var b strings.Builder
	for i := range 70 {
		b.WriteString(`"c` + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":null,`)
	}
	return b.String()
}

// A claim that is asked for by name is released as its scope would release it, alone, and only to whom that scope is open.
func TestAdd_ReleasesOneClaimOfAScopeAlone(t *testing.T) {
	t.Parallel()
	u := &idp.UserClaims{Email: "a@example.com", EmailVerified: true, Profile: idp.Profile{Name: "Ann", GivenName: "A"}}
	c := &idp.Client{Scopes: []string{"openid", "profile"}, Contract: idp.DefaultContract()}
	set := Set{}
	set.Add([]string{"name", "email", "middle_name", "nonsense"}, u, c)
	if want := (Set{"name": "Ann"}); !reflect.DeepEqual(set, want) {
		t.Errorf("got %v, want %v", set, want)
	}
}

// Every claim that a scope releases can be asked for by name, but for the roles.
func TestScopeOf_HasEveryClaim(t *testing.T) {
	t.Parallel()
	own := []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash", "roles"}
	for _, name := range Supported() {
		if _, ok := scopeOf[name]; !ok && !slices.Contains(own, name) {
			t.Errorf("%s cannot be asked for by name", name)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRequest(text)
		if err == nil && (len(text) > requestMost || len(r.IDToken) > membersMost) {
			t.Fatalf("accepted %q", text)
		}
	})
}
