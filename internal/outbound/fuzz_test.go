package outbound

import (
	"net/netip"
	"net/url"
	"testing"
)

// FuzzAddress: an address that may be called is https to a host, without a user name, and read by the library that calls it as it was read here.
func FuzzAddress(f *testing.F) {
	c, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if c.Check(address) != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || len(address) > maxAddress {
			t.Errorf("%q may be called", address)
		}
	})
}

// FuzzPublic: no address of this machine or of a private network is public, also not behind the prefixes that translators know.
func FuzzPublic(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		ip, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		ip = ip.Unmap()
		if public(ip) && (ip.IsPrivate() || ip.IsLoopback() || !ip.IsGlobalUnicast() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()) {
			t.Errorf("%s passes for public", ip)
		}
		if inner, has := embedded(ip); has && public(ip) != public(inner) {
			t.Errorf("%s is judged unlike %s, to which it leads", ip, inner)
		}
	})
}
