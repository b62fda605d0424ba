package handlers

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"idp/internal/idp"
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
			// What counts as one line never grows to a stranger's: the address lies in it.
			if line, err := netip.ParsePrefix(idp.Line(address)); err != nil || !line.Contains(netip.MustParseAddr(address)) {
				t.Fatalf("%q: the line of %s is %s", list, address, idp.Line(address))
			}
		}
	})
}

var fitID = regexp.MustCompile(`^[\w.:-]{1,64}$`)

// Whatever a request calls itself and its browser, its id is fit for headers, pages and logs, a stranger's is not taken, and the name is bounded text.
func FuzzPeer(f *testing.F) {
	f.Fuzz(func(t *testing.T, id, agent, certificate string) {
		for remote, trusted := range map[string]bool{"10.0.0.9:1": true, "198.51.100.7:1": false, "nonsense": false} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = remote
			r.Header["X-Request-Id"], r.Header["User-Agent"], r.Header["Client-Cert"] = []string{id}, []string{agent}, []string{certificate}
			peer := proxies{netip.MustParsePrefix("10.0.0.0/8")}.peer(r, ClientCertificates{Header: "Client-Cert"})
			if !fitID.MatchString(peer.RequestID) || !trusted && peer.RequestID == id {
				t.Fatalf("%q from %s: the id is %q", id, remote, peer.RequestID)
			}
			if len(peer.UserAgent) > maxUserAgent || !utf8.ValidString(peer.UserAgent) {
				t.Fatalf("%q: the browser is %q", agent, peer.UserAgent)
			}
			if !trusted && peer.Certificate != nil || r.Header.Get("Client-Cert") != "" {
				t.Fatalf("%q from %s: a certificate that nobody vouches for, or one that stays for the next reader", certificate, remote)
			}
		}
	})
}
