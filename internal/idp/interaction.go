package idp

import "time"

// InteractionKind says what the browser is in the middle of.
type InteractionKind string

// The kinds of interaction.
const (
	InteractionAuthorize InteractionKind = "authorize" // an authorization request waits for a person
	InteractionSignIn    InteractionKind = "sign_in"   // somebody opened the sign-in page with no application behind it
	InteractionLogout    InteractionKind = "logout"    // RP-initiated logout waits for "yes"
	InteractionDevice    InteractionKind = "device"    // somebody typed another device's code, and is to decide
	InteractionApprovals InteractionKind = "approvals" // somebody opened the page of requests that wait for them
)

// Interaction is a protocol request that waits for a person. Its parameters stay here, never in the browser; it is bound to the
// browser that began it and consumed in the statement that ends it.
type Interaction struct {
	ID            string
	Kind          InteractionKind
	BrowserDigest []byte // SHA-256 of the browser cookie
	ClientID      string
	Params        string // the request's parameters, form-encoded
	Steps         Steps
	TraceID       string
	CreatedAt     time.Time // when the request arrived; max_age is measured against it
	ExpiresAt     time.Time
}

// Steps records what the person has done in this interaction.
type Steps struct {
	LoginAt         *time.Time `json:"login_at,omitempty"`         // they proved who they are
	SelectedUserID  string     `json:"selected_user,omitempty"`    // they chose this account
	ConsentedScopes []string   `json:"consented,omitempty"`        // they allowed these scopes
	ConsentUserID   string     `json:"consent_user,omitempty"`     // who allowed them
	ConsentedDetail string     `json:"consented_detail,omitempty"` // and these authorization details, by their digest
	Denied          bool       `json:"denied,omitempty"`           // they said no
	Reason          string     `json:"reason,omitempty"`           // why the current step was asked for
	Contexts        []string   `json:"contexts,omitempty"`         // the sign-in was asked to be one of these
	PendingIdentity string     `json:"pending_identity,omitempty"` // an upstream identity waits for proof of the local account
}
