package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/oauth/mint"
)

// Administrator says who sends an admin request, by the access token in its Authorization header: Unauthenticated without a good
// token, Forbidden with one that does not reach. The challenge goes into the header of the answer, which is about to be a refusal then.
func (p *Provider) Administrator(answer http.Header, r *http.Request) (idp.Actor, error) {
	ctx, now := r.Context(), time.Now()
	denied := &idp.Error{Kind: idp.Unauthenticated, Code: idp.CodeInvalidToken, Message: "Send an access token of this server with the scope idp.admin in the Authorization header."}
	presented, ok := tokenHeader(r)
	if !ok {
		return idp.Actor{}, denied
	}
	t, err := p.minter.ReadAccess(ctx, presented.text, now)
	if errors.Is(err, mint.ErrNotOurs) {
		return idp.Actor{}, denied
	}
	if err != nil {
		return idp.Actor{}, err
	}
	narrow := &idp.Error{Kind: idp.Forbidden, Code: idp.CodeInsufficientScope, Message: "The access token needs the scope idp.admin, and the person behind it the role admin."}
	// RFC 9068 §4: the token is meant for this server.
	if !t.HasAudience(p.Issuer) || !slices.Contains(t.Scopes(), idp.ScopeAdmin) {
		return idp.Actor{}, narrow
	}
	c, err := p.holding(ctx, t.ClientID)
	if err != nil || !slices.Contains(c.Scopes, idp.ScopeAdmin) {
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return idp.Actor{}, err
		}
		return idp.Actor{}, denied
	}
	if err := p.checkHolder(answer, r, presented, t, c, strings.TrimPrefix(r.URL.EscapedPath(), p.base), now); err != nil {
		if b := (*bearerError)(nil); errors.As(err, &b) {
			p.challenge(answer, b)
			return idp.Actor{}, &idp.Error{Kind: idp.Unauthenticated, Code: b.code, Message: b.description}
		}
		return idp.Actor{}, err
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
	u, err := p.userOf(ctx, t)
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
	return idp.Actor{Kind: audit.ActorUser, ID: u.authorization.UserID}, nil
}
