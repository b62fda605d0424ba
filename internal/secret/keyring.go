package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"idp/internal/idp"
)

const (
	keySize    = 32
	maxKeyID   = 16
	maxKeys    = 64
	maxKeyText = 64 << 10
)

// Key is one entry of a key ring: 32 secret bytes and the public name by which stored values say who made them.
type Key struct {
	ID     string // [a-z0-9]{1,16}
	Secret []byte
}

// GenerateKey returns a new random key with a random ID.
func GenerateKey() Key {
	k := Key{ID: strings.ToLower(rand.Text()[:10]), Secret: make([]byte, keySize)}
	rand.Read(k.Secret) // never fails: crypto/rand ends the program instead
	return k
}

// Line returns the key as ParseKeyring reads it, "id:base64". It is the secret itself: write it to the key file only.
func (k Key) Line() string { return k.ID + ":" + base64.StdEncoding.EncodeToString(k.Secret) }

// String names the key without its secret.
func (k Key) String() string { return "key " + k.ID + " " + redactedText }

// GoString names the key without its secret, for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue names the key without its secret, for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText names the key without its secret, for encoders.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (k Key) validate() error {
	if !validKeyID(k.ID) {
		return errors.New("the key ID must be 1 to 16 lower-case letters and digits")
	}
	if len(k.Secret) != keySize {
		return fmt.Errorf("the secret of key %q has %s, but must have %d: make one with `idp key ring new`, or `openssl rand -base64 32`", k.ID, idp.Counted(len(k.Secret), "byte"), keySize)
	}
	// A placeholder such as 32 zero bytes would make every sealed value readable by anyone who guesses it.
	if bytes.Count(k.Secret, k.Secret[:1]) == keySize {
		return fmt.Errorf("the secret of key %q repeats one byte, so it is a placeholder: replace it with 32 random bytes", k.ID)
	}
	return nil
}

func validKeyID(id string) bool {
	if id == "" || len(id) > maxKeyID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Keyring holds the keys for everything encrypted or keyed: the first (active) one makes new values, all of them open and
// verify old ones. It is immutable and safe for concurrent use.
type Keyring struct {
	keys   []*ringKey
	macs   sync.Map // purpose string → []*macState, one for each key in order
	tokens []*macState
}

// NewKeyring returns a ring whose first key is the active one.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("the key ring is empty: it needs at least one key, the first being the active one")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("the key ring has %d keys, but %d is the most: re-encrypt with the active key and drop old ones", len(keys), maxKeys)
	}
	ring := &Keyring{}
	for i, k := range keys {
		if err := k.validate(); err != nil {
			return nil, err
		}
		for _, other := range keys[:i] {
			if other.ID == k.ID {
				return nil, fmt.Errorf("key ID %q is used twice: give each key its own", k.ID)
			}
			if bytes.Equal(other.Secret, k.Secret) {
				return nil, fmt.Errorf("keys %q and %q have the same secret: a rotation needs a new one", other.ID, k.ID)
			}
		}
		rk, err := newRingKey(k)
		if err != nil {
			return nil, fmt.Errorf("derive from key %q: %w", k.ID, err)
		}
		ring.keys = append(ring.keys, rk)
	}
	ring.tokens = ring.deriveMACs("token")
	return ring, nil
}

// ParseKeyring reads a key file: one "id:base64" on a line, the first being active; empty lines and lines that begin with
// '#' are skipped. Its errors name the line and never show what is on it.
func ParseKeyring(text []byte) (*Keyring, error) {
	if len(text) > maxKeyText {
		return nil, fmt.Errorf("the key file has %d bytes, but %d is the most: is it the right file?", len(text), maxKeyText)
	}
	var keys []Key
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		// The content stays out of the message: a line without a colon may well be a bare secret.
		id, encoded, found := bytes.Cut(line, []byte(":"))
		if !found || !validKeyID(string(id)) {
			return nil, fmt.Errorf("line %d of the key file is not \"id:base64\" with an ID of 1 to 16 lower-case letters and digits", number)
		}
		secret, ok := decodeKey(string(bytes.TrimSpace(encoded)))
		if !ok {
			return nil, fmt.Errorf("line %d of the key file: after the colon there must be 32 bytes in base64, as `openssl rand -base64 32` prints them", number)
		}
		k := Key{ID: string(id), Secret: secret}
		if err := k.validate(); err != nil {
			return nil, fmt.Errorf("line %d of the key file: %w", number, err)
		}
		keys = append(keys, k)
	}
	return NewKeyring(keys...)
}

// decodeKey accepts both alphabets, padded or not: people make keys with whatever tool is at hand.
func decodeKey(s string) ([]byte, bool) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	return b, err == nil && len(b) == keySize
}

// Active returns the ID of the key that makes new values.
func (k *Keyring) Active() string { return k.keys[0].id }

// IDs returns the IDs of all keys, the active one first.
func (k *Keyring) IDs() []string {
	ids := make([]string, len(k.keys))
	for i, key := range k.keys {
		ids[i] = key.id
	}
	return ids
}

// String names the keys without their secrets.
func (k *Keyring) String() string {
	if k == nil {
		return "no key ring"
	}
	return "key ring " + strings.Join(k.IDs(), ",") + " " + redactedText
}

// GoString names the keys without their secrets, for %#v.
func (k *Keyring) GoString() string { return k.String() }

// LogValue names the keys without their secrets, for slog.
func (k *Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText names the keys without their secrets, for encoders.
func (k *Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// find returns the position of a key by its ID, or -1. IDs are public, so the comparison may take its own time.
func (k *Keyring) find(id string) int {
	for i, key := range k.keys {
		if key.id == id {
			return i
		}
	}
	return -1
}
