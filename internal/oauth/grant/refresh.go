package grant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/ory/fosite"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
	"idp/internal/store"
)

// Refresh is the refresh token grant with rotation (RFC 6749 §6, RFC 9700 §4.14).
type Refresh struct {
	chosenByName

	Store   *store.Store
	Keyring *secret.Keyring
	Minter  *mint.Minter
	Audit   *audit.Log
}

var _ fosite.TokenEndpointHandler = (*Refresh)(nil)

// HandleTokenEndpointRequest rotates the refresh token: one statement checks it, marks it and installs its successor. A token
// that comes again inside the client's grace window gets the same successor.
func (g *Refresh) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s, form := sessionOf(r), r.GetRequestForm()
	presented := form.Get("refresh_token")
	if presented == "" {
		return s.missing("refresh_token", "RFC 6749 §6")
	}
	old, ok := g.Keyring.ParseToken(secret.TokenRefresh, presented)
	if !ok {
		s.Trace.Fail(idp.Check{
			Name: "refresh token is one of ours", Expected: "a refresh token of this server, unchanged", Received: "another text",
			Mend: "Store the refresh token whole; if it is from another server, sign in again.", Clause: "RFC 6749 §6",
		})
		return refuse(idp.CodeInvalidGrant, "The refresh token is not valid.")
	}
	if err := s.spendProof(ctx); err != nil {
		return err
	}
	// OpenID Connect Core §12.1: the client that authenticated, in the statement itself. RFC 9700 §2.2.2: rotation, for public clients always.
	contract := &s.Client.Contract
	next := g.Keyring.NewToken(secret.TokenRefresh, old.ID)
	rotation := store.Rotation{
		ID: old.ID, Old: old.Digest, ClientID: s.Client.ID, New: next.Digest, Sealed: secret.SealSuccessor(presented, next.Text),
		Idle: s.Now.Add(contract.RefreshIdle.Duration()), Grace: contract.RefreshGrace.Duration(),
		Static: contract.RefreshMode == idp.RefreshStatic, Key: s.Proof.refreshKey(), BindTo: s.bindTo(),
		// Whose resources the operator can take back, and nobody else, may find that there is nothing left to have a token for.
		NoAudience: s.Client.Registered() || s.Client.FromDocument(),
	}
	asked := scopesOf(form)
	if len(asked) > 0 || form.Has("resource") || form.Has("authorization_details") {
		if err := g.narrow(ctx, s, form, old.ID, asked); err != nil {
			return err
		}
		rotation.NoAudience = false
	}
	v, err := g.Store.RotateRefreshToken(ctx, rotation, s.Now)
	if errors.Is(err, idp.ErrNotFound) && rotation.NoAudience {
		if err := g.narrow(ctx, s, form, old.ID, asked); err != nil {
			return err
		}
		rotation.NoAudience = false
		v, err = g.Store.RotateRefreshToken(ctx, rotation, s.Now)
	}
	if errors.Is(err, idp.ErrNotFound) {
		return g.explain(ctx, s, rotation)
	}
	if err != nil {
		return err
	}
	switch {
	case rotation.Static:
		s.RefreshToken = presented
	case bytes.Equal(v.Sealed, rotation.Sealed): // the usual case: nobody was here before
		s.RefreshToken = next.Text
	default:
		if s.RefreshToken, err = secret.OpenSuccessor(presented, v.Sealed); err != nil {
			return fmt.Errorf("open the successor of a refresh token: %w", err)
		}
	}
	if err := s.dropWithdrawn(v.Authorization); err != nil {
		return err
	}
	s.Authorization, s.Scopes = v.AuthorizationUser, stillAllowed(v.Scopes, s.Client)
	if len(asked) > 0 {
		s.Scopes = asked
	}
	if s.Details == nil {
		s.Details = v.Request.Details
	}
	s.Trace.Pass("refresh token")
	return nil
}

