package store

import (
	"sync"

	"idp/internal/idp"
)

// What claimsCache keeps at most: together a few megabytes.
const (
	claimsMost      = 1024
	claimsBytesMost = 4 << 10 // of one text; longer ones are decoded each time
)

// claimsCache remembers what the texts of the column users.claims mean: applications ask for the same person again and again, and decoding costs a
// third of the read. The text itself is the key, so nothing here can be out of date. What it returns is shared: nobody changes it.
type claimsCache struct {
	mu      sync.RWMutex
	decoded map[string]*idp.UserClaims
}

// decode sets to to what a text means.
func (c *claimsCache) decode(text string, to *idp.UserClaims) error {
	c.mu.RLock()
	known := c.decoded[text]
	c.mu.RUnlock()
	if known != nil {
		*to = *known
		return nil
	}
	fresh := new(idp.UserClaims)
	if err := fromJSON(text, fresh); err != nil {
		return err
	}
	*to = *fresh
	if len(text) > claimsBytesMost {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.decoded) >= claimsMost {
		clear(c.decoded)
	}
	if c.decoded == nil {
		c.decoded = make(map[string]*idp.UserClaims, 64)
	}
	c.decoded[text] = fresh
	return nil
}
