package oauth

import (
	"slices"
	"testing"

	"idp/internal/idp"
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
		c, fault := readClaims(payload)
		if fault != "" {
			return
		}
		form, fault := c.params()
		if fault != "" {
			return
		}
		for name, values := range form {
			if len(values) != 1 || values[0] == "" || !cleanText(values[0]) {
				t.Fatalf("%q: the parameter %q is %q", payload, name, values)
			}
		}
	})
}

func TestSignedClaims_DatesMayHaveAFraction(t *testing.T) { // RFC 7519 §2
	t.Parallel()
	c, fault := readClaims([]byte(`{"iss":"bank","aud":["https://idp.example"],"exp":1700000060.5,"nbf":1700000000.25,"iat":1.7e9,"jti":"x"}`))
	if fault != "" || c.Expires == nil || *c.Expires != 1700000060.5 {
		t.Errorf("got %+v and %q, want them read", c, fault)
	}
}

func TestSignedClaims_ProfileHoldsTheAlgorithm(t *testing.T) { // FAPI 2.0 Security Profile §5.4.1
	t.Parallel()
	plain, held := &idp.Client{}, &idp.Client{ClientProfile: idp.ClientProfile{Profile: idp.ProfileFAPI2}}
	if got := cibaAlgsOf(plain); !slices.Equal(got, idp.SupportedSigningAlgs()) {
		t.Errorf("without a profile: got %v, want all", got)
	}
	if got := cibaAlgsOf(held); slices.Contains(got, "RS256") || !slices.Contains(got, "ES256") {
		t.Errorf("with fapi2: got %v, want those of the profile", got)
	}
}
