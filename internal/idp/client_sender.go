package idp

import "strings"

// ClientSender says to which keys a client's tokens are bound, so that whoever copies one cannot use it.
type ClientSender struct {
	// RFC 9449 §5.2: every token request must have a proof.
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty" doc:"Every token request must have a DPoP proof, to whose key the tokens are bound"`
	// RFC 9449 §8: and every proof a nonce of this server.
	DPoPNonce bool `json:"require_dpop_nonce,omitempty" doc:"DPoP proofs must hold a nonce of this server"`
	// What its proofs may be signed with; none is all. FAPI 2.0 §5.4.1 leaves PS256, ES256 and EdDSA.
	DPoPAlgs []string `json:"dpop_signing_algs,omitempty" doc:"Algorithms of its DPoP proofs; without it all that discovery names"`
	// RFC 8705 §3.4: every access token is bound to the certificate that the client presents.
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty" doc:"Every token request must come with a TLS client certificate, to which the tokens are bound"`
}

// DPoPAlgorithms lists what DPoP proofs may be signed with (RFC 9449 §5.1): all are asymmetric, "none" is not among them.
func DPoPAlgorithms() []string {
	return []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", AlgEdDSA, AlgEd25519}
}

func (c *Client) checkSender(f *faults) {
	checkWordsOf(f, "dpop_signing_algs", c.DPoPAlgs, DPoPAlgorithms())
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
