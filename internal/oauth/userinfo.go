package oauth

import (
	"net/http"
	"slices"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/claims"
)

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3): what the token's scopes release of its user today.
func (p *Provider) UserInfo(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead {
		methodNotAllowed(w, http.MethodGet, http.MethodPost)
		return
	}
	token, err := bearerToken(w, r)
	if err != nil {
		p.answerBearerError(w, r, err)
		return
	}
	t, err := p.userOf(r.Context(), token, time.Now())
	if err != nil {
		p.answerBearerError(w, r, err)
		return
	}
	// RFC 9068 §4: a token that is meant for other resources alone opens nothing here.
	if !t.HasAudience(p.Issuer) {
		p.answerBearerError(w, r, invalidToken())
		return
	}
	// OpenID Connect Core §5.3.1: nor does one from plain OAuth.
	if !slices.Contains(t.Scopes(), idp.ScopeOpenID) {
		p.answerBearerError(w, r, &bearerError{status: http.StatusForbidden, code: "insufficient_scope", description: "UserInfo needs the scope openid.", scope: idp.ScopeOpenID})
		return
	}
	c, err := p.Clients.Get(r.Context(), t.ClientID)
	if err != nil {
		p.answerBearerError(w, r, clientGone(err))
		return
	}
	set := claims.For(t.Scopes(), &t.authorization.Claims, &c.Contract)
	set["sub"] = t.Subject
	writeJSON(w, http.StatusOK, set)
}

// clientGone makes of "the client is unknown or disabled" that its tokens are no longer good.
func clientGone(err error) error {
	if idp.KindOf(err) == idp.NotFound {
		return invalidToken()
	}
	return err
}
