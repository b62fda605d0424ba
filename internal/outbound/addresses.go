package outbound

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// allowed is what an operator lets outsiders name inside.
type allowed struct {
	hosts    []string
	networks []netip.Prefix
}

func parseAllowed(entries []string) (allowed, error) {
	var a allowed
	for _, entry := range entries {
		if network, err := netip.ParsePrefix(entry); err == nil {
			a.networks = append(a.networks, network.Masked())
			continue
		}
		if address, err := netip.ParseAddr(entry); err == nil {
			address = address.Unmap()
			a.networks = append(a.networks, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		if entry == "" || len(entry) > 253 || strings.ContainsAny(entry, "/:@*?# \t") {
			return allowed{}, fmt.Errorf("outbound.allow: %q is no host and no network. Write a host such as keys.corp.example, or a network such as 10.20.0.0/16", entry)
		}
		a.hosts = append(a.hosts, strings.ToLower(entry))
	}
	return a, nil
}

// control returns what a dialer asks before it connects to an address of host.
func (a allowed) control(host string) func(network, address string, _ syscall.RawConn) error {
	named := slices.Contains(a.hosts, host)
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s is no address", ErrRefused, host)
		}
		ip := at.Addr().Unmap().WithZone("")
		if public(ip) || a.inside(ip) || named && !never(ip) {
			return nil
		}
		// The address itself is not told: whoever named the host would learn how names are resolved inside.
		return fmt.Errorf("%w: the host %s is inside, not on the public internet. If it is meant to be called, name it in the setting outbound.allow", ErrRefused, host)
	}
}

func (a allowed) inside(ip netip.Addr) bool {
	return slices.ContainsFunc(a.networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// plain reports whether a host may be spoken to without TLS: this machine, where the operator names it.
func (a allowed) plain(host string) bool {
	host = strings.ToLower(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback() && a.inside(ip.Unmap())
	}
	return (host == "localhost" || strings.HasSuffix(host, ".localhost")) &&
		(slices.Contains(a.hosts, host) || a.inside(netip.AddrFrom4([4]byte{127, 0, 0, 1})))
}

// never are addresses that the name of a host does not open: where clouds keep their metadata, and what is no machine.
func never(ip netip.Addr) bool {
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
}

// public reports whether an address is of the public internet: everything of the IANA special-purpose registries (RFC 6890) that is not
// globally reachable is not.
func public(ip netip.Addr) bool {
	if inner, ok := embedded(ip); ok {
		return public(inner)
	}
	if ip.Is6() && !netip.MustParsePrefix("2000::/3").Contains(ip) {
		return false // RFC 4291 §2.4: today's global unicast
	}
	return ip.IsValid() && !slices.ContainsFunc(special(), func(n netip.Prefix) bool { return n.Contains(ip) })
}

// embedded returns the IPv4 address that a translator on the way would make of ip (RFC 6052 §2.1, RFC 3056 §2).
func embedded(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case ip.Is4():
		return netip.Addr{}, false
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

func special() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "3fff::/20",
	}
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}
