package idp

import (
	"strings"
	"testing"
)

const ecPoint = `"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"` // RFC 7517 §A.1

func TestValidate_KeysAreFitToUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys  ClientKeys
		field string
	}{
		"none":                {ClientKeys{}, ""},
		"a key":               {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}]}`)}, ""},
		"and unknown ones":    {ClientKeys{JWKS: []byte(`{"keys":[{"kty":"new"},7,null,{` + ecPoint + `,"kid":"1"}],"more":1}`)}, ""},
		"an address":          {ClientKeys{JWKSURI: "https://app.example/jwks.json"}, ""},
		"both":                {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}]}`), JWKSURI: "https://app.example/jwks.json"}, "jwks_uri"},
		"plain http":          {ClientKeys{JWKSURI: "http://app.example/jwks.json"}, "jwks_uri"},
		"no address":          {ClientKeys{JWKSURI: "file:///etc/passwd"}, "jwks_uri"},
		"no set":              {ClientKeys{JWKS: []byte(`[]`)}, "jwks"},
		"empty":               {ClientKeys{JWKS: []byte(`{"keys":[]}`)}, "jwks"},
		"a private key":       {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`)}, "jwks"},
		"a symmetric key":     {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `},{"kty":"oct","k":"AAAA"}]}`)}, "jwks"},
		"a weak key":          {ClientKeys{JWKS: []byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("q", 171) + `"}]}`)}, "jwks"},
		"a giant key":         {ClientKeys{JWKS: []byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("q", 2000) + `"}]}`)}, "jwks"}, // one that fills a set makes a single signature cost seconds
		"members twice":       {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}],"keys":[{` + ecPoint + `}]}`)}, "jwks"},
		"a point off a curve": {ClientKeys{JWKS: []byte(`{"keys":[{` + strings.Replace(ecPoint, "MKB", "MKA", 1) + `}]}`)}, "jwks"},
		"nested too deep":     {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}],"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`)}, "jwks"},
		"too long":            {ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}]` + strings.Repeat(" ", MaxKeySet) + `}`)}, "jwks"},
	} {
		f := &faults{}
		(&Client{ClientKeys: c.keys}).checkKeys(f)
		got := ""
		if len(f.list) > 0 {
			got = Faults(f.list[0])[0].Field
		}
		if got != c.field || len(f.list) > 1 {
			t.Errorf("%s: got faults %v, want one of %q", name, f.list, c.field)
		}
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{` + ecPoint + `}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := ParseKeySet(text)
		for _, k := range keys {
			if err != nil || !k.IsPublic() || !k.Valid() {
				t.Errorf("%q: got %+v, %v", text, k, err)
			}
		}
	})
}
