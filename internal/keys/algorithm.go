package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the algorithms below
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"idp/internal/idp"
)

// Algorithms of the keys that are made at first start.
const (
	RS256 = idp.AlgRS256
	ES256 = idp.AlgES256
	EdDSA = idp.AlgEdDSA
)

// atFirstStart are the algorithms that every server has a key for: RS256 (OpenID Connect Core §15.1, RFC 9068 §2.1), ES256 for access tokens,
// EdDSA. A key for any other is made when a client is first registered for it (Ensure).
var atFirstStart = []string{RS256, ES256, EdDSA}

// rsaBits is the least that RFC 7518 §3.3, §3.5 and RFC 8725 §3.5 let pass.
const rsaBits = 2048 // 4096 costs six times as much a signature, and no client asks for it

// algorithm is what one JWA name means: how its keys are made, and how they sign. One for encryption has no hash and signs nothing.
type algorithm struct {
	name     string
	generate func(a *algorithm) (crypto.Signer, error)
	hash     crypto.Hash           // of the message, and of at_hash (OpenID Connect Core §3.1.3.6)
	curve    func() elliptic.Curve // of EC keys
	sign     func(a *algorithm, key crypto.Signer, message []byte) ([]byte, error)
	verify   func(a *algorithm, key crypto.PublicKey, message, signature []byte) bool
}

// encrypts reports whether keys of the algorithm decrypt what others send us.
func (a *algorithm) encrypts() bool { return a.sign == nil }

// algorithms is the table of all that idp.SupportedSigningAlgs and idp.SupportedEncryptionAlgs name (a test compares them). Each has keys of its
// own, though one RSA key could serve eight of the names: a JWK says one alg (RFC 7517 §4.4), a key that is used in one way cannot be turned against
// another (RFC 8017 §6), and each can be rotated by itself. RSA keys take a while to make, so most are made when they are first needed.
var algorithms = []algorithm{
	{RS256, generateRSA, crypto.SHA256, nil, signPKCS1, verifyPKCS1},
	{"RS384", generateRSA, crypto.SHA384, nil, signPKCS1, verifyPKCS1},
	{"RS512", generateRSA, crypto.SHA512, nil, signPKCS1, verifyPKCS1},
	{"PS256", generateRSA, crypto.SHA256, nil, signPSS, verifyPSS},
	{"PS384", generateRSA, crypto.SHA384, nil, signPSS, verifyPSS},
	{"PS512", generateRSA, crypto.SHA512, nil, signPSS, verifyPSS},
	{ES256, generateEC, crypto.SHA256, elliptic.P256, signECDSA, verifyECDSA},
	{"ES384", generateEC, crypto.SHA384, elliptic.P384, signECDSA, verifyECDSA},
	{"ES512", generateEC, crypto.SHA512, elliptic.P521, signECDSA, verifyECDSA},
	{EdDSA, generateEd25519, crypto.SHA512, nil, signEd25519, verifyEd25519},
	{idp.AlgEd25519, generateEd25519, crypto.SHA512, nil, signEd25519, verifyEd25519},
	{idp.AlgRSAOAEP, generateRSA, 0, nil, nil, nil},
	{idp.AlgRSAOAEP256, generateRSA, 0, nil, nil, nil},
	{idp.AlgECDHES, generateEC, 0, elliptic.P256, nil, nil},
	{idp.AlgECDHESA128KW, generateEC, 0, elliptic.P256, nil, nil},
	{idp.AlgECDHESA256KW, generateEC, 0, elliptic.P256, nil, nil},
}

func algorithmNamed(name string) (algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return a, nil
		}
	}
	return algorithm{}, fmt.Errorf("no algorithm %q: choose one of %v to sign, or of %v to decrypt", name, idp.SupportedSigningAlgs(), idp.SupportedEncryptionAlgs())
}

func generateRSA(*algorithm) (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

func generateEC(a *algorithm) (crypto.Signer, error) {
	return ecdsa.GenerateKey(a.curve(), rand.Reader)
}

func generateEd25519(*algorithm) (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func digest(h crypto.Hash, message []byte) []byte {
	d := h.New()
	d.Write(message)
	return d.Sum(nil)
}

func signPKCS1(a *algorithm, key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(rand.Reader, digest(a.hash, message), a.hash)
}

func verifyPKCS1(a *algorithm, key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(k, a.hash, digest(a.hash, message), signature) == nil
}

// pssOptions: the salt is as long as the hash (RFC 7518 §3.5).
func pssOptions(a *algorithm) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
}

func signPSS(a *algorithm, key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(rand.Reader, digest(a.hash, message), pssOptions(a))
}

func verifyPSS(a *algorithm, key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPSS(k, a.hash, digest(a.hash, message), signature, pssOptions(a)) == nil
}

// coordinateBytes is the length of r and of s: that of the curve's order, in whole bytes (66 for P-521).
func (a *algorithm) coordinateBytes() int { return (a.curve().Params().N.BitLen() + 7) / 8 }

// signECDSA writes r and s side by side (RFC 7518 §3.4), where Sign writes ASN.1. Without a source of randomness Sign takes the nonce from
// key and message (RFC 6979), which is as safe and a fifth faster; no two tokens are the same message.
func signECDSA(a *algorithm, key crypto.Signer, message []byte) ([]byte, error) {
	der, err := key.Sign(nil, digest(a.hash, message), a.hash)
	if err != nil {
		return nil, err
	}
	var pair cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1Integer(&r) || !pair.ReadASN1Integer(&s) {
		return nil, errors.New("malformed ECDSA signature")
	}
	n := a.coordinateBytes()
	sig := make([]byte, 2*n)
	copy(sig[n-len(r):], r)
	copy(sig[2*n-len(s):], s)
	return sig, nil
}

func verifyECDSA(a *algorithm, key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(*ecdsa.PublicKey)
	n := a.coordinateBytes()
	if !ok || len(signature) != 2*n {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
	return ecdsa.Verify(k, digest(a.hash, message), r, s)
}

func signEd25519(_ *algorithm, key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(nil, message, crypto.Hash(0))
}

func verifyEd25519(_ *algorithm, key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(ed25519.PublicKey)
	return ok && ed25519.Verify(k, message, signature)
}
