package idp

import "strings"

// ClientSender says to which keys a client's tokens are bound, so that whoever copies one cannot use it.
type ClientSender struct {
	// RFC 9449 §5.2: every token request must have a proof.
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty" doc:"Every token request must have a DPoP proof, to whose key the tokens are bound"`
	// RFC 9449 §8: and every proof a nonce of this server.
	DPoPNonce bool `json:"require_dpop_nonce,omitempty" doc:"DPoP proofs must hold a nonce of this server"`
	// RFC 8705 §3.4: every access token is bound to the certificate that the client presents.
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty" doc:"Every token request must come with a TLS client certificate, to which the tokens are bound"`
}

func (c *Client) checkSender(f *faults) {
	if !c.DPoPBound && !c.CertificateBound {
		return
	}
	for i, responseType := range c.ResponseTypes {
		for word := range strings.FieldsSeq(responseType) {
			if word == "token" {
				f.add(at("response_types", i), "The authorization endpoint gives out access tokens that are bound to nothing. Use %q, or take the binding of tokens to keys away.", ResponseTypeCode)
			}
		}
	}
}
