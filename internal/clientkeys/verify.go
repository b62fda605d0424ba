package clientkeys

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/jws"
)

// maxSigned is the longest JWS that is looked at: a form has no room for more.
const maxSigned = 64 << 10

// ErrSignature says that a JWS is not one that the client signed. Its text says why and may be told to the client.
var ErrSignature = errors.New("the signature is not the client's")

// Verify returns what a client signed, in the compact form and with one of the algorithms that the caller names, and the protected header. The error
// wraps ErrSignature or ErrNoKeys, or is the context's. Of the header only alg and kid say anything about the key: a jwk, jku, x5c or x5u in it
// would be the forger's.
func (k *Keys) Verify(ctx context.Context, c *idp.Client, compact string, algs []string) ([]byte, jose.Header, error) {
	signed, header, err := parse(compact, algs)
	if err != nil {
		return nil, header, err
	}
	keys, err := k.find(ctx, c, func(key *jose.JSONWebKey) bool {
		return (header.KeyID == "" || key.KeyID == header.KeyID) && key.Use != "enc" && (key.Algorithm == "" || key.Algorithm == header.Algorithm) && jws.Fits(key.Key, header.Algorithm)
	})
	if err != nil {
		return nil, header, err
	}
	if len(keys) == 0 {
		return nil, header, fmt.Errorf("%w: the client has no key with this kid for %s", ErrSignature, header.Algorithm)
	}
	// FAPI 2.0 Security Profile §5.4.3: some sets have one kid for several keys.
	for i := range keys {
		if payload, err := jws.Verify(signed, keys[i].Key); err == nil {
			return payload, header, nil
		}
	}
	return nil, header, ErrSignature
}

// parse reads a compact JWS with one of the algorithms.
func parse(compact string, algs []string) (*jose.JSONWebSignature, jose.Header, error) {
	var none jose.Header
	if len(compact) > maxSigned {
		return nil, none, fmt.Errorf("%w: it is longer than %d bytes", ErrSignature, maxSigned)
	}
	// RFC 8725 §3.1: the caller says what is accepted, the token does not. An HMAC here would be verified with a public key.
	accepted := make([]jose.SignatureAlgorithm, 0, len(algs))
	for _, alg := range algs {
		if slices.Contains(idp.SupportedSigningAlgs(), alg) {
			accepted = append(accepted, jose.SignatureAlgorithm(alg))
		}
	}
	signed, err := jose.ParseSignedCompact(compact, accepted)
	if err != nil {
		return nil, none, fmt.Errorf("%w: it is no compact JWS signed with %s", ErrSignature, strings.Join(algs, ", "))
	}
	header := signed.Signatures[0].Protected
	// RFC 7515 §4.1.11: extensions that are critical and unknown; RFC 7797 §7: a JWT is always base64url encoded.
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, has := header.ExtraHeaders[name]; has {
			return nil, none, fmt.Errorf("%w: the header %s is not understood", ErrSignature, name)
		}
	}
	return signed, header, nil
}

// EncryptionKey returns the key to encrypt something to a client with a key management algorithm (RFC 7518 §4.1). A key that is marked for
// encryption is taken before one that is marked for nothing.
func (k *Keys) EncryptionKey(ctx context.Context, c *idp.Client, alg string) (jose.JSONWebKey, error) {
	keys, err := k.find(ctx, c, func(key *jose.JSONWebKey) bool {
		return (key.Use == "" || key.Use == "enc") && (key.Algorithm == "" || key.Algorithm == alg) && wraps(key.Key, alg)
	})
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if len(keys) == 0 {
		return jose.JSONWebKey{}, fmt.Errorf("%w: there is none to encrypt to with %s", ErrNoKeys, alg)
	}
	if i := slices.IndexFunc(keys, func(key jose.JSONWebKey) bool { return key.Use == "enc" }); i >= 0 {
		return keys[i], nil
	}
	return keys[0], nil
}

func wraps(key any, alg string) bool {
	switch key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RSA-OAEP")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(alg, "ECDH-ES")
	}
	return false
}
