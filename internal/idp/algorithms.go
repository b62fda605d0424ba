package idp

import "slices"

// Algorithms by their JWA names (RFC 7518 §3.1, §4.1, §5.1, RFC 8037 §3, RFC 9864 §2.2). These lists are the only ones: what discovery says, what a client
// may be registered for and what package keys can do follow from them.
const (
	AlgRS256   = "RS256"
	AlgES256   = "ES256"
	AlgEdDSA   = "EdDSA"
	AlgEd25519 = "Ed25519" // the same signature by its newer name

	AlgRSAOAEP       = "RSA-OAEP"
	AlgRSAOAEP256    = "RSA-OAEP-256"
	AlgECDHES        = "ECDH-ES"
	AlgECDHESA128KW  = "ECDH-ES+A128KW"
	AlgECDHESA256KW  = "ECDH-ES+A256KW"
	EncA128CBCHS256  = "A128CBC-HS256"
	EncA256CBCHS512  = "A256CBC-HS512"
	EncA128GCM       = "A128GCM"
	EncA256GCM       = "A256GCM"
	DefaultEncMethod = EncA128CBCHS256 // OpenID Connect Registration §2, where a client names an alg and no enc
)

// SupportedSigningAlgs lists the algorithms in which tokens may be signed: ours, those of clients, and those of upstream providers. None of them is
// symmetric: a client's secret is kept as a digest, which signs nothing, and in the old attack the key would be the public one. "none" is not here
// for the obvious reason (SEC-17).
func SupportedSigningAlgs() []string {
	return []string{AlgRS256, "RS384", "RS512", "PS256", "PS384", "PS512", AlgES256, "ES384", "ES512", AlgEdDSA, AlgEd25519}
}

// SupportedEncryptionAlgs lists the ways in which a content encryption key may be agreed on or wrapped, towards clients and towards us. RSA1_5 is
// not among them (RFC 8725 §3.2; RFC 7518 §4.1), nor is anything with a shared secret, for the reason above.
func SupportedEncryptionAlgs() []string {
	return []string{AlgRSAOAEP, AlgRSAOAEP256, AlgECDHES, AlgECDHESA128KW, AlgECDHESA256KW}
}

// SupportedEncryptionEncs lists the content encryptions (RFC 7518 §5.1).
func SupportedEncryptionEncs() []string {
	return []string{EncA128CBCHS256, EncA256CBCHS512, EncA128GCM, EncA256GCM}
}

// IsEncryptionAlg reports whether a key of the algorithm decrypts what others send us, instead of signing.
func IsEncryptionAlg(name string) bool { return slices.Contains(SupportedEncryptionAlgs(), name) }
