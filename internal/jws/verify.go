package jws

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
)

// Fits reports whether a public key is of the type, and for ECDSA the curve, that RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2 give the algorithm.
func Fits(key any, alg string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == map[int]string{256: idp.AlgES256, 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return alg == idp.AlgEdDSA || alg == idp.AlgEd25519
	}
	return false
}

// Accepts writes names of algorithms as the library takes them when it parses.
func Accepts(algs []string) []jose.SignatureAlgorithm {
	accepted := make([]jose.SignatureAlgorithm, len(algs))
	for i, alg := range algs {
		accepted[i] = jose.SignatureAlgorithm(alg)
	}
	return accepted
}

// Verify returns the payload if the public key fits the algorithm and made the one signature. Which algorithms may have been used was decided when
// signed was parsed. The error says no more than that.
func Verify(signed *jose.JSONWebSignature, key any) ([]byte, error) {
	if len(signed.Signatures) != 1 || !Fits(key, signed.Signatures[0].Protected.Algorithm) {
		return nil, jose.ErrCryptoFailure
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		key = edKey(k)
	}
	return signed.Verify(key)
}

// edKey verifies Ed25519 signatures under both names.
type edKey ed25519.PublicKey

// VerifyPayload implements jose.OpaqueVerifier.
func (k edKey) VerifyPayload(payload, signature []byte, _ jose.SignatureAlgorithm) error {
	key := ed25519.PublicKey(k)
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, payload, signature) {
		return jose.ErrCryptoFailure
	}
	return nil
}
