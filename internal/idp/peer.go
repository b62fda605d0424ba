package idp

import (
	"context"
	"net/netip"
)

// Peer is what we know of whoever sent the request, from the connection and from trusted proxies only.
type Peer struct {
	RequestID string // shown on error pages and in every log line
	Address   string // the client's address, without port
	UserAgent string // cut to 256 bytes
	Actor     Actor  // who acts, where that is known
	// Certificate, in DER, is the one that the client proved to have the key of: on this connection, or on that to a trusted proxy (RFC 8705 §2,
	// RFC 9440). Nobody has verified who issued it. Nil for nearly everybody.
	Certificate  []byte
	Intermediate [][]byte // certificates that it sent along, from which a chain may be built
}

// Actor is who does something that the audit log records.
type Actor struct {
	Kind string // user, client, operator, system
	ID   string
}

type peerKey struct{}

// WithPeer returns a context that carries p. Together with the transaction and the log's ids it is all that a context carries.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerOf returns the peer of a request, or the zero Peer outside one.
func PeerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// Network returns the network of an address with so many leading bits of IPv4 and IPv6, as text; what is no address comes back as
// it is.
func Network(address string, bits4, bits6 int) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return address
	}
	return p.String()
}

// Line returns what counts as one address where somebody is to be slowed down: an IPv6 line gets a whole /64, and its owner could
// use each number once.
func Line(address string) string { return Network(address, 32, 64) }
