package idp

import "time"

// CredentialKind names a way of proving who one is.
type CredentialKind string

// CredentialPassword is a password, stored as a hash in PHC form or in the form it was imported in.
const CredentialPassword CredentialKind = "password"

// Credential is something a user can prove.
type Credential struct {
	ID        string
	UserID    string
	Kind      CredentialKind
	Scheme    string // for an imported password hash, the name of its scheme (secret.Scheme); empty for our own
	Secret    string // for a password, the hash
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Identity links a user to an account at an upstream provider. It is unique by (Issuer, Subject), compared byte for byte;
// the e-mail address is never a key.
type Identity struct {
	ID         string
	UserID     string
	ProviderID string
	Issuer     string
	Subject    string
	Email      string // what the upstream said last, for the operator's eyes
	CreatedAt  time.Time
	LastUsedAt time.Time
}
