package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/dpop"
	"idp/internal/oauth/grant"
	"idp/internal/oauth/mint"
	"idp/internal/trace"
)

const (
	headerDPoP      = "Dpop" // as net/http spells "DPoP": looking it up allocates nothing
	headerDPoPNonce = "DPoP-Nonce"

	replayDPoP = "dpop" // kind of store.FirstUse
)

// proveSender establishes what a token request proves to hold, for whichever grant follows (RFC 9449 §5, RFC 8705 §3). A plain bearer client's
// request passes two comparisons. Nothing is remembered here: that waits until the request is known to be no forgery.
func (p *Provider) proveSender(ctx context.Context, r *http.Request, s *grant.Session) error {
	c := s.Client
	if c.CertificateBound {
		if s.Proof.Certificate = certificateOf(ctx); s.Proof.Certificate == "" {
			s.Trace.Fail(idp.Check{
				Name: "TLS client certificate", Expected: "the certificate that the tokens are bound to", Received: "none",
				Mend: "Send the request with a client certificate; a proxy in between must pass it on.", Clause: "RFC 8705 §3",
			})
			return invalidForm("This client's tokens are bound to its TLS certificate, and the request came without one.")
		}
	}
	if r.Header[headerDPoP] == nil {
		if c.DPoPBound { // RFC 9449 §5.2
			return p.proofFault(dpop.Missing(), s.Trace)
		}
		return nil
	}
	proof, next, err := p.verifyProof(r, c, p.addresses(pathToken), "", s.Now)
	s.Proof.NextNonce = next
	if err != nil {
		return p.proofFault(err, s.Trace)
	}
	s.Trace.Pass("DPoP proof")
	s.Proof.JKT = proof.Thumbprint
	s.Proof.Spend = func(ctx context.Context) error { return p.firstUse(ctx, proof, s.Now, s.Trace) }
	return nil
}

// checkSenderKey takes the thumbprint of the key that the code is to be bound to (RFC 9449 §10).
func checkSenderKey(a *authorizeRequest) error {
	jkt := a.Params.Get("dpop_jkt")
	if jkt == "" {
		return nil
	}
	if len(jkt) != base64.RawURLEncoding.EncodedLen(sha256.Size) || strings.ContainsFunc(jkt, notBase64URL) {
		return a.fail(idp.CodeInvalidRequest, "The dpop_jkt is not the base64url of a SHA-256 thumbprint (RFC 7638).", "RFC 9449 §10", "43 letters, digits, - and _", "Send the thumbprint of the public key (RFC 7638) that will make the proofs.")
	}
	a.BoundKey = grant.KeyDPoP + jkt
	return nil
}

// provePushed verifies the DPoP proof of a pushed authorization request, nil for none. It remembers nothing: that is for bindPushed.
func (p *Provider) provePushed(answer http.Header, r *http.Request, c *idp.Client, t *trace.T, now time.Time) (*dpop.Proof, error) {
	if r.Header[headerDPoP] == nil {
		return nil, nil
	}
	proof, next, err := p.verifyProof(r, c, p.addresses(pathPAR), "", now)
	if next != "" {
		answer.Set(headerDPoPNonce, next)
	}
	if err != nil {
		return nil, p.proofFault(err, t)
	}
	return proof, nil
}

// bindPushed makes of a proof that came with a pushed authorization request what dpop_jkt would be (RFC 9449 §10.1): the code will be bound to its
// key.
func (p *Provider) bindPushed(ctx context.Context, a *authorizeRequest, proof *dpop.Proof) error {
	if proof == nil {
		return nil
	}
	key := grant.KeyDPoP + proof.Thumbprint
	// RFC 9449 §10.1: both may come, and then say the same.
	if a.BoundKey != "" && a.BoundKey != key {
		return p.proofFault(&dpop.Error{Code: idp.CodeInvalidDPoPProof, Description: "The parameter dpop_jkt is not the thumbprint of the DPoP proof's key.", Check: idp.Check{
			Name: "dpop_jkt is the key of the DPoP proof", Expected: key, Received: a.BoundKey, Mend: "Leave dpop_jkt out where a proof is sent.", Clause: "RFC 9449 §10.1",
		}}, a.Trace)
	}
	if err := p.firstUse(ctx, proof, a.RequestedAt, a.Trace); err != nil {
		return err
	}
	a.BoundKey = key
	a.Params.Set("dpop_jkt", proof.Thumbprint)
	return nil
}

// addresses lists what htu may be at an endpoint: what discovery says (RFC 8705 §5: also for clients with certificates), not what a proxy made
// of it.
func (p *Provider) addresses(path string) []string {
	all := []string{p.Issuer + path}
	if p.MTLS.Origin != "" {
		all = append(all, p.MTLS.Origin+p.base+path)
	}
	return all
}

