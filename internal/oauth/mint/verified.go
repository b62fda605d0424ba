package mint

import (
	"crypto/sha256"
	"sync"
	"time"
)

// verifiedMost bounds the memory: some 64 bytes of key and 400 of content each.
const verifiedMost = 4096

// verified remembers the content of access tokens whose signature was checked a moment ago: checking an ES256 signature costs
// twice a read from the database. It says nothing about revocation, which is looked up every time, nor about the key, which may
// have been withdrawn since.
type verified struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]remembered
}

type remembered struct {
	token *AccessToken
	keyID string // that signed it
}

func newVerified() *verified {
	return &verified{tokens: map[[sha256.Size]byte]remembered{}}
}

// get returns the content of a token that was verified before and has not expired, if its key is still published. The content
// is shared: nobody changes it.
func (v *verified) get(text string, now time.Time, published func(keyID string) bool) *AccessToken {
	key := sha256.Sum256([]byte(text))
	v.mu.RLock()
	r, ok := v.tokens[key]
	v.mu.RUnlock()
	if !ok || now.Unix() >= r.token.Expires || !published(r.keyID) {
		return nil
	}
	return r.token
}

func (v *verified) put(text, keyID string, t *AccessToken) {
	key := sha256.Sum256([]byte(text))
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.tokens) >= verifiedMost {
		clear(v.tokens)
	}
	v.tokens[key] = remembered{t, keyID}
}
