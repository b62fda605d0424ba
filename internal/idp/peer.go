package idp

import "context"

// Peer is what we know of whoever sent the request, from the connection and from trusted proxies only.
type Peer struct {
	RequestID string // shown on error pages and in every log line
	Address   string // the client's address, without port
	UserAgent string // cut to 256 bytes
	Actor     Actor  // who acts, where that is known
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
