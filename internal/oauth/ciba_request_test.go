package oauth

import (
	"testing"
)

// What a client signed is an outsider's text all the same: reading it never panics, and gives clean parameters or a fault.
func FuzzSignedClaims(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"bank","aud":"https://idp.example","exp":1,"iat":1,"nbf":1,"jti":"x","scope":"openid","requested_expiry":60}`,
		`{"aud":["a","b"],"exp":null}`, `{"exp":"soon"}`, `{"exp":1e400}`, `{"a":{"a":{}}}`, `{"a":1,"a":2}`, `[]`, `null`, `{"scope":"\u0000"}`, `{"requested_expiry":1.5}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := readClaims(payload)
		if err != nil {
			return
		}
		form, err := c.params()
		if err != nil {
			return
		}
		for name, values := range form {
			if len(values) != 1 || values[0] == "" || !cleanText(values[0]) {
				t.Fatalf("%q: the parameter %q is %q", payload, name, values)
			}
		}
	})
}
