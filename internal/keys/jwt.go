package keys

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The typ header of what we sign. A token of one kind is never taken for another, because Verify compares the whole header
// (RFC 8725 §3.11).
const (
	TypeIDToken      = "JWT"
	TypeAccessToken  = "at+jwt"                  // RFC 9068 §2.1
	TypeLogoutToken  = "logout+jwt"              // Back-Channel Logout 1.0 §2.4
	TypeIntrospected = "token-introspection+jwt" // RFC 9701 §5
	// TypeUserInfo is none: OpenID Connect Core §5.3.2 names no type, libraries refuse one that they do not know, and "JWT" would be an ID
	// token's.
	TypeUserInfo = ""
)

// maxToken bounds what Verify looks at.
const maxToken = 16 << 10

// Sign returns the compact JWS (RFC 7515 §3.1) of payload, signed with the key of alg that signs now.
func (m *Manager) Sign(alg, typ string, payload []byte) (string, error) {
	k := m.snapshot.Load().current(alg, time.Now())
	if k == nil || k.alg.encrypts() {
		return "", fmt.Errorf("no active signing key for %q", alg)
	}
	header := k.header(typ)
	n := len(header) + 1 + base64.RawURLEncoding.EncodedLen(len(payload))
	buf := make([]byte, n, n+1+base64.RawURLEncoding.EncodedLen(512))
	copy(buf, header)
	buf[len(header)] = '.'
	base64.RawURLEncoding.Encode(buf[len(header)+1:], payload)
	sig, err := k.alg.sign(&k.alg, k.private, buf)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.ID, err)
	}
	buf = append(buf, '.')
	return string(base64.RawURLEncoding.AppendEncode(buf, sig)), nil
}

// Verified is the content of a token that we signed.
type Verified struct {
	KeyID   string
	Payload []byte // JSON; times are the caller's to judge
}

// Verify returns the payload of a token that this server signed with the given typ, or false. Any published key will do, and an
// expired token too: whoever calls decides about times. The header must be, byte for byte, one that Sign writes: nothing in
// it is parsed, so alg, jwk, jku, x5u or crit of an attacker's making have nobody to talk to (RFC 8725 §3.1, §3.3, §3.10).
func (m *Manager) Verify(token, typ string) (*Verified, bool) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // the decoder would skip them: each token has one spelling
		return nil, false
	}
	header, rest, ok := strings.Cut(token, ".")
	if !ok {
		return nil, false
	}
	payload, sig64, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(sig64, ".") {
		return nil, false
	}
	k := m.snapshot.Load().byHeader[typ+"."+header]
	if k == nil {
		return nil, false
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(sig64)
	if err != nil || !k.alg.verify(&k.alg, k.private.Public(), []byte(token[:len(header)+1+len(payload)]), sig) {
		return nil, false
	}
	p, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return nil, false
	}
	return &Verified{KeyID: k.ID, Payload: p}, true
}

// HalfHash returns the value of at_hash and c_hash: the left half of the hash that alg uses, base64url (OpenID Connect Core §3.1.3.6).
// For EdDSA over Ed25519 that is SHA-512.
func HalfHash(alg, value string) (string, error) {
	a, err := algorithmNamed(alg)
	if err != nil {
		return "", err
	}
	if a.encrypts() {
		return "", fmt.Errorf("the algorithm %s has no hash: it signs nothing", alg)
	}
	d := digest(a.hash, []byte(value))
	return base64.RawURLEncoding.EncodeToString(d[:len(d)/2]), nil
}

// encodeHeader writes the protected header (RFC 7515 §4.1; kid: OpenID Connect Core §10.1); its bytes are what Verify compares.
func encodeHeader(alg, kid, typ string) string {
	b, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ,omitempty"`
	}{alg, kid, typ})
	if err != nil {
		panic(err) // three strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
