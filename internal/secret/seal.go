package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrCannotOpen says that a sealed value does not open. The one text for all causes keeps an oracle out of reach.
var ErrCannotOpen = errors.New("the sealed value does not open: it was altered or moved to another row, or its key is no longer in the key ring")

const sealVersion = "v1"

// maxSealed bounds what Open decodes: nothing this program seals comes near it.
const maxSealed = 1 << 20

// Binding says where a sealed value lives. A value that was copied to another row, column or table does not open there:
// without this, someone who can write to the database could give his own TOTP secret to an administrator's account.
type Binding struct{ Table, Column, Row string }

// ringKey is a key with what is derived from it once.
type ringKey struct {
	id   string
	root []byte // of the HMAC sub-keys; itself derived, so that the configured secret is not kept
	aead cipher.AEAD
}

func newRingKey(k Key) (*ringKey, error) {
	// One sub-key for each use: a fault in one (say, nonce exhaustion) must say nothing about the others.
	prk, err := hkdf.Extract(sha256.New, k.Secret, []byte("idp key ring v1"))
	if err != nil {
		return nil, err
	}
	sealKey, err := hkdf.Expand(sha256.New, prk, "seal v1", keySize)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(sealKey)
	if err != nil {
		return nil, err
	}
	return &ringKey{id: k.ID, root: prk, aead: aead}, nil
}

// newAEAD returns AES-256-GCM with random nonces: safe for 2^32 messages a key (NIST SP 800-38D §8.3), and credentials,
// signing keys and client secrets are many orders below that.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts plaintext with the active key so that it opens only at the same binding: "v1.<key id>.<base64url>".
func (k *Keyring) Seal(plaintext []byte, b Binding) (string, error) {
	if b.Table == "" || b.Column == "" || b.Row == "" {
		return "", fmt.Errorf("seal for %q.%q: a binding needs table, column and row", b.Table, b.Column)
	}
	key := k.keys[0]
	sealed := key.aead.Seal(nil, nil, plaintext, b.additionalData(key.id))
	if len(sealed) > maxSealed/4*3 {
		return "", fmt.Errorf("seal for %s.%s: %d bytes are too many", b.Table, b.Column, len(plaintext))
	}
	return sealVersion + "." + key.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal made at the same binding, by whichever key of the ring it names; otherwise ErrCannotOpen.
func (k *Keyring) Open(sealed string, b Binding) ([]byte, error) {
	id, body, ok := splitSealed(sealed)
	if !ok {
		return nil, ErrCannotOpen
	}
	i := k.find(id)
	if i < 0 {
		return nil, ErrCannotOpen
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, ErrCannotOpen
	}
	plaintext, err := k.keys[i].aead.Open(nil, nil, raw, b.additionalData(id))
	if err != nil {
		return nil, ErrCannotOpen
	}
	return plaintext, nil
}

// SealedWithActive reports whether a sealed value names the active key; one that does not waits for re-encryption.
func (k *Keyring) SealedWithActive(sealed string) bool {
	id, _, ok := splitSealed(sealed)
	return ok && id == k.keys[0].id
}

func splitSealed(sealed string) (id, body string, ok bool) {
	// The decoder skips line ends, which would let one value have many spellings.
	if len(sealed) > maxSealed || strings.ContainsAny(sealed, "\r\n") {
		return "", "", false
	}
	version, rest, _ := strings.Cut(sealed, ".")
	id, body, found := strings.Cut(rest, ".")
	return id, body, found && version == sealVersion
}

// additionalData writes each part behind its length, so that no two bindings have the same bytes.
func (b Binding) additionalData(keyID string) []byte {
	parts := [...]string{sealVersion, keyID, b.Table, b.Column, b.Row}
	size := 0
	for _, p := range parts {
		size += 4 + len(p)
	}
	out := make([]byte, 0, size)
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}