// verifyProof checks the DPoP proof of a request. next is the nonce that the client is to learn: if it must use one, or has.
func (p *Provider) verifyProof(r *http.Request, c *idp.Client, urls []string, token string, now time.Time) (proof *dpop.Proof, next string, err error) {
	required := p.RequireDPoPNonce || c.DPoPNonce
	proof, err = dpop.Verify(r.Header[headerDPoP], dpop.Expected{
		Method: r.Method, URLs: urls, AccessToken: token, Algorithms: c.DPoPAlgs, NonceRequired: required,
	}, dpop.Nonces{Keyring: p.Keyring}, now)
	var fault *dpop.Error
	if required || errors.As(err, &fault) && fault.Code == idp.CodeUseDPoPNonce || err == nil && proof.Nonced {
		next = dpop.Nonces{Keyring: p.Keyring}.Next(now)
	}
	return proof, next, err
}

// firstUse remembers a proof until it ends. RFC 9449 §11.1: whoever copies one cannot use it, at whichever replica.
func (p *Provider) firstUse(ctx context.Context, proof *dpop.Proof, now time.Time, t *trace.T) error {
	first, err := p.Store.FirstUse(ctx, replayDPoP, proof.Replay, proof.Until.Add(idp.ReplicaSkew), now)
	if err != nil || first {
		return err
	}
	return p.proofFault(dpop.Replayed(), t)
}

// proofFault tells the trace what is wrong with a proof, and returns what the client hears (RFC 9449 §5, §8).
func (p *Provider) proofFault(err error, t *trace.T) error {
	var fault *dpop.Error
	if !errors.As(err, &fault) {
		return err
	}
	if t != nil {
		t.Fail(fault.Check)
	}
	return &Error{Status: http.StatusBadRequest, Code: fault.Code, Description: fault.Description}
}

// certificateOf returns the thumbprint of the certificate that a request came with (RFC 8705 §3.1), empty for none.
func certificateOf(ctx context.Context) string {
	der := idp.PeerOf(ctx).Certificate
	if len(der) == 0 {
		return ""
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// checkHolder refuses an access token that comes from somebody else than the one it was given to (RFC 9449 §7, RFC 8705 §3). For a bearer
// token it makes one comparison; a DPoP proof costs one statement. RFC 9700 §2.2.1: sender-constrained tokens.
func (p *Provider) checkHolder(answer http.Header, r *http.Request, presented presentedToken, t *mint.AccessToken, c *idp.Client, path string, now time.Time) error {
	cnf := t.Confirmation
	if cnf == nil {
		if presented.dpop {
			return &bearerError{status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is bound to no key: send it with the scheme Bearer."}
		}
		return nil
	}
	// RFC 8705 §3: the certificate is the one that the token was given to.
	if cnf.X5TS != "" && subtle.ConstantTimeCompare([]byte(cnf.X5TS), []byte(certificateOf(r.Context()))) != 1 {
		return &bearerError{status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is bound to a TLS certificate with which the request did not come."}
	}
	if cnf.JKT == "" {
		if presented.dpop {
			return &bearerError{status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is bound to a certificate: send it with the scheme Bearer."}
		}
		return nil
	}
	// RFC 9449 §7.2: who copied the token cannot use it as a bearer token.
	if !presented.dpop {
		return &bearerError{dpop: true, status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is bound to a key: send it with the scheme DPoP and a proof."}
	}
	if r.Header[headerDPoP] == nil {
		return resourceFault(dpop.Missing())
	}
	proof, next, err := p.verifyProof(r, c, p.addresses(path), presented.text, now)
	if next != "" {
		answer.Set(headerDPoPNonce, next)
	}
	if err != nil {
		return resourceFault(err)
	}
	if subtle.ConstantTimeCompare([]byte(proof.Thumbprint), []byte(cnf.JKT)) != 1 {
		return &bearerError{dpop: true, status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is bound to another key than that of the DPoP proof."}
	}
	err = p.firstUse(r.Context(), proof, now, nil)
	if own := (*Error)(nil); errors.As(err, &own) {
		return resourceFault(dpop.Replayed())
	}
	return err
}

// resourceFault makes of a proof's fault what a resource answers (RFC 9449 §7.1, §9).
func resourceFault(err error) error {
	var fault *dpop.Error
	if !errors.As(err, &fault) {
		return err
	}
	return &bearerError{dpop: true, status: http.StatusUnauthorized, code: fault.Code, description: fault.Description}
}
