package mint

import (
	"crypto/sha256"
	"sync"
	"time"
)

// verifiedMost bounds the memory: some 64 bytes of key and 400 of content each.
const verifiedMost = 4096

// verified remembers the content of access tokens whose signature was checked a moment ago: checking an ES256 signature costs
// twice a read from the database. It says nothing about revocation, which is looked up every time.
type verified struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]*AccessToken
}

func newVerified() *verified {
	return &verified{tokens: map[[sha256.Size]byte]*AccessToken{}}
}

// get returns the content of a token that was verified before and has not expired. The content is shared: nobody changes it.
func (v *verified) get(text string, now time.Time) *AccessToken {
	key := sha256.Sum256([]byte(text))
	v.mu.RLock()
	t := v.tokens[key]
	v.mu.RUnlock()
	if t == nil || now.Unix() >= t.Expires {
		return nil
	}
	return t
}

func (v *verified) put(text string, t *AccessToken) {
	key := sha256.Sum256([]byte(text))
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.tokens) >= verifiedMost {
		clear(v.tokens)
	}
	v.tokens[key] = t
}

func (v *verified) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.tokens)
}
