package grant

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/trace"
)

// Session is what one token request carries through fosite's pipeline: the facts that the endpoint established, and what a
// grant's Handle found for its Populate. It is never stored.
type Session struct {
	Now    time.Time
	Trace  *trace.T
	Client *idp.Client
	Proof  Proof // of the key that the tokens are bound to

	Authorization *store.AuthorizationUser // nil for a client's own token
	Scopes        []string                 // of the access token
	Details       json.RawMessage          // authorization details of the tokens; nil for none
	// StillServed returns those of a client's granted resources that it may still have tokens for; nil where all are.
	StillServed func(c *idp.Client, granted []string) []string
	// Fitting returns those of the scopes that a token for an audience may hold; nil where all may.
	Fitting func(scopes, audience []string) []string

	Resources    []string // that the access token is for; nil for all that was granted
	RefreshToken string   // to be handed out, empty if none
	Nonce        string   // for the ID token

	exchange *exchanged // of a token that is exchanged for another
}

// The rest makes Session a fosite.Session. Expiry is decided by the store's statements, so nothing is kept here.

// SetExpiresAt does nothing.
func (s *Session) SetExpiresAt(fosite.TokenType, time.Time) {}

// GetExpiresAt returns the zero time.
func (s *Session) GetExpiresAt(fosite.TokenType) time.Time { return time.Time{} }

// GetUsername returns nothing.
func (s *Session) GetUsername() string { return "" }

// GetSubject returns the user's id, empty for a client's own token.
func (s *Session) GetSubject() string {
	if s.Authorization != nil {
		return s.Authorization.UserID
	}
	return ""
}

// Clone returns s: a request's session has one owner.
func (s *Session) Clone() fosite.Session { return s }

// chosenByName answers what fosite asks a handler before it hands it a request. The endpoint has chosen the one handler by the grant's name, so there is
// nothing to claim; and every client, also a public one, must say who it is (RFC 6749 §3.2.1, §4.1.3, RFC 8628 §3.4).
type chosenByName struct{}

// CanHandleTokenEndpointRequest is true.
func (chosenByName) CanHandleTokenEndpointRequest(context.Context, fosite.AccessRequester) bool {
	return true
}

// CanSkipClientAuth is false.
func (chosenByName) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// sessionOf returns our session of a request.
func sessionOf(r fosite.AccessRequester) *Session {
	s, ok := r.GetSession().(*Session)
	if !ok {
		panic("token request without our session") // provider.go gives every request one
	}
	return s
}
