package idp

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	strictjson "github.com/go-jose/go-jose/v4/json"

	"idp/internal/untrusted"
)

// ClientKeys are a client's public keys (RFC 7591 §2): what it signs is verified with them, and what is meant for it alone encrypted.
type ClientKeys struct {
	JWKS    json.RawMessage `json:"jwks,omitempty" doc:"Its public keys, a JWK Set (RFC 7517 §5)"`
	JWKSURI string          `json:"jwks_uri,omitempty" doc:"Where its JWK Set is read, instead of jwks"`
}

// What a client's set of keys may be at most.
const (
	MaxKeySet  = 64 << 10 // bytes
	maxKeys    = 50
	maxKeyDeep = 8 // a JWK Set needs four levels
	minRSABits = 2048
)

// HasKeys reports whether the client registered keys, or where they are read.
func (c *Client) HasKeys() bool { return len(c.JWKS) > 0 || c.JWKSURI != "" }

func (c *Client) checkKeys(f *faults) {
	if len(c.JWKS) > 0 && c.JWKSURI != "" {
		// RFC 7591 §2: the two MUST NOT be used together.
		f.add("jwks_uri", "The client has both jwks and jwks_uri. Say one of the two.")
	}
	if c.JWKSURI != "" && !isWebAddress(c.JWKSURI) {
		f.add("jwks_uri", "%s is no https address. Write it in full, such as https://app.example/jwks.json.", quote(c.JWKSURI))
	}
	if len(c.JWKS) == 0 {
		return
	}
	keys, private, err := ParseKeySet(c.JWKS)
	switch {
	case err != nil:
		f.add("jwks", "The keys cannot be used: %s.", err.Error())
	case private:
		f.add("jwks", "Among the keys is a private or symmetric one. Make new keys, for this one has been shown, and register the public halves alone.")
	case len(keys) == 0:
		f.add("jwks", "There is no usable key: RSA of %d to %d bits, P-256, P-384, P-521 or Ed25519.", minRSABits, jose.MaxRSAModulusBits)
	}
}

// ParseKeySet reads a JWK Set that somebody else wrote, and returns the public keys in it that can be used. Others are passed over (RFC 7517 §5);
// private reports whether a private or symmetric key was among them.
func ParseKeySet(text []byte) (keys []jose.JSONWebKey, private bool, err error) {
	var set struct {
		Keys []strictjson.RawMessage `json:"keys"`
	}
	if err := untrusted.Decode(text, untrusted.Bounds{Bytes: MaxKeySet, Depth: maxKeyDeep}, &set); err != nil {
		return nil, false, fmt.Errorf("the JWK Set cannot be read: %w", err)
	}
	if set.Keys == nil {
		return nil, false, errors.New("it is no JWK Set, a JSON object with the member \"keys\"")
	}
	if len(set.Keys) > maxKeys {
		return nil, false, fmt.Errorf("a JWK Set has at most %d keys", maxKeys)
	}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if secretKey(raw) {
			private = true
		} else if k.UnmarshalJSON(raw) == nil && usableKey(k.Key) {
			keys = append(keys, k)
		}
	}
	return keys, private, nil
}

// secretKey reports whether a JWK shows what only its owner may know (RFC 7518 §6).
func secretKey(raw []byte) bool {
	var members map[string]strictjson.RawMessage
	if strictjson.Unmarshal(raw, &members) != nil {
		return false
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, has := members[name]; has {
			return true
		}
	}
	return false
}

func usableKey(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
