package idp

import (
	"encoding/json"
	"time"
)

// PendingKind says by which protocol an authorization is asked for that a person decides on another device.
type PendingKind string

// The kinds of pending authorization.
const (
	PendingDevice      PendingKind = "device" // RFC 8628: the person types a code
	PendingBackchannel PendingKind = "ciba"   // OpenID Connect CIBA: the client says whom to ask
)

// PendingState says how far a pending authorization is. The authorization that a redeemed one became has its id.
type PendingState string

// The states of a pending authorization.
const (
	PendingOpen     PendingState = "pending"
	PendingApproved PendingState = "approved"
	PendingDenied   PendingState = "denied"
	PendingRedeemed PendingState = "redeemed"
)

// PendingAuthorization is what one device asked for and a person decides on at another one, while the client polls. Only digests of
// its device_code (or auth_req_id) and its user code are stored.
type PendingAuthorization struct {
	ID        string
	Kind      PendingKind
	ClientID  string
	Scopes    []string
	Audience  []string
	Request   PendingRequest
	State     PendingState
	UserID    string // who is asked (CIBA), or who decided; empty before
	Address   string // what counts as one address (Line), for the bound on how many wait
	Interval  time.Duration
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PendingRequest is what the person is told of the request, and what the tokens need to know of it.
type PendingRequest struct {
	Address        string   `json:"address,omitempty"`    // of the device
	UserAgent      string   `json:"user_agent,omitempty"` // of the device
	TraceID        string   `json:"trace,omitempty"`
	BindingMessage string   `json:"binding_message,omitempty"`
	ACRValues      []string `json:"acr_values,omitempty"`
	// Details are authorization_details in one spelling (RFC 9396). What is asked for beside them, scopes and resources, has columns of its own.
	Details json.RawMessage `json:"details,omitempty"`
}
