package clientkeys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/outbound"
)

// ErrNoKeys says that a client has no keys, or that those it publishes cannot be read. The error's text says why, for the operator.
var ErrNoKeys = errors.New("the client's keys cannot be read")

// Config is what Keys needs.
type Config struct {
	Outbound *outbound.Client
	Logger   *slog.Logger
}

// Keys answers for the keys of all clients. Safe for concurrent use.
type Keys struct {
	outbound *outbound.Client
	logger   *slog.Logger

	published *outbound.Memory[[]jose.JSONWebKey] // by address

	mu         sync.Mutex
	registered map[string]keyedText // by client id
	bytes      int                  // of their texts
}

// keyedText is a registered set as it was read last.
type keyedText struct {
	text []byte
	keys []jose.JSONWebKey
}

// New returns an empty memory of keys.
func New(c Config) *Keys {
	return &Keys{
		outbound: c.Outbound, logger: c.Logger,
		published: outbound.NewMemory[[]jose.JSONWebKey](bounds()), registered: map[string]keyedText{},
	}
}

// all returns the keys of a client.
func (k *Keys) all(ctx context.Context, c *idp.Client) ([]jose.JSONWebKey, error) {
	switch {
	case c.JWKSURI != "":
		return k.fetch(ctx, c.JWKSURI)
	case len(c.JWKS) == 0:
		return nil, ErrNoKeys
	}
	k.mu.Lock()
	have, known := k.registered[c.ID]
	k.mu.Unlock()
	if known && bytes.Equal(have.text, c.JWKS) {
		return have.keys, nil
	}
	keys, _, err := idp.ParseKeySet(c.JWKS)
	if err != nil || len(keys) == 0 {
		return nil, ErrNoKeys
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, had := k.registered[c.ID]; had {
		k.bytes -= len(c.ID) + len(old.text)
	}
	k.bytes += len(c.ID) + len(c.JWKS)
	if k.bytes > most { // costs reading the text anew for each in use
		clear(k.registered)
		k.bytes = len(c.ID) + len(c.JWKS)
	}
	k.registered[c.ID] = keyedText{c.JWKS, keys}
	return keys, nil
}

// find returns the keys of a client that fit, and asks its jwks_uri again before it says that there are none (OpenID Connect Core §10.1.1).
func (k *Keys) find(ctx context.Context, c *idp.Client, fits func(*jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	first := 0
	if c.JWKSURI != "" {
		first = k.published.Looks(c.JWKSURI)
	}
	keys, err := k.all(ctx, c)
	if err != nil {
		return nil, err
	}
	if out := those(keys, fits); len(out) > 0 || c.JWKSURI == "" {
		return out, nil
	}
	if keys, err = k.fetchNewer(ctx, c.JWKSURI, first); err != nil {
		return nil, err
	}
	return those(keys, fits), nil
}

func those(keys []jose.JSONWebKey, fits func(*jose.JSONWebKey) bool) (out []jose.JSONWebKey) {
	for i := range keys {
		if fits(&keys[i]) {
			out = append(out, keys[i])
		}
	}
	return out
}

// HasCertificate reports whether a certificate is one of the client's: the leaf of a key's chain (x5c, RFC 7517 §4.7), or one of a key that was published
// without a chain.
func (k *Keys) HasCertificate(ctx context.Context, c *idp.Client, leaf *x509.Certificate) (bool, error) {
	keys, err := k.find(ctx, c, func(key *jose.JSONWebKey) bool {
		if len(key.Certificates) > 0 {
			return bytes.Equal(key.Certificates[0].Raw, leaf.Raw)
		}
		own, comparable := key.Key.(interface{ Equal(crypto.PublicKey) bool })
		return key.Use != "enc" && comparable && own.Equal(leaf.PublicKey)
	})
	return len(keys) > 0, err
}
