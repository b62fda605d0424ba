package idp

import "time"

// PushedRequest is an authorization request that a client sent to us before it sent the browser (RFC 9126). Its request_uri carries
// its id; only the digest is stored.
type PushedRequest struct {
	ID        string // also that of the authorization that follows from it
	ClientID  string
	Params    string // the request's parameters, checked, form-encoded
	CreatedAt time.Time
	ExpiresAt time.Time
	Used      bool // an authorization followed from it
}
