package clientauth

import (
	"crypto/x509"
	"testing"

	"idp/internal/idp"
)

// FuzzCertificate: no bytes that pass for a certificate make the comparison of names fail, and none has a name that is not in it.
func FuzzCertificate(f *testing.F) {
	f.Fuzz(func(t *testing.T, der []byte, name string) {
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		for what, set := range map[string]func(*idp.Client){
			"dn":    func(c *idp.Client) { c.TLSSubjectDN = name },
			"dns":   func(c *idp.Client) { c.TLSSANDNS = name },
			"uri":   func(c *idp.Client) { c.TLSSANURI = name },
			"ip":    func(c *idp.Client) { c.TLSSANIP = name },
			"email": func(c *idp.Client) { c.TLSSANEmail = name },
		} {
			var c idp.Client
			if set(&c); !named(&c, leaf) {
				continue
			}
			if name == "" || what != "dn" && len(leaf.DNSNames)+len(leaf.URIs)+len(leaf.IPAddresses)+len(leaf.EmailAddresses) == 0 {
				t.Fatalf("%x: the %s %q is said to be in it", der, what, name)
			}
		}
	})
}
