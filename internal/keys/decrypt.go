package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // case-sensitive, and refuses a member that stands there twice

	"idp/internal/idp"
)

// ErrCannotDecrypt says that a text is no JWE for this server. What is wrong with its header, which is public, stands behind it; why the rest does
// not decrypt never does.
var ErrCannotDecrypt = errors.New("not encrypted for this server")

const (
	maxEncrypted       = 64 << 10 // what a form may hold
	maxEncryptedHeader = 4 << 10
	maxDecryptTries    = 2 // keys of one algorithm, for senders who name none: the present one, and the one before
)

// encryptedHeader is what we look at before anything is decrypted (RFC 7516 §4.1).
type encryptedHeader struct {
	Alg  string          `json:"alg"`
	Enc  string          `json:"enc"`
	Kid  string          `json:"kid"`
	Zip  json.RawMessage `json:"zip"`
	Crit json.RawMessage `json:"crit"`
}

// Decrypt returns what somebody encrypted with one of the keys that we publish with use "enc": a JWE in its compact form (RFC 7516 §3.1). The
// algorithms are those of idp.SupportedEncryptionAlgs and …Encs, and alg is the one that the key was made for (RFC 8725 §3.1). An error is
// ErrCannotDecrypt.
func (m *Manager) Decrypt(compact string) ([]byte, error) {
	return m.DecryptWith(compact, idp.SupportedEncryptionAlgs(), idp.SupportedEncryptionEncs())
}

// DecryptWith is Decrypt for a sender who is registered for certain algorithms.
func (m *Manager) DecryptWith(compact string, algs, encs []string) ([]byte, error) {
	h, err := readEncryptedHeader(compact)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(algs, h.Alg):
		return nil, fmt.Errorf("%w: its alg is %q, which is none of %v", ErrCannotDecrypt, h.Alg, algs)
	case !slices.Contains(encs, h.Enc):
		return nil, fmt.Errorf("%w: its enc is %q, which is none of %v", ErrCannotDecrypt, h.Enc, encs)
	}
	parsed, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.KeyAlgorithm(h.Alg)}, []jose.ContentEncryption{jose.ContentEncryption(h.Enc)})
	if err != nil {
		return nil, fmt.Errorf("%w: it is malformed", ErrCannotDecrypt)
	}
	keys := m.decryptKeys(h, time.Now())
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: the JWKS has no key %q with alg %s", ErrCannotDecrypt, h.Kid, h.Alg)
	}
	for _, k := range keys {
		if payload, err := parsed.Decrypt(k.private); err == nil {
			return payload, nil
		}
	}
	return nil, ErrCannotDecrypt
}

// decryptKeys returns the key that the header names, or, if it names none, the newest of its alg.
func (m *Manager) decryptKeys(h *encryptedHeader, now time.Time) []*liveKey {
	var found []*liveKey
	for _, k := range slices.Backward(m.snapshot.Load().keys) {
		if k.Algorithm != h.Alg || h.Kid != "" && k.ID != h.Kid || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) {
			continue
		}
		if found = append(found, k); len(found) == maxDecryptTries {
			break
		}
	}
	return found
}

// readEncryptedHeader bounds the text and reads its header, before any library does.
func readEncryptedHeader(compact string) (*encryptedHeader, error) {
	if len(compact) > maxEncrypted {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrCannotDecrypt, maxEncrypted)
	}
	first, _, _ := strings.Cut(compact, ".")
	if strings.Count(compact, ".") != 4 || len(first) > maxEncryptedHeader || strings.ContainsAny(compact, "\r\n") {
		return nil, fmt.Errorf("%w: it has not the five parts of a JWE", ErrCannotDecrypt)
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return nil, fmt.Errorf("%w: its header is no base64url", ErrCannotDecrypt)
	}
	h := new(encryptedHeader)
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("%w: its header is no JSON object", ErrCannotDecrypt)
	}
	if h.Zip != nil {
		// RFC 8725 §3.6: compression before encryption tells of the content by its length, and a few bytes may become many.
		return nil, fmt.Errorf("%w: it is compressed", ErrCannotDecrypt)
	}
	if h.Crit != nil { // RFC 7516 §4.1.13
		return nil, fmt.Errorf("%w: its header has crit, and nothing that it may name is understood here", ErrCannotDecrypt)
	}
	return h, nil
}
