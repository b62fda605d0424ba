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

// Provider is an upstream that people can sign in with.
type Provider struct {
	ID                string // part of its callback URL
	Type              string // "google", "oidc"
	Name              string // on the button
	Issuer            string
	ClientID          string
	ClientSecret      string // in clear in memory only; encrypted at rest and bound to its row
	Scopes            []string
	HostedDomain      string   // Google's hd, enforced in the claim
	AllowedDomains    []string // of verified addresses; empty = any
	TrustEmail        bool     // its email_verified may be believed for automatic linking
	Linking           LinkingPolicy
	Provision         bool   // an unknown person gets an account
	EmailVerifiedText bool   // accepts "true" as a string (Apple)
	ClientAuthMethod  string // client_secret_basic (default), client_secret_post
	Disabled          bool
	ManagedBy         string
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// LinkingPolicy says what happens when an upstream identity is new but its verified address belongs to a local account.
type LinkingPolicy string

// The linking policies. Automatic linking needs TrustEmail, email_verified and a verified local address all at once.
const (
	LinkNever     LinkingPolicy = "never"
	LinkProve     LinkingPolicy = "prove" // the default: ask for proof of the local account first
	LinkAutomatic LinkingPolicy = "automatic"
)
