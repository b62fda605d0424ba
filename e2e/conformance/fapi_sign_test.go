package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// What the suite's client signs: its assertions, request objects and DPoP proofs. They are put together by hand, because half of them are wrong
// on purpose, in ways that a library does not allow.

// signed makes a JWT with just these headers. alg in the header says how; none leaves the signature out.
func (r *run) signed(key any, header, claims object) string {
	r.Helper()
	text := r.part(header) + "." + r.part(claims)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch alg := header["alg"]; alg {
	case "none":
	case "ES256":
		var x, y *big.Int
		x, y, err = ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		if err == nil {
			signature = append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
		}
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	default:
		r.stop("nobody signs with %v here", alg)
	}
	if err != nil {
		r.stop("sign: %v", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// part is one part of a JWT.
func (r *run) part(members object) string {
	r.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		r.stop("write a part of a JWT: %v", err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// forged returns a JWT whose signature is another one.
func forged(token string) string {
	at := len(token) - 20
	letter := "A"
	if token[at] == 'A' {
		letter = "B"
	}
	return token[:at] + letter + token[at+1:]
}

// proofKey is what DPoP proofs are signed with.
type proofKey struct {
	alg     string
	private any
	jwk     object
	jkt     string
}

// newProofKey makes a key of the kind that costs little.
func (r *run) newProofKey() *proofKey {
	r.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.stop("make a key: %v", err)
	}
	return asProofKey(r, "ES256", key, key.Public())
}

// rsaKey is one key for all that want RSA: to make one takes longer than a module.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// rsaProofKey is the kind of key that the suite makes itself.
func (r *run) rsaProofKey() *proofKey {
	return asProofKey(r, "PS256", rsaKey(), rsaKey().Public())
}

func asProofKey(r *run, alg string, private, public any) *proofKey {
	r.Helper()
	key := jose.JSONWebKey{Key: public}
	thumb, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		r.stop("the thumbprint of a key: %v", err)
	}
	return &proofKey{alg: alg, private: private, jwk: r.members(key), jkt: base64.RawURLEncoding.EncodeToString(thumb)}
}

// members is a value as a JSON object.
func (r *run) members(value any) object {
	r.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		r.stop("%v", err)
	}
	members := object{}
	if err := json.Unmarshal(text, &members); err != nil {
		r.stop("%v", err)
	}
	return members
}

// change sets pairs of names and values; nil takes a member out.
func change(members object, pairs []any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(members, pairs[i].(string))
		} else {
			members[pairs[i].(string)] = pairs[i+1]
		}
	}
}

// digest is what ath, code_challenge and thumbprints are: SHA-256 in base64url.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
