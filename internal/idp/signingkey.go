package idp

import "time"

// SigningKey is a key that signs tokens. The private half is PKCS #8, encrypted at rest and bound to its row.
//
// Its life: published at CreatedAt, signs from ActiveAt until its successor becomes active, stays in the JWKS until ExpiresAt
// (set when it stops signing: the end of the longest token it can have signed).
type SigningKey struct {
	ID        string // the kid; never used for another key
	Algorithm string // RS256, ES256, EdDSA, …
	Private   []byte // PKCS #8 in clear; in memory only
	CreatedAt time.Time
	ActiveAt  time.Time
	RetiredAt *time.Time // stopped signing
	ExpiresAt *time.Time // leaves the JWKS
}
