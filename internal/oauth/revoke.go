package oauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
)

// Revoke is the revocation endpoint (RFC 7009 §2). An unknown token, and one of another client, are answered with 200 like a
// success, and nothing happens to them (RFC 7009 §2.2); a database that is away is not a success (D8, RFC 7009 §2.2.1).
func (p *Provider) Revoke(w http.ResponseWriter, r *http.Request) {
	client, token, now, ok := p.aboutToken(w, r, "revoke")
	if !ok {
		return
	}
	if err := p.revoke(r.Context(), client, token, now); err != nil && !errors.Is(err, idp.ErrNotFound) {
		p.answerError(w, r, err, "")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// revoke stops a token of the client. A refresh token, spent or not, takes its whole authorization with it (RFC 7009 §2.1), an
// access token only itself.
func (p *Provider) revoke(ctx context.Context, c *idp.Client, text string, now time.Time) error {
	if t, ok := p.Keyring.ParseToken(secret.TokenRefresh, text); ok {
		return p.Store.RevokeAuthorization(ctx, t.ID, c.ID, now)
	}
	t, err := p.minter.ReadAccess(ctx, text, now)
	if errors.Is(err, mint.ErrNotOurs) {
		return nil
	}
	if err != nil {
		return err
	}
	if t.ClientID != c.ID {
		return nil
	}
	return p.Store.RevokeAccessToken(ctx, t.JTI, time.Unix(t.Expires, 0))
}
