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

// liveKey is a key, parsed once, with the headers of what it signs all day ready.
type liveKey struct {
	idp.SigningKey
	alg         algorithm
	private     crypto.Signer
	idHeader    string
	tokenHeader string
}

func (k *liveKey) header(typ string) string {
	switch typ {
	case TypeIDToken:
		return k.idHeader
	case TypeAccessToken:
		return k.tokenHeader
	}
	return encodeHeader(k.Algorithm, k.ID, typ)
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

// current returns the key of alg that works at now: the youngest that has become active and is not retired.
func (s *snapshot) current(alg string, now time.Time) *liveKey {
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
		use := "sig"
		if k.alg.encrypts() {
			if k.RetiredAt != nil { // OpenID Connect Core §10.2.1: taken out of the JWKS, kept for what is under way
				continue
			}
			use = "enc"
		} else {
			s.byHeader[TypeIDToken+"."+k.idHeader] = k
			s.byHeader[TypeAccessToken+"."+k.tokenHeader] = k
		}
		// RP-9, RFC 7517 §4: every key has kid, kty, use and alg.
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: k.Algorithm, Use: use})
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
		return nil, fmt.Errorf("signing key %s is a %T, which no algorithm uses", row.ID, parsed)
	}
	alg, err := algorithmNamed(row.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
	}
	k := &liveKey{SigningKey: *row.SigningKey, alg: alg, private: signer}
	if !alg.encrypts() {
		k.idHeader, k.tokenHeader = encodeHeader(row.Algorithm, row.ID, TypeIDToken), encodeHeader(row.Algorithm, row.ID, TypeAccessToken)
	}
	return k, nil
}
