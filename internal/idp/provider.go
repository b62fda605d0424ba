package idp

import "time"

// Provider is an upstream that people can sign in with.
type Provider struct {
	ID                string        `json:"-"`    // part of its callback URL
	Type              string        `json:"type"` // "google", "oidc"
	Name              string        `json:"name"` // on the button
	Issuer            string        `json:"issuer"`
	ClientID          string        `json:"client_id"`
	ClientSecret      string        `json:"-"` // in clear in memory only; encrypted at rest and bound to its row
	Scopes            []string      `json:"scopes,omitempty"`
	HostedDomain      string        `json:"hosted_domain,omitempty"`   // Google's hd, enforced in the claim
	AllowedDomains    []string      `json:"allowed_domains,omitempty"` // of verified addresses; empty = any
	TrustEmail        bool          `json:"trust_email,omitempty"`     // its email_verified may be believed for automatic linking
	Linking           LinkingPolicy `json:"linking,omitempty"`
	Provision         bool          `json:"provision,omitempty"`           // an unknown person gets an account
	EmailVerifiedText bool          `json:"email_verified_text,omitempty"` // accepts "true" as a string (Apple)
	ClientAuthMethod  string        `json:"client_auth_method,omitempty"`  // client_secret_basic (default), client_secret_post
	Disabled          bool          `json:"disabled,omitempty"`
	CreatedAt         time.Time     `json:"-"`
	UpdatedAt         time.Time     `json:"-"`
}

// LinkingPolicy says what happens when an upstream identity is new but its verified address belongs to a local account.
type LinkingPolicy string

// The linking policies. Automatic linking needs TrustEmail, email_verified and a verified local address all at once.
const (
	LinkNever     LinkingPolicy = "never"
	LinkProve     LinkingPolicy = "prove" // the default: ask for proof of the local account first
	LinkAutomatic LinkingPolicy = "automatic"
)
