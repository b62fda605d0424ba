package idp

import (
	"slices"
	"strings"
	"time"
)

// What ManagedBy says of a client that no operator made. Every other value is the name of a set of files.
const (
	ManagedByToken            = "registration:token"    // registered itself with an initial access token of an operator's
	ManagedByOpen             = "registration:open"     // registered itself, and nobody here knows it
	ManagedByOpenApproved     = "registration:approved" // the same, and an administrator looked at it
	ManagedByDocument         = "cimd"                  // its id is the address of a document that says what it is
	ManagedByDocumentApproved = "cimd:approved"
)

// ClientOrigin is where a client that no operator made comes from. An operator's words cannot set it.
type ClientOrigin struct {
	RegistrationDigest string    `json:"registration_digest,omitempty"`   // of its registration access token (RFC 7592 §3)
	RegistrationToken  string    `json:"registration_token_id,omitempty"` // the initial access token it came with
	SoftwareStatement  string    `json:"software_statement,omitempty"`    // as received (RFC 7591 §3.2.1)
	Pending            bool      `json:"pending,omitempty"`               // refused until an administrator approves it
	ByHost             bool      `json:"by_host,omitempty"`               // approved because the operator names its host
	RegisteredAt       time.Time `json:"registered_at,omitzero"`
	AllowedScopes      []string  `json:"allowed_scopes,omitempty"` // what it may ask for when it changes its registration
	AllowedGrants      []string  `json:"allowed_grant_types,omitempty"`
}

// ReservedSource reports whether a name of a set of files would be taken for one of the values above.
func ReservedSource(name string) bool {
	return strings.HasPrefix(name, "registration:") || name == ManagedByDocument || strings.HasPrefix(name, ManagedByDocument+":")
}

// FromDocument reports whether the client is what the document at its id says.
func (c *Client) FromDocument() bool {
	return c.ManagedBy == ManagedByDocument || c.ManagedBy == ManagedByDocumentApproved
}

// Registered reports whether the client came by dynamic registration.
func (c *Client) Registered() bool { return strings.HasPrefix(c.ManagedBy, "registration:") }

// Stranger reports whether the client named itself and no operator vouched for it: people are told so.
func (c *Client) Stranger() bool {
	return c.ManagedBy == ManagedByOpen || c.ManagedBy == ManagedByDocument
}

// Approve turns a client that named itself into one that an administrator has looked at. It reports false for every other client.
func (c *Client) Approve() bool {
	switch c.ManagedBy {
	case ManagedByOpen, ManagedByOpenApproved:
		c.ManagedBy = ManagedByOpenApproved
	case ManagedByDocument, ManagedByDocumentApproved:
		c.ManagedBy = ManagedByDocumentApproved
	default:
		return false
	}
	c.Pending = false
	return true
}

// checkOrigin keeps from clients that made themselves what only an operator may give.
func (c *Client) checkOrigin(f *faults) {
	if c.FromDocument() != IsClientURL(c.ID) {
		f.add("client_id", "A client whose id is an address is what the document there says, and no other client is (%s). Choose an id of letters and digits.", quote(c.ID))
	}
	if !c.Registered() && !c.FromDocument() || c.ManagedBy == ManagedByToken {
		return
	}
	if c.Trusted {
		f.add("trusted", "The client registered itself: people are always asked for consent. Register one of your own for an application that you trust.")
	}
	if i := slices.Index(c.Scopes, ScopeAdmin); i >= 0 {
		// Anybody can be such a client: whoever talks an administrator into signing in would administer.
		f.add(at("scopes", i), "The scope %q is not for clients that registered themselves.", ScopeAdmin)
	}
	if c.FromDocument() && len(c.Secrets) > 0 {
		f.add("secrets", "A client that is described by a document has no secret: everybody can read the document.")
	}
}