// narrow judges a request for less than was granted: scopes, resources and details, none of which may be more; and whether there is still something to have
// tokens for. Of a token that is not the client's, or not good any more, it says nothing: the rotation refuses that. What it refuses costs the client no
// refresh token (D4, RFC 6749 §6, RFC 8707 §2.2).
func (g *Refresh) narrow(ctx context.Context, s *Session, form url.Values, id string, asked []string) error {
	was, _, err := g.Store.AuthorizationNow(ctx, id, "")
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	if was == nil || was.ClientID != s.Client.ID || was.RevokedAt != nil {
		return nil
	}
	allowed := stillAllowed(was.Scopes, s.Client)
	if bad := slices.IndexFunc(asked, func(scope string) bool { return !slices.Contains(allowed, scope) }); bad >= 0 {
		s.Trace.Fail(idp.Check{
			Name: "scope was granted", Expected: "scopes of the authorization, or fewer", Received: asked[bad],
			Mend: "Leave scope out of the refresh request, or start a new authorization for more.", Clause: "RFC 6749 §6",
		})
		return refuse(idp.CodeInvalidScope, "The scope asks for more than was granted.")
	}
	if s.Resources, err = s.resourcesOfGrant(form, was.Audience); err != nil {
		return err
	}
	if s.Details, err = s.detailsOf(form, was.Request.Details); err != nil {
		return err
	}
	return s.dropWithdrawn(was.Authorization)
}

// explain finds out why nothing was rotated. A spent token revokes its family and is told in the audit log.
func (g *Refresh) explain(ctx context.Context, s *Session, r store.Rotation) error {
	refused := refuse(idp.CodeInvalidGrant, "The refresh token is unknown, expired, revoked, was used before, or belongs to another client.")
	var f *store.RefreshFailure
	err := g.Store.InTx(ctx, func(ctx context.Context) (err error) {
		if f, err = g.Store.FailRefresh(ctx, r, s.Now); err != nil || !f.Reused {
			return err
		}
		return g.Audit.Write(ctx, audit.Event{Type: audit.RefreshReuse, ActorKind: audit.ActorClient, ActorID: s.Client.ID, UserID: f.UserID, ClientID: f.ClientID, SessionID: f.SessionID})
	})
	if errors.Is(err, idp.ErrNotFound) {
		s.Trace.Fail(idp.Check{Name: "refresh token is known", Expected: "a living authorization", Received: "one whose record is gone", Mend: "Sign in again."})
		return refused
	}
	if err != nil {
		return err
	}
	c := idp.Check{Clause: "RFC 6749 §6", Mend: "Sign in again."}
	switch {
	case f.ClientID != s.Client.ID:
		c.Name, c.Expected, c.Received = "refresh token belongs to the client", f.ClientID, s.Client.ID
		c.Mend = "Use the refresh token with the client that got it."
	case f.Reused:
		c.Name, c.Expected, c.Received = "refresh token is used for the first time", "the newest refresh token", "one that was spent before, outside the grace window"
		c.Mend, c.Clause = "Store the new refresh token of every answer, in one place for all workers. All tokens of this sign-in have been revoked, because one of the two that used it may be a thief.", "RFC 9700 §4.14.2"
	case f.RevokedAt != nil:
		c.Name, c.Expected, c.Received = "authorization stands", "not revoked", "revoked at "+f.RevokedAt.Format("2006-01-02 15:04:05Z07:00")
	case f.BoundKey != "" && f.BoundKey != r.Key:
		c.Name, c.Expected, c.Received = "request is by the key that the refresh token is bound to", f.BoundKey, orNone(r.Key)
		c.Mend, c.Clause = "Refresh with the key, or the certificate, that the first token request had.", "RFC 9449 §5"
	case f.IdleExpired || !s.Now.Before(f.ExpiresAt):
		c.Name, c.Expected, c.Received = "refresh token is fresh", "used within the client's limits", "idle for too long, or older than the client's refresh_max"
	case f.UserState != idp.UserActive:
		c.Name, c.Expected, c.Received = "user may sign in", "an active account", string(f.UserState)
		c.Mend = "`idp user enable " + f.UserID + "`, if this person should have access."
	case f.SessionOver:
		c.Name, c.Expected, c.Received = "session lives", "the session that the token is not to outlive", "a session that has ended or expired"
		c.Mend = "Sign in again; with end_with_session off, offline_access outlives the session."
	default:
		c.Name, c.Expected, c.Received = "refresh token stands", "usable", "changed by another request at the same moment"
	}
	s.Trace.Fail(c)
	return refused
}

// PopulateTokenEndpointResponse makes the tokens. The ID token of a refresh has no nonce (OpenID Connect Core §12.2).
func (g *Refresh) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	return populateForUser(ctx, g.Minter, sessionOf(r), resp)
}
