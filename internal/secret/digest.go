package secret

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
	"sync"
)

// Digest returns the SHA-256 of a token's text: what is stored in the token's place, so that a dump of the database opens
// nothing. It is only for texts of 128 random bits or more; for others there is KeyedDigest or a Hasher.
func Digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// macState computes HMAC-SHA256 under one derived key. It sits on the token path: the key is derived once, and the
// keyed hash states are reused, so that a call costs two or three SHA-256 blocks.
type macState struct{ pool sync.Pool }

type macScratch struct {
	h   hash.Hash
	in  []byte
	out [sha256.Size]byte
}

func newMACState(key []byte) *macState {
	s := &macState{}
	s.pool.New = func() any { return &macScratch{h: hmac.New(sha256.New, key)} }
	return s
}

// sum returns the HMAC of the parts, one behind the other: the caller keeps them apart, by fixed sizes.
func (s *macState) sum(parts ...string) [sha256.Size]byte {
	m := s.pool.Get().(*macScratch)
	m.h.Reset()
	for _, p := range parts {
		m.in = append(m.in[:0], p...)
		m.h.Write(m.in)
		clear(m.in)
	}
	m.h.Sum(m.out[:0])
	out := m.out
	if cap(m.in) > 4<<10 {
		m.in = nil // one huge input must not stay in the pool for ever
	}
	s.pool.Put(m)
	return out
}

func (k *Keyring) deriveMACs(purpose string) []*macState {
	states := make([]*macState, len(k.keys))
	for i, key := range k.keys {
		// The error exists for outputs over 8160 bytes and for hashes that FIPS mode forbids: neither can be.
		sub, err := hkdf.Expand(sha256.New, key.root, "hmac v1 "+purpose, keySize)
		if err != nil {
			panic("secret: derive hmac key: " + err.Error())
		}
		states[i] = newMACState(sub)
	}
	return states
}

// digestStates returns the states for a purpose. Purposes are constants of this program, so the map stays small.
func (k *Keyring) digestStates(purpose string) []*macState {
	if v, ok := k.macs.Load(purpose); ok {
		return v.([]*macState)
	}
	v, _ := k.macs.LoadOrStore(purpose, k.deriveMACs("digest "+purpose))
	return v.([]*macState)
}

// KeyedDigest returns "<key id>.<base64url HMAC-SHA256>" of secret under the active key. A dump of the database without
// the key ring cannot even be searched by guessing. The purpose must be a constant: it keeps uses apart, and each one
// stays in memory.
func (k *Keyring) KeyedDigest(purpose, secret string) string {
	sum := k.digestStates(purpose)[0].sum(secret)
	return k.keys[0].id + "." + base64.RawURLEncoding.EncodeToString(sum[:])
}

// KeyedDigests returns the KeyedDigest of secret under each key of the ring, the active one's first: what a row that must be found by its
// digest may be stored under while keys change.
func (k *Keyring) KeyedDigests(purpose, secret string) []string {
	states := k.digestStates(purpose)
	digests := make([]string, len(states))
	for i, state := range states {
		sum := state.sum(secret)
		digests[i] = k.keys[i].id + "." + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return digests
}

// VerifyDigest reports, in constant time, whether stored is the KeyedDigest of secret under any key of the ring.
func (k *Keyring) VerifyDigest(purpose, stored, secret string) bool {
	id, encoded, found := strings.Cut(stored, ".")
	if !found {
		return false
	}
	i := k.find(id)
	if i < 0 || len(encoded) != base64.RawURLEncoding.EncodedLen(sha256.Size) {
		return false
	}
	want := make([]byte, 0, sha256.Size)
	want, err := base64.RawURLEncoding.Strict().AppendDecode(want, []byte(encoded))
	if err != nil {
		return false
	}
	got := k.digestStates(purpose)[i].sum(secret)
	return subtle.ConstantTimeCompare(got[:], want) == 1
}
