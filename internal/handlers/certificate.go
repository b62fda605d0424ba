package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/idp"
)

// ClientCertificates says where applications' certificates are read.
type ClientCertificates struct {
	TLS    bool   // from this server's own connections
	Header string // from this header of a trusted proxy; empty for never
}

const (
	maxCertificate = 16 << 10 // bytes of a certificate, or of a chain, in a header
	maxChain       = 8        // certificates
	chainHeader    = "Client-Cert-Chain"
)

// read puts the client's certificate into peer. direct says that no proxy of ours brought the request: then the headers are the
// client's own words, and worth nothing. In either case they are taken out of the request, so that nobody reads them by mistake.
func (c ClientCertificates) read(r *http.Request, peer *idp.Peer, direct bool) {
	if c.TLS && direct && r.TLS != nil {
		for i, cert := range r.TLS.PeerCertificates {
			switch {
			case i == 0:
				peer.Certificate = cert.Raw
			case i <= maxChain:
				peer.Intermediate = append(peer.Intermediate, cert.Raw)
			}
		}
	}
	if c.Header == "" {
		return
	}
	leaf, chain := r.Header.Values(c.Header), r.Header.Values(chainHeader)
	r.Header.Del(c.Header)
	r.Header.Del(chainHeader)
	if direct || len(leaf) != 1 || len(leaf[0]) > maxCertificate {
		return // RFC 9440 §2.2: one value; of two, one may be the client's
	}
	if list := certificates(leaf[0]); len(list) > 0 {
		peer.Certificate, peer.Intermediate = list[0], list[1:]
	}
	text := strings.Join(chain, ",")
	if peer.Certificate == nil || len(text) > maxCertificate {
		return
	}
	for item := range strings.SplitSeq(text, ",") { // RFC 9440 §2.3
		if len(peer.Intermediate) == maxChain {
			return
		}
		peer.Intermediate = append(peer.Intermediate, certificates(strings.TrimSpace(item))...)
	}
}

// certificates decodes what a proxy writes: a byte sequence (RFC 9440 §2.1, RFC 8941 §3.3.5), or PEM with percent escapes, as nginx does. What it
// cannot read is no certificate.
func certificates(value string) [][]byte {
	value = strings.TrimSpace(value)
	if inner, found := strings.CutPrefix(value, ":"); found {
		inner, found = strings.CutSuffix(inner, ":")
		der, err := base64.StdEncoding.DecodeString(inner)
		if !found || err != nil || len(der) == 0 {
			return nil
		}
		return [][]byte{der}
	}
	text, err := url.PathUnescape(value) // a plus is part of base64
	if err != nil {
		return nil
	}
	var list [][]byte
	for rest := []byte(text); len(list) <= maxChain; {
		var block *pem.Block
		if block, rest = pem.Decode(bytes.TrimSpace(rest)); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			list = append(list, block.Bytes)
		}
	}
	return list
}
