package idp

import "time"

// Authorization is one answer to one authorization request: the code that a client was given, and every token that followed
// from it. It is the family that dies when a code or a refresh token is used twice, the row that UserInfo and
// introspection look at, and fosite's request id. Its codes and refresh tokens carry its id; only digests are stored.
type Authorization struct {
	ID          string
	ClientID    string
	UserID      string
	SessionID   string // empty once the session is gone, or when offline access outlives it
	Scopes      []string
	Audience    []string
	RedirectURI string
	Request     CodeRequest // what the token endpoint must know of the authorization request; dropped once the code is spent
	AuthTime    time.Time
	AMR         []string
	ACR         string
	IssuedAt    time.Time
	CodeExpires time.Time
	CodeUsedAt  *time.Time
	ExpiresAt   time.Time // after this the row is of no use and is purged
	RevokedAt   *time.Time
}

// CodeRequest is the part of the authorization request that waits in the code's row.
type CodeRequest struct {
	Nonce               string `json:"nonce,omitempty"`
	CodeChallenge       string `json:"code_challenge,omitempty"` // S256 only
	RedirectURIOmitted  bool   `json:"redirect_uri_omitted,omitempty"`
	ScopeOmitted        bool   `json:"scope_omitted,omitempty"`
	RequestedAuthTime   bool   `json:"auth_time,omitempty"`
	ClaimsParameter     string `json:"claims,omitempty"`
	AuthorizationTrace  string `json:"trace,omitempty"`
	RequestedAtUnixNano int64  `json:"at,omitempty"`
}
