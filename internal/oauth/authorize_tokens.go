package oauth

import (
	"context"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/mint"
)

// addTokens puts the tokens that the response type asks for into the answer (RFC 6749 §4.2.2, OpenID Connect Core §3.2.2.5, §3.3.2.5). None of
// them is a refresh token. The token endpoint makes its own of the same row, so iss and sub agree (OpenID Connect Core §3.3.3.6).
func (p *Provider) addTokens(ctx context.Context, a *authorizeRequest) error {
	t := a.ResponseType
	if !t.Front() {
		return nil
	}
	now := time.Now()
	if t.Token {
		scopes := p.fitting(a.Scopes, a.answer.Audience)
		access, life, err := p.minter.Access(ctx, mint.Order{Client: a.Client, Authorization: a.answer, Scopes: scopes, Details: a.Details}, now)
		if err != nil {
			return err
		}
		a.params.Set("access_token", access)
		a.params.Set("token_type", "Bearer")
		a.params.Set("expires_in", strconv.FormatInt(life, 10))
		a.params.Set("scope", strings.Join(scopes, " "))
	}
	if !t.IDToken {
		return nil
	}
	// OpenID Connect Core §3.2.2.10, §3.3.2.11: nonce, at_hash beside an access token, c_hash beside a code.
	id, err := p.minter.ID(ctx, mint.IDToken{
		Client: a.Client, Authorization: a.answer, Scopes: a.Scopes, Nonce: a.Nonce, AccessToken: a.params.Get("access_token"), Code: a.params.Get("code"),
		// OpenID Connect Core §5.4: what the scopes release is asked of UserInfo, unless no access token ever comes.
		Profile: t == idp.ResponseType{IDToken: true},
	}, now)
	if err != nil {
		return err
	}
	a.params.Set("id_token", id)
	return nil
}
