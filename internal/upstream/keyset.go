package upstream

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/jws"
)

const (
	// jwksFloor is the least time between two reads of a key set: tokens with invented kids must not become a stream of requests to the
	// upstream (PS-27).
	jwksFloor  = 30 * time.Second
	maxKeys    = 100
	minRSABits = 2048
)

// keySet is the public keys of an upstream.
type keySet struct {
	keys *cached[[]jose.JSONWebKey]
}

// keyLookup is one use of a keySet. It keeps the error, of which go-oidc passes on the text only: whether the upstream was away or
// the signature was wrong decides what the person is told.
type keyLookup struct {
	keys *keySet
	err  error
}

// VerifySignature implements oidc.KeySet.
func (l *keyLookup) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, l.err = l.keys.verifySignature(ctx, token)
	return payload, l.err
}

func newKeySet(client *http.Client, logger *slog.Logger, uri string) *keySet {
	return &keySet{&cached[[]jose.JSONWebKey]{
		what: "jwks", logger: logger,
		fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) { return fetchKeys(ctx, client, uri) },
	}}
}

// fetchKeys reads a JWKS and keeps the public keys that can verify signatures. Entries of other kinds are passed over (RFC 7517 §5).
func fetchKeys(ctx context.Context, client *http.Client, uri string) ([]jose.JSONWebKey, error) {
	doc, err := getJSON(ctx, client, uri, "")
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	return readKeys(doc)
}

// readKeys takes the keys of a document that can verify signatures.
func readKeys(doc object) ([]jose.JSONWebKey, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(doc["keys"], &raw); err != nil {
		return nil, &documentError{errors.New("jwks: no array of keys")}
	}
	if len(raw) > maxKeys {
		return nil, &documentError{fmt.Errorf("jwks: %d keys, more than %d", len(raw), maxKeys)}
	}
	var keys []jose.JSONWebKey
	for _, r := range raw {
		var k jose.JSONWebKey
		if json.Unmarshal(r, &k) != nil || !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" {
			continue
		}
		if rsaKey, ok := k.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSABits {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, &documentError{errors.New("jwks: no usable public signature key")}
	}
	return keys, nil
}

// verifySignature returns the payload of a token that one of the keys has signed. The caller has checked the algorithm.
func (s *keySet) verifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, jws.Accepts(idp.SupportedSigningAlgs()))
	if err != nil {
		return nil, errors.New("malformed JWS")
	}
	// Only kid and alg are looked at. A jwk, jku or x5u in the header names the forger's key.
	header := signed.Signatures[0].Protected
	keys, err := s.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	candidates := choose(keys, header.KeyID, header.Algorithm)
	if len(candidates) == 0 {
		if keys, err = s.keys.reload(ctx, jwksFloor); err != nil {
			return nil, err
		}
		candidates = choose(keys, header.KeyID, header.Algorithm)
	}
	if len(candidates) == 0 {
		return nil, fmt.Errorf("no key for kid %s and alg %s", loggable(header.KeyID), loggable(header.Algorithm))
	}
	if header.KeyID == "" && len(candidates) > 1 {
		return nil, errors.New("the token names no kid though several keys fit") // OpenID Connect Core §10.1
	}
	for _, k := range candidates {
		if payload, err := jws.Verify(signed, k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("wrong signature")
}

// choose returns the keys that may have signed a token with this header.
func choose(keys []jose.JSONWebKey, kid, alg string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range keys {
		if (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == alg) && jws.Fits(k.Key, alg) {
			out = append(out, k)
		}
	}
	return out
}
