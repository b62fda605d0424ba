package keys

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// liveKey is a signing key, parsed once, with its headers ready.
type liveKey struct {
	idp.SigningKey
	alg         algorithm
	private     crypto.Signer
	idHeader    string
	tokenHeader string
}

func (k *liveKey) header(typ string) string {
	if typ == TypeAccessToken {
		return k.tokenHeader
	}
	return k.idHeader
}

// snapshot is all keys at one moment. It never changes; a reload puts another in its place.
type snapshot struct {
	keys     []*liveKey // oldest first
	byHeader map[string]*liveKey
	jwks     []byte
	etag     string
}

// published reports whether a key is in the JWKS.
func (s *snapshot) published(id string) bool {
	return slices.ContainsFunc(s.keys, func(k *liveKey) bool { return k.ID == id })
}

// signing returns the key of alg that signs at now: the youngest that has become active and is not retired.
func (s *snapshot) signing(alg string, now time.Time) *liveKey {
	for _, k := range slices.Backward(s.keys) {
		if k.Algorithm == alg && !now.Before(k.ActiveAt) && (k.RetiredAt == nil || now.Before(*k.RetiredAt)) {
			return k
		}
	}
	return nil
}

// Binding is where a key's private half is sealed.
func Binding(kid string) secret.Binding {
	return secret.Binding{Table: "signing_keys", Column: "private", Row: kid}
}

func newSnapshot(sealed []*store.SealedKey, ring *secret.Keyring) (*snapshot, error) {
	s := &snapshot{byHeader: map[string]*liveKey{}}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, row := range sealed {
		k, err := openKey(row, ring)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
		s.byHeader[TypeIDToken+"."+k.idHeader] = k
		s.byHeader[TypeAccessToken+"."+k.tokenHeader] = k
		// RP-9, RFC 7517 §4: every key has kid, kty, use and alg.
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"})
	}
	var err error
	if s.jwks, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("encode JWKS: %w", err)
	}
	sum := sha256.Sum256(s.jwks)
	s.etag = `"` + hex.EncodeToString(sum[:12]) + `"`
	return s, nil
}

func openKey(row *store.SealedKey, ring *secret.Keyring) (*liveKey, error) {
	der, err := ring.Open(row.Sealed, Binding(row.ID))
	if err != nil {
		return nil, fmt.Errorf("open signing key %s (is its encryption key still in the key ring?): %w", row.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse signing key %s: %w", row.ID, err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key %s is a %T, which cannot sign", row.ID, parsed)
	}
	alg, err := algorithmNamed(row.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
	}
	return &liveKey{
		SigningKey: *row.SigningKey, alg: alg, private: signer,
		idHeader: encodeHeader(row.Algorithm, row.ID, TypeIDToken), tokenHeader: encodeHeader(row.Algorithm, row.ID, TypeAccessToken),
	}, nil
}
