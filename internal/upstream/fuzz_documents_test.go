package upstream

import (
	"strings"
	"testing"

	"idp/internal/idp"
)

// FuzzDiscoveryDocument: a document of another's makes a provider only if it names the issuer that was asked for, and addresses that may be called.
func FuzzDiscoveryDocument(f *testing.F) {
	const issuer = "https://op.example"
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := parseObject(text)
		if err != nil {
			return
		}
		m, faults := readMetadata(issuer, doc)
		for _, finding := range faults {
			if finding.Cause == "" || finding.Mend == "" || len(finding.Cause) > 4*maxLogText+400 {
				t.Errorf("the finding %+v says nothing, or too much", finding)
			}
		}
		if len(faults) > 0 {
			return
		}
		for _, address := range []string{m.authorization, m.token, m.jwksURI} {
			if m.issuer != issuer || !strings.HasPrefix(address, "https://") {
				t.Errorf("%q: took %q of %q", text, address, m.issuer)
			}
		}
	})
}

// FuzzUpstreamClaims: whatever a provider says of a person, the person is its sub, and what a page shows of them is bounded.
func FuzzUpstreamClaims(f *testing.F) {
	f.Fuzz(func(t *testing.T, idToken, userInfo []byte) {
		token, err := parseObject(idToken)
		if err != nil {
			return
		}
		info, err := parseObject(userInfo)
		if err != nil {
			info = nil
		}
		c, err := readClaims(&idp.Provider{Issuer: "https://op.example"}, token, info)
		if err != nil {
			return
		}
		if c.Subject == "" || c.Issuer != "https://op.example" || len(c.AMR) > maxAMR || len(c.Picture) > maxPictureURL {
			t.Errorf("%q, %q: %+v", idToken, userInfo, c)
		}
		if strings.ContainsAny(c.Name+c.GivenName+c.FamilyName+c.Email, "\x00\r\n\x1b") {
			t.Errorf("%q, %q: control characters in %+v", idToken, userInfo, c)
		}
	})
}
