package grant

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/oauth/mint"
)

// populateForUser fills the answer with what follows from an authorization: access token, refresh token, ID token.
func populateForUser(ctx context.Context, m *mint.Minter, s *Session, resp fosite.AccessResponder) error {
	access, err := issueAccess(ctx, m, s, resp)
	if err != nil {
		return err
	}
	if s.RefreshToken != "" {
		resp.SetExtra("refresh_token", s.RefreshToken)
	}
	resp.SetExtra("scope", strings.Join(s.Scopes, " "))
	// OpenID Connect Core §3.1.3.3: an ID token comes along if openid was granted, and only then.
	if !slices.Contains(s.Scopes, idp.ScopeOpenID) {
		return nil
	}
	id, err := m.ID(ctx, mint.IDToken{
		Client: s.Client, Authorization: s.Authorization, Scopes: s.Scopes, Nonce: s.Nonce, AccessToken: access,
		Profile: s.Client.Contract.ClaimsInIDToken, // RP-7
	}, s.Now)
	if err != nil {
		return err
	}
	resp.SetExtra("id_token", id)
	return nil
}

// stillAllowed leaves out what the client may not have any more: an operator who takes a scope away means the tokens to come too,
// and not only the next authorization (RFC 6749 §6 lets the scope become narrower, and the answer tells it).
func stillAllowed(granted []string, c *idp.Client) []string {
	return slices.DeleteFunc(slices.Clone(granted), func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
}

// scopesOf returns the scopes that a request asks for, each once.
func scopesOf(form url.Values) []string {
	var scopes []string
	for _, scope := range strings.Fields(form.Get("scope")) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
