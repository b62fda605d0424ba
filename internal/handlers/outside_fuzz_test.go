package handlers

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Whatever a proxy's header holds, it is read without a fault, and never as more certificates than a chain may have.
func FuzzCertificateHeader(f *testing.F) {
	f.Add(":" + strings.Repeat("A", 100) + "=:")
	f.Fuzz(func(t *testing.T, value string) {
		list := certificates(value)
		if len(list) > maxChain+1 {
			t.Fatalf("%d certificates of one header", len(list))
		}
		for _, der := range list {
			_, _ = x509.ParseCertificate(der) // what the next reader does
		}
	})
}

// Whatever stands in X-Forwarded-For, the sender is an address, and the connection's own where no trusted proxy brought it.
func FuzzForwardedFor(f *testing.F) {
	f.Fuzz(func(t *testing.T, list string) {
		for remote, trusted := range map[string]bool{"10.0.0.9:1": true, "198.51.100.7:1": false} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = remote, []string{list}
			address, direct := proxies{netip.MustParsePrefix("10.0.0.0/8")}.address(r)
			if _, err := netip.ParseAddr(address); err != nil || direct == trusted || !trusted && address != "198.51.100.7" {
				t.Fatalf("%q from %s: %q, direct %v", list, remote, address, direct)
			}
		}
	})
}
