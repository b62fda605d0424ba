package protocol

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// jwt is a token, taken apart.
type jwt struct {
	t              testing.TB
	raw            string
	header, claims map[string]any // numbers are json.Number
}

// decode takes a JWT apart without looking at its signature.
func decode(t testing.TB, raw string) jwt {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("want a JWT of three parts, got %d parts", len(parts))
	}
	token := jwt{t: t, raw: raw}
	for i, into := range []*map[string]any{&token.header, &token.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatalf("part %d of the JWT: %v", i, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(into); err != nil {
			t.Fatalf("part %d of the JWT: %v", i, err)
		}
	}
	return token
}

// number returns a claim that is a JSON integer.
func (j jwt) number(name string) int64 {
	j.t.Helper()
	number, ok := j.claims[name].(json.Number)
	n, err := number.Int64()
	if !ok || err != nil {
		j.t.Fatalf("claim %s = %v, want a JSON integer", name, j.claims[name])
	}
	return n
}

// jwks reads the published keys.
func (s *site) jwks(t testing.TB) []map[string]any {
	t.Helper()
	a := s.get(t, s.endpoint(t, "jwks_uri")).want(200)
	list, ok := a.json["keys"].([]any)
	if !ok {
		t.Fatalf("the JWKS has no list of keys: %.300s", a.body)
	}
	var keys []map[string]any
	for _, one := range list {
		key, ok := one.(map[string]any)
		if !ok {
			t.Fatalf("the JWKS holds %v, want objects", one)
		}
		keys = append(keys, key)
	}
	return keys
}

// verify takes a JWT apart and checks its signature against the published key that its header names.
func (s *site) verify(t testing.TB, raw string) jwt {
	t.Helper()
	token := decode(t, raw)
	for _, key := range s.jwks(t) {
		if key["kid"] != token.header["kid"] {
			continue
		}
		if key["alg"] != token.header["alg"] {
			t.Fatalf("the token says alg %v, its key %v", token.header["alg"], key["alg"])
		}
		if err := checkSignature(key, raw); err != nil {
			t.Fatalf("the signature by key %v: %v", key["kid"], err)
		}
		return token
	}
	t.Fatalf("no published key has kid %v", token.header["kid"])
	return jwt{}
}

// checkSignature is written on the standard library, so that the server's own library does not judge itself.
func checkSignature(key map[string]any, raw string) error {
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
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimLeft(alg, "RSPE")]
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
	case "EdDSA":
		public := member("x")
		if len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, signed, signature) {
			return errors.New("EdDSA does not verify")
		}
		return err
	}
	return fmt.Errorf("alg %q is none that this test knows", alg)
}

// forge returns a JWT with header and claims of our own and the signature given.
func forge(t testing.TB, header, claims map[string]any, sign func(signed []byte) []byte) string {
	t.Helper()
	var parts []string
	for _, one := range []map[string]any{header, claims} {
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatalf("encode %v: %v", one, err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	signed := strings.Join(parts, ".")
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(signed)))
}

// encode is base64url without padding.
func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signRS256 signs as an attacker with a key of their own would.
func signRS256(t testing.TB, key *rsa.PrivateKey, signed []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(signed)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return signature
}
