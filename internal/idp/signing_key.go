package idp

import "time"

// SigningKey is a key of ours whose public half is published: it signs tokens, or (by its algorithm, IsEncryptionAlg) decrypts what clients
// send us. The private half is PKCS #8, encrypted at rest and bound to its row.
//
// Its life: published at CreatedAt, signs from ActiveAt until its successor becomes active, stays in the JWKS until ExpiresAt
// (set when it stops signing: the end of the longest token it can have signed). One that decrypts is published from CreatedAt until it
// is retired, and decrypts until ExpiresAt.
type SigningKey struct {
	ID        string // the kid; never used for another key
	Algorithm string // one of SupportedSigningAlgs or SupportedEncryptionAlgs
	Private   []byte // PKCS #8 in clear; in memory only
	CreatedAt time.Time
	ActiveAt  time.Time
	RetiredAt *time.Time // stopped signing
	ExpiresAt *time.Time // leaves the JWKS
}
