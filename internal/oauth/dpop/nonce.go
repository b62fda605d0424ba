package dpop

import (
	"strconv"
	"strings"
	"time"

	"idp/internal/secret"
)

const (
	nonceSlice   = time.Minute
	nonceSlices  = 5 // so many back are still good
	nonceMost    = 256
	noncePurpose = "dpop_nonce"
)

// Nonces makes and checks the values of DPoP-Nonce (RFC 9449 §8): the minute, and a digest of it under the key ring, which all replicas
// share. Nothing is stored. A nonce is good for five minutes and for any client: what it proves is that the proof is not older.
type Nonces struct{ Keyring *secret.Keyring }

// Next returns the nonce that a client is to use now.
func (n Nonces) Next(now time.Time) string {
	slice := strconv.FormatInt(now.Unix()/int64(nonceSlice.Seconds()), 36)
	return slice + "." + n.Keyring.KeyedDigest(noncePurpose, slice)
}

// until returns when a nonce of ours ends, or false for one that is none or has ended. One of the next minute is from a replica whose
// clock is ahead.
func (n Nonces) until(nonce string, now time.Time) (time.Time, bool) {
	slice, digest, found := strings.Cut(nonce, ".")
	if !found || len(nonce) > nonceMost {
		return time.Time{}, false
	}
	number, err := strconv.ParseInt(slice, 36, 64)
	current := now.Unix() / int64(nonceSlice.Seconds())
	if err != nil || number < current-nonceSlices || number > current+1 || !n.Keyring.VerifyDigest(noncePurpose, digest, slice) {
		return time.Time{}, false
	}
	return time.Unix((number+nonceSlices+1)*int64(nonceSlice.Seconds()), 0), true
}
