package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"idp/internal/idp"
)

// proxies are the networks whose headers are believed.
type proxies []netip.Prefix

const (
	maxHops      = 32
	maxUserAgent = 256
	maxRequestID = 64
)

// peer returns what is known of the sender. Without a trusted proxy in between that is the connection alone: anybody can write
// headers (FL-13, SEC-10, RFC 9700 §4.13).
func (p proxies) peer(r *http.Request, certificates ClientCertificates) idp.Peer {
	address, direct := p.address(r)
	peer := idp.Peer{Address: address, UserAgent: userAgent(r)}
	certificates.read(r, &peer, direct)
	if !direct {
		peer.RequestID = requestID(r.Header.Get("X-Request-Id"))
	}
	if peer.RequestID == "" {
		peer.RequestID = idp.NewID()
	}
	return peer
}

// address returns the client's address: the connection's, or, if that is a trusted proxy's, what the proxies wrote. Each appends
// the address that it was called from, so the list is read from the right, and the first one that is no proxy of ours is the
// client; what stands left of it the client wrote itself. direct says that no proxy of ours brought the request.
func (p proxies) address(r *http.Request) (address string, direct bool) {
	remote, ok := addressOf(r.RemoteAddr)
	if !ok {
		return "", true
	}
	if !p.trust(remote) {
		return remote.String(), true
	}
	client := remote
	list := r.Header.Values("X-Forwarded-For")
	hops := 0
	for i := len(list) - 1; i >= 0; i-- {
		rest, more := list[i], true
		for more && hops < maxHops {
			var word string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, word = rest[:at], rest[at+1:]
			} else {
				rest, word, more = "", rest, false
			}
			hops++
			hop, ok := addressOf(strings.TrimSpace(word))
			if !ok {
				return client.String(), false // garbage: the last address that somebody of ours vouched for
			}
			client = hop
			if !p.trust(hop) {
				return client.String(), false
			}
		}
	}
	return client.String(), false
}

func (p proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// addressOf reads an address with or without a port.
func addressOf(s string) (netip.Addr, bool) {
	if len(s) > 64 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(s)
		if splitErr != nil {
			return netip.Addr{}, false
		}
		if a, err = netip.ParseAddr(host); err != nil {
			return netip.Addr{}, false
		}
	}
	return a.Unmap().WithZone(""), true
}

// userAgent returns the browser's name for itself, as it may be stored and logged.
func userAgent(r *http.Request) string {
	agent := r.UserAgent()
	return strings.ToValidUTF8(agent[:min(len(agent), maxUserAgent)], "")
}

// requestID returns a proxy's id for the request if it is fit for headers, pages and logs.
func requestID(id string) string {
	if len(id) > maxRequestID {
		return ""
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != ':' {
			return ""
		}
	}
	return id
}
