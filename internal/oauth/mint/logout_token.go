package mint

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
)

// logoutTokenTTL is how long a logout token is good: the application reads it at once (Back-Channel Logout 1.0 §4: two minutes at most).
const logoutTokenTTL = 2 * time.Minute

// eventLogout says in a security event token what happened (Back-Channel Logout 1.0 §2.4).
const eventLogout = "http://schemas.openid.net/event/backchannel-logout"

// Logout makes the token that tells a client that a session has ended (Back-Channel Logout 1.0 §2.4): signed, and encrypted, as its ID
// tokens are, but of a type of its own, and never with a nonce, so that nobody takes one for the other. Person and session are
// called as in the client's ID tokens.
func (m *Minter) Logout(ctx context.Context, c *idp.Client, userID, sessionID string, now time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"iss": m.Issuer, "sub": m.Subjects.Of(c, userID), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(logoutTokenTTL).Unix(), "jti": rand.Text(),
		"sid": m.Subjects.SessionOf(c, sessionID), "events": map[string]any{eventLogout: struct{}{}},
	})
	if err != nil {
		return "", fmt.Errorf("encode logout token: %w", err)
	}
	signed, err := m.Keys.Sign(c.Contract.IDTokenAlg, keys.TypeLogoutToken, payload)
	if err != nil || c.IDTokenEncryptedAlg == "" {
		return signed, err
	}
	return m.encrypt(ctx, c, c.IDTokenEncryptedAlg, c.IDTokenEncryptedEnc, nested, []byte(signed))
}
