package protocol

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// prover is an application that holds a key and makes DPoP proofs.
type prover struct {
	t   testing.TB
	alg jose.SignatureAlgorithm
	key crypto.Signer
	jkt string
}

func newProver(t testing.TB, alg jose.SignatureAlgorithm) *prover {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA, ed25519Name:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatalf("thumbprint: %v", err)
	}
	return &prover{t, alg, key, base64.RawURLEncoding.EncodeToString(sum)}
}

// ed25519Name is the fully specified name of what EdDSA means with such a key (RFC 9864 §2.2), which the library cannot write by itself.
const ed25519Name = jose.SignatureAlgorithm("Ed25519")

type ed25519Signer struct{ crypto.Signer }

func (s ed25519Signer) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: s.Signer.Public()} }
func (s ed25519Signer) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{ed25519Name}
}

func (s ed25519Signer) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return s.Sign(nil, payload, crypto.Hash(0))
}

// change is what differs from a good proof: claims laid over the usual ones, nil takes one away.
type change map[string]any

// proof makes a proof for a request to an address, for an access token if there is one.
func (p *prover) proof(method, address, token string, changes ...change) string {
	p.t.Helper()
	return p.signed(p.claims(method, address, token, changes...), map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt"}, true)
}

func (p *prover) claims(method, address, token string, changes ...change) map[string]any {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for _, c := range changes {
		for name, value := range c {
			claims[name] = value
			if value == nil {
				delete(claims, name)
			}
		}
	}
	return claims
}

// signed signs claims under a header of one's own.
func (p *prover) signed(claims map[string]any, header map[jose.HeaderKey]any, embed bool) string {
	p.t.Helper()
	var key any = p.key
	if p.alg == ed25519Name {
		key = ed25519Signer{p.key}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: p.alg, Key: key}, &jose.SignerOptions{EmbedJWK: embed, ExtraHeaders: header})
	if err != nil {
		p.t.Fatalf("make a signer: %v", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatalf("encode a proof: %v", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		p.t.Fatalf("sign a proof: %v", err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		p.t.Fatalf("write a proof: %v", err)
	}
	return text
}

// proving sends a proof beside what as sends.
func proving(as auth, proof string) auth {
	return func(header http.Header, form url.Values) {
		as(header, form)
		header.Set("DPoP", proof)
	}
}

// ask asks UserInfo with a token by a scheme; an empty proof is none.
func (s *site) ask(t testing.TB, scheme, token, proof string) *answer {
	t.Helper()
	req := newRequest(t, http.MethodGet, s.endpoint(t, "userinfo_endpoint"), nil)
	req.Header.Set("Authorization", scheme+" "+token)
	if proof != "" {
		req.Header.Set("DPoP", proof)
	}
	return s.call(t, req)
}

// wantBound wants a token answer of RFC 9449 §5.
func (a *answer) wantBound() tokens {
	a.t.Helper()
	a.want(http.StatusOK)
	if got := a.json["token_type"]; got != "DPoP" {
		a.t.Errorf("%s: token_type %v, want DPoP", a.what, got)
	}
	return tokens{a.str("access_token"), a.str("refresh_token"), a.str("id_token")}
}
