package oauth

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/oauth/mint"
)

// Administrator says who sends an admin request, by the access token in its Authorization header: Unauthenticated without a good
// token, Forbidden with one that does not reach.
func (p *Provider) Administrator(r *http.Request) (idp.Actor, error) {
	ctx, now := r.Context(), time.Now()
	denied := &idp.Error{Kind: idp.Unauthenticated, Code: "invalid_token", Message: "Send an access token of this server with the scope idp.admin in the Authorization header."}
	text, ok := bearerHeader(r)
	if !ok {
		return idp.Actor{}, denied
	}
	t, err := p.minter.ReadAccess(ctx, text, now)
	if errors.Is(err, mint.ErrNotOurs) {
		return idp.Actor{}, denied
	}
	if err != nil {
		return idp.Actor{}, err
	}
	narrow := &idp.Error{Kind: idp.Forbidden, Code: "insufficient_scope", Message: "The access token needs the scope idp.admin, and the person behind it the role admin."}
	// RFC 9068 §4: the token is meant for this server.
	if !t.HasAudience(p.Issuer) || !slices.Contains(t.Scopes(), idp.ScopeAdmin) {
		return idp.Actor{}, narrow
	}
	c, err := p.Clients.Get(ctx, t.ClientID)
	if err != nil || !slices.Contains(c.Scopes, idp.ScopeAdmin) {
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return idp.Actor{}, err
		}
		return idp.Actor{}, denied
	}
	if t.AuthorizationID() == "" {
		revoked, err := p.Store.AccessTokenRevoked(ctx, t.JTI)
		if err != nil {
			return idp.Actor{}, err
		}
		if revoked {
			return idp.Actor{}, denied
		}
		return idp.Actor{Kind: audit.ActorClient, ID: t.ClientID}, nil
	}
	u, err := p.userOf(ctx, text, now)
	if gone := (*bearerError)(nil); errors.As(err, &gone) {
		return idp.Actor{}, denied
	}
	if err != nil {
		return idp.Actor{}, err
	}
	// The role is asked of the user's row, not of the token: taking it away works at once.
	if !slices.Contains(u.authorization.Claims.Roles, idp.RoleAdmin) {
		return idp.Actor{}, narrow
	}
	return idp.Actor{Kind: audit.ActorUser, ID: t.Subject}, nil
}
