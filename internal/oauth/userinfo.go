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
	t, err := p.userInfoToken(w, r)
	if err != nil {
		p.answerBearerError(w, r, err)
		return
	}
	c := t.client
	set := claims.For(t.Scopes(), &t.authorization.Claims, &c.Contract)
	set.Add(t.authorization.Request.ClaimsInUserInfo, &t.authorization.Claims, c) // OpenID Connect Core §5.5
	set["sub"] = t.Subject
	p.writeUserInfo(w, r, c, set)
}

// userInfoToken finds and judges the access token of a request, the cheap checks first.
func (p *Provider) userInfoToken(w http.ResponseWriter, r *http.Request) (*userToken, error) {
	ctx, now := r.Context(), time.Now()
	presented, err := accessToken(w, r)
	if err != nil {
		return nil, err
	}
	t, err := p.readToken(ctx, presented.text, now)
	if err != nil {
		return nil, err
	}
	c, err := p.holding(ctx, t.ClientID)
	if err != nil {
		return nil, clientGone(err)
	}
	if err := p.checkHolder(w.Header(), r, presented, t, c, pathUserInfo, now); err != nil {
		return nil, err
	}
	u, err := p.userOf(ctx, t)
	if err != nil {
		return nil, err
	}
	// RFC 9068 §4: a token that is meant for other resources alone opens nothing here.
	if !t.HasAudience(p.Issuer) {
		return nil, invalidToken()
	}
	// OpenID Connect Core §5.3.1: nor does one from plain OAuth.
	if !slices.Contains(t.Scopes(), idp.ScopeOpenID) {
		return nil, &bearerError{status: http.StatusForbidden, code: idp.CodeInsufficientScope, description: "UserInfo needs the scope openid.", scope: idp.ScopeOpenID}
	}
	// RFC 9470 §3: a sign-in that is too old is told how fresh it must be. The authorization endpoint then asks for it with max_age.
	if most := int64(p.UserInfoMaxAge / time.Second); most > 0 && now.Unix()-t.AuthTime > most {
		return nil, &bearerError{
			status: http.StatusUnauthorized, code: idp.CodeInsufficientUserAuthentication, description: "A more recent sign-in is required.", maxAge: most,
		}
	}
	u.client = c
	return u, nil
}

// clientGone makes of "the client is unknown or disabled" that its tokens are no longer good.
func clientGone(err error) error {
	if idp.KindOf(err) == idp.NotFound {
		return invalidToken()
	}
	return err
}
