package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Decode takes a JWT apart without looking at its signature. Numbers are json.Number.
func Decode(raw string) (header, claims map[string]any, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("want a JWT of three parts, got %d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, fmt.Errorf("part %d of the JWT: %w", i, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(into); err != nil {
			return nil, nil, fmt.Errorf("part %d of the JWT: %w", i, err)
		}
	}
	return header, claims, nil
}

// Hash returns the hash of a signature algorithm, 0 if it has none of its own.
func Hash(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimLeft(alg, "RSPEH")]
}

// CheckSignature checks a JWT's signature by a key of a JWK Set that names its algorithm.
func CheckSignature(key map[string]any, raw string) error {
	at := strings.LastIndexByte(raw, '.')
	signed := []byte(raw[:at])
	signature, err := base64.RawURLEncoding.DecodeString(raw[at+1:])
	if err != nil {
		return err
	}
	member := func(name string) []byte {
		text, _ := key[name].(string)
		b, memberErr := base64.RawURLEncoding.DecodeString(text)
		err = errors.Join(err, memberErr)
		return b
	}
	alg, _ := key["alg"].(string)
	hash := Hash(alg)
	var sum []byte
	if hash != 0 {
		h := hash.New()
		h.Write(signed)
		sum = h.Sum(nil)
	}
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(member("n")), E: int(new(big.Int).SetBytes(member("e")).Int64())}
		if alg[0] == 'P' { // RFC 7518 §3.5: the salt is as long as the hash
			return errors.Join(err, rsa.VerifyPSS(public, hash, sum, signature, &rsa.PSSOptions{SaltLength: hash.Size()}))
		}
		return errors.Join(err, rsa.VerifyPKCS1v15(public, hash, sum, signature))
	case "ES256", "ES384", "ES512":
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
		// RFC 7518 §6.2.1: coordinates have the full length of the field.
		public, keyErr := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, append(member("x"), member("y")...)...))
		if keyErr != nil {
			return keyErr
		}
		half := (curve.Params().BitSize + 7) / 8
		if len(signature) != 2*half || !ecdsa.Verify(public, sum, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])) {
			return errors.New(alg + " does not verify")
		}
		return err
	case "EdDSA", "Ed25519": // RFC 9864 §2.2: two names of one thing
		public := member("x")
		if len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, signed, signature) {
			return errors.New("EdDSA does not verify")
		}
		return err
	}
	return fmt.Errorf("alg %q is none that this test knows", alg)
}
