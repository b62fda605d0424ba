package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
)

// The private keys of the clients that sign or are encrypted to. Their public halves stand in seed.yaml; the private ones are made of letters, and no secret.

// SignerKey is the P-256 key "ec" of the clients signer and strict.
func SignerKey() *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte("k"), 32))
	if err != nil {
		panic(fmt.Sprintf("the key of the client signer: %v", err)) // a constant
	}
	return key
}

// SealedKey is the P-256 key "enc" of the client sealed.
func SealedKey() *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte("s"), 32))
	if err != nil {
		panic(fmt.Sprintf("the key of the client sealed: %v", err)) // a constant
	}
	return key
}

// SignerEdKey is the Ed25519 key "ed" of the client signer.
func SignerEdKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte("e"), 32)) }
