package protocol

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"idp/e2e/jws"
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
	header, claims, err := jws.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return jwt{t: t, raw: raw, header: header, claims: claims}
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
		if err := jws.CheckSignature(key, raw); err != nil {
			t.Fatalf("the signature by key %v: %v", key["kid"], err)
		}
		return token
	}
	t.Fatalf("no published key has kid %v", token.header["kid"])
	return jwt{}
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
