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
)

// Algorithms that can sign here, by their JWA names (RFC 7518 §3.1, RFC 8037).
const (
	RS256 = "RS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
)

// rsaBits is the least that RFC 7518 §3.3 and RFC 8725 §3.5 let pass.
const rsaBits = 2048 // 4096 costs six times as much a signature, and no client asks for it

// algorithm is how one JWA name generates, signs and verifies.
type algorithm struct {
	name     string
	hash     crypto.Hash // of the message, and of at_hash (OpenID Connect Core §3.1.3.6)
	generate func() (crypto.Signer, error)
	sign     func(key crypto.Signer, message []byte) ([]byte, error)
	verify   func(key crypto.PublicKey, message, signature []byte) bool
}

// algorithms is the table of all that we know; RS256 must be among them (OpenID Connect Core §15.1, RFC 9068 §2.1). Order: what is made
// at first start.
var algorithms = []algorithm{
	{RS256, crypto.SHA256, func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }, signRSA, verifyRSA},
	{ES256, crypto.SHA256, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }, signECDSA, verifyECDSA},
	{EdDSA, crypto.SHA512, generateEd25519, signEd25519, verifyEd25519},
}

// Algorithms lists the names that a client may choose from.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

func algorithmNamed(name string) (algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return a, nil
		}
	}
	return algorithm{}, fmt.Errorf("no signing algorithm %q: choose one of %v", name, Algorithms())
}

func generateEd25519() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func digest(h crypto.Hash, message []byte) []byte {
	d := h.New()
	d.Write(message)
	return d.Sum(nil)
}

func signRSA(key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(rand.Reader, digest(crypto.SHA256, message), crypto.SHA256)
}

func verifyRSA(key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(k, crypto.SHA256, digest(crypto.SHA256, message), signature) == nil
}

const p256Bytes = 32

// signECDSA writes r and s side by side (RFC 7518 §3.4), where Sign writes ASN.1. Without a source of randomness Sign takes the nonce from
// key and message (RFC 6979), which is as safe and a fifth faster; no two tokens are the same message.
func signECDSA(key crypto.Signer, message []byte) ([]byte, error) {
	der, err := key.Sign(nil, digest(crypto.SHA256, message), crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var pair cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1Integer(&r) || !pair.ReadASN1Integer(&s) {
		return nil, errors.New("malformed ECDSA signature")
	}
	sig := make([]byte, 2*p256Bytes)
	copy(sig[p256Bytes-len(r):], r)
	copy(sig[2*p256Bytes-len(s):], s)
	return sig, nil
}

func verifyECDSA(key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok || len(signature) != 2*p256Bytes {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:p256Bytes]), new(big.Int).SetBytes(signature[p256Bytes:])
	return ecdsa.Verify(k, digest(crypto.SHA256, message), r, s)
}

func signEd25519(key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(nil, message, crypto.Hash(0))
}

func verifyEd25519(key crypto.PublicKey, message, signature []byte) bool {
	k, ok := key.(ed25519.PublicKey)
	return ok && ed25519.Verify(k, message, signature)
}
