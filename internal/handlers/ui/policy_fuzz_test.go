package ui

import (
	"strings"
	"testing"

	"idp/internal/idp"
)

// FuzzLogoInThePolicy: the address of a logo, which an application chose, adds one source for images to a page's policy and nothing else.
func FuzzLogoInThePolicy(f *testing.F) {
	f.Fuzz(func(t *testing.T, logo string) {
		c := &idp.Client{ID: "app", RedirectURIs: []string{"https://app.example/cb"}, AuthMethods: []string{idp.AuthNone}, LogoURI: logo}
		c.ApplyDefaults()
		if c.Validate() != nil {
			return // no such client
		}
		got := withLogo(policy, DeviceConfirm{Client: &Client{LogoURL: logo}})
		plain, changed := strings.Split(policy, "; "), strings.Split(got, "; ")
		if len(plain) != len(changed) || strings.Count(got, ";") != strings.Count(policy, ";") || strings.ContainsAny(got, ",\r\n\"") {
			t.Fatalf("%q: the policy is %q", logo, got)
		}
		for i := range plain {
			if rest, images := strings.CutPrefix(changed[i], "img-src 'self'"); images && len(strings.Fields(rest)) <= 1 {
				continue
			}
			if plain[i] != changed[i] {
				t.Fatalf("%q: the policy is %q", logo, got)
			}
		}
	})
}
