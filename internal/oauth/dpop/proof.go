package dpop

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // hashes of the algorithms below
	"crypto/subtle"
	"encoding/base64"
	"math"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/jws"
	"idp/internal/untrusted"
)

const (
	proofMost = 8 << 10 // bytes, before anything is decoded: an RSA key of 4096 bits and its signature take 2 KiB
	maxDepth  = 8
	jtiMost   = 256
	rsaLeast  = 2048 // bits (RFC 7518 §3.3, RFC 8725 §3.5)
	rsaMost   = 4096 // what a stranger may make us compute with

	// window is how far a proof's iat may lie from our clock, either way.
	window = time.Minute
)

const typeProof = "dpop+jwt"

// Expected says what a proof must fit.
type Expected struct {
	Method        string
	URLs          []string // addresses of the endpoint
	AccessToken   string   // that comes along; empty at the token endpoint
	Algorithms    []string // that the client may use; nil is all of idp.DPoPAlgorithms
	NonceRequired bool
}

// Proof is a proof that holds.
type Proof struct {
	Thumbprint string    // of the key (RFC 7638), the value of jkt
	Replay     string    // names the proof among those of all keys
	Until      time.Time // from here on it would be refused anyway
	Nonced     bool      // it holds a nonce of ours
}

// claims are those of RFC 9449 §4.2, §4.3; pointers where a missing one is told from an empty one.
type claims struct {
	JTI       string   `json:"jti"`
	Method    string   `json:"htm"`
	URL       string   `json:"htu"`
	IssuedAt  *float64 `json:"iat"`
	TokenHash string   `json:"ath"`
	Nonce     *string  `json:"nonce"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
}

// Verify makes every check of RFC 9449 §4.3 but the one for a first use. The error is an *Error.
func Verify(headers []string, e Expected, nonces Nonces, now time.Time) (*Proof, error) {
	if len(headers) != 1 {
		return nil, faulty("The request has several DPoP headers.", "one DPoP proof", "one header DPoP", "several", "Send one proof with each request.")
	}
	signed, key, err := parse(headers[0], e.Algorithms)
	if err != nil {
		return nil, err
	}
	payload, verifyErr := jws.Verify(signed, key.Key)
	if verifyErr != nil {
		return nil, faulty("The signature of the DPoP proof is not by its key.", "DPoP proof is signed by its key", "a signature by the key in the header jwk", "another signature",
			"Sign the proof with the private key that belongs to jwk.")
	}
	c := claims{}
	if untrusted.Decode(payload, untrusted.Bounds{Bytes: proofMost, Depth: maxDepth}, &c) != nil {
		return nil, faulty("The content of the DPoP proof is no JSON object with the claims of RFC 9449.", "DPoP proof can be read", "a JSON object with jti, htm, htu and iat", "something else", "")
	}
	if err := c.fit(e); err != nil {
		return nil, err
	}
	digest, hashErr := key.Thumbprint(crypto.SHA256)
	if hashErr != nil {
		return nil, faulty("The key of the DPoP proof has no thumbprint.", "key of the DPoP proof", "a public key", hashErr.Error(), "")
	}
	p := &Proof{Thumbprint: base64.RawURLEncoding.EncodeToString(digest)}
	p.Replay = p.Thumbprint + " " + c.JTI
	p.Until, p.Nonced, err = c.fresh(e, nonces, now)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// parse reads the form of a proof and its header. RFC 9449 §11.6: the accepted algorithms are pinned before anything is verified.
func parse(text string, only []string) (*jose.JSONWebSignature, *jose.JSONWebKey, error) {
	if only == nil {
		only = idp.DPoPAlgorithms()
	}
	malformed := faulty("The DPoP proof is not a signed JWT with an accepted algorithm and a public key in its header.", "DPoP proof can be read",
		"a compact JWS of at most 8 KiB, signed with one of "+strings.Join(only, ", ")+", whose header jwk holds the public key alone", "something else",
		"Let a library make the proof; put no private or symmetric key into jwk.")
	if len(text) > proofMost || strings.ContainsFunc(text, notBase64URLOrDot) {
		return nil, nil, malformed
	}
	signed, err := jose.ParseSignedCompact(text, jws.Accepts(only))
	if err != nil || len(signed.Signatures) != 1 {
		return nil, nil, malformed
	}
	header := signed.Signatures[0].Protected
	// RFC 8725 §3.11: a JWT of another kind is no proof.
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, typeProof) {
		return nil, nil, faulty("The DPoP proof does not have the type dpop+jwt.", "type of the DPoP proof", typeProof, typ, "Set the header typ to dpop+jwt.")
	}
	// RFC 7515 §4.1.11: nothing is understood here that a header could call critical.
	if _, crit := header.ExtraHeaders["crit"]; crit || header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || !header.JSONWebKey.Valid() {
		return nil, nil, malformed
	}
	if k, ok := header.JSONWebKey.Key.(*rsa.PublicKey); ok && (k.N.BitLen() < rsaLeast || k.N.BitLen() > rsaMost) {
		return nil, nil, faulty("The RSA key of the DPoP proof does not have 2048 to 4096 bits.", "key of the DPoP proof", "2048 to 4096 bits", "another size", "Use an EC key.")
	}
	return signed, header.JSONWebKey, nil
}

func notBase64URLOrDot(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// fit compares the proof with the request.
func (c *claims) fit(e Expected) error {
	switch {
	case c.JTI == "" || len(c.JTI) > jtiMost:
		return faulty("The DPoP proof needs a jti of at most 256 bytes.", "jti of the DPoP proof", "1 to 256 bytes", "none, or more", "Put a random jti into each proof.")
	case c.Method != e.Method:
		return faulty("The htm of the DPoP proof is not the method of the request.", "htm of the DPoP proof", e.Method, c.Method, "Make the proof for the very request that it is sent with.")
	case !sameURL(c.URL, e.URLs):
		return faulty("The htu of the DPoP proof is not the address of this endpoint.", "htu of the DPoP proof", strings.Join(e.URLs, " or "), c.URL,
			"Use the address of the endpoint as discovery says it, without a query.")
	}
	if e.AccessToken == "" {
		return nil
	}
	// RFC 9449 §4.3, §7: at a resource the proof is for this very access token.
	sum := sha256.Sum256([]byte(e.AccessToken))
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); subtle.ConstantTimeCompare([]byte(want), []byte(c.TokenHash)) != 1 {
		return faulty("The ath of the DPoP proof is not the hash of the access token.", "ath of the DPoP proof", "base64url of the SHA-256 of the access token", "none, or another",
			"Make the proof for the access token that it is sent with.")
	}
	return nil
}

// fresh judges the proof's time: by its nonce if it has one, which is then as young as our own clock says it is, else by iat. It returns when
// the proof ends.
func (c *claims) fresh(e Expected, nonces Nonces, now time.Time) (until time.Time, nonced bool, err error) {
	iat, ok := instant(c.IssuedAt)
	if !ok {
		return until, false, faulty("The DPoP proof has no iat.", "iat of the DPoP proof", "seconds since 1970", "none, or no number", "")
	}
	for _, limit := range []struct {
		name  string
		value *float64
		fits  func(time.Time) bool
	}{
		{"exp", c.Expires, func(t time.Time) bool { return now.Add(-window).Before(t) }},
		{"nbf", c.NotBefore, func(t time.Time) bool { return !now.Add(window).Before(t) }},
	} {
		if limit.value == nil {
			continue
		}
		if t, ok := instant(limit.value); !ok || !limit.fits(t) {
			return until, false, faulty("The DPoP proof has expired, or is not valid yet.", limit.name+" of the DPoP proof", "a time that lets it be used now", "another", "Leave "+limit.name+" out, or check the clock.")
		}
	}
	if c.Nonce != nil {
		if until, ok = nonces.until(*c.Nonce, now); !ok {
			return until, false, useNonce("The nonce of the DPoP proof is not a recent one of this server.", "an old or strange one")
		}
		return until, true, nil
	}
	if e.NonceRequired {
		return until, false, useNonce("The DPoP proof needs the nonce of the header DPoP-Nonce.", "none")
	}
	// RFC 9449 §11.1: a proof that was made before, by whoever could use the key for a moment, is of no use later.
	if away := now.Sub(iat); away > window || away < -window {
		return until, false, faulty("The iat of the DPoP proof is more than a minute away from this server's time.", "iat of the DPoP proof",
			"within a minute of "+now.UTC().Format(time.RFC3339), iat.UTC().Format(time.RFC3339), "Set the clock of the machine that makes the proofs.")
	}
	return iat.Add(window + time.Second), false, nil
}

func useNonce(description, received string) *Error {
	e := faulty(description, "nonce of the DPoP proof", "the value of the last DPoP-Nonce header of this server", received, "Repeat the request with a new proof that holds it as nonce.")
	e.Code, e.Check.Clause = idp.CodeUseDPoPNonce, "RFC 9449 §8"
	return e
}

// instant reads a NumericDate (RFC 7519 §2), fractions and all.
func instant(seconds *float64) (time.Time, bool) {
	if seconds == nil || math.IsNaN(*seconds) || *seconds < 0 || *seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(*seconds * 1000)), true
}
