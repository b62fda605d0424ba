package idp

import (
	"encoding/json"
	"time"
)

// Authorization is one answer to one authorization request: the code that a client was given, and every token that followed
// from it. It is the family that dies when a code or a refresh token is used twice, the row that UserInfo and
// introspection look at, and fosite's request id. Its codes and refresh tokens carry its id; only digests are stored.
type Authorization struct {
	ID              string
	ClientID        string
	UserID          string
	SessionID       string
	Offline         bool // outlives the session (offline_access)
	Refreshable     bool // comes with a refresh token
	Scopes          []string
	Audience        []string
	RedirectURI     string
	RedirectOmitted bool   // the request named none, and the client has just one
	CodeChallenge   string // PKCE, S256; empty if the request had none
	Request         CodeRequest
	AuthTime        time.Time
	AMR             []string
	Contexts        []string // of the session (Session.Contexts); AuthenticationContexts.Of says what the acr is
	IssuedAt        time.Time
	CodeExpires     time.Time
	CodeUsedAt      *time.Time
	BoundKey        string // thumbprint of the key that its tokens are bound to
	RevokedAt       *time.Time
	ExpiresAt       time.Time // after this the row is of no use and is purged
}

// CodeRequest is the rest of what the token endpoint must know of the authorization request.
type CodeRequest struct {
	Nonce   string `json:"nonce,omitempty"`
	TraceID string `json:"trace,omitempty"` // of the authorization request, so that the two traces can be read together

	ClaimsInIDToken  []string `json:"claims_id_token,omitempty"` // asked for by name (OpenID Connect Core §5.5)
	ClaimsInUserInfo []string `json:"claims_userinfo,omitempty"`

	ACRValues []string `json:"acr_values,omitempty"` // asked for, and known here, in the order of preference

	Details json.RawMessage `json:"details,omitempty"` // authorization_details in one spelling (RFC 9396)
}
