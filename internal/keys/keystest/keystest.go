package keystest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys"
)

// private is the RSA key of all managers of a process, as PKCS #8.
var private = sync.OnceValues(func() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
})

// New returns a manager on an empty database. Its RS256 key has an id of its own and the numbers of every other manager's; the other keys are
// its own.
func New(t testing.TB, c keys.Config) *keys.Manager {
	t.Helper()
	der, err := private()
	if err != nil {
		t.Fatalf("make an RSA key: %v", err)
	}
	now := time.Now()
	key := &idp.SigningKey{ID: idp.NewID(), Algorithm: keys.RS256, Private: der, CreatedAt: now, ActiveAt: now}
	sealed, err := c.Keyring.Seal(der, keys.Binding(key.ID))
	if err != nil {
		t.Fatalf("seal the RSA key: %v", err)
	}
	if err := c.Store.CreateSigningKey(t.Context(), key, sealed); err != nil {
		t.Fatalf("write the RSA key: %v", err)
	}
	m, err := keys.New(t.Context(), c)
	if err != nil {
		t.Fatalf("start the keys: %v", err)
	}
	return m
}

// Sign returns a payload with a signature, in the compact form (RFC 7515 §3.1).
func Sign(t testing.TB, by jose.Signer, payload []byte) string {
	t.Helper()
	signed, err := by.Sign(payload)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatalf("write the signed text: %v", err)
	}
	return text
}

// Ed25519 signs under the newer name of EdDSA (RFC 9864 §2.2), which the library verifies and writes only with help.
type Ed25519 struct{ crypto.Signer }

// Public implements jose.OpaqueSigner.
func (s Ed25519) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: s.Signer.Public()} }

// Algs implements jose.OpaqueSigner.
func (s Ed25519) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.SignatureAlgorithm(idp.AlgEd25519)}
}

// SignPayload implements jose.OpaqueSigner.
func (s Ed25519) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return s.Sign(nil, payload, crypto.Hash(0))
}
