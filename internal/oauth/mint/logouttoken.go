package mint

import (
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

// Logout makes the token that tells a client that a session has ended, which the client knows as sid (Back-Channel Logout 1.0 §2.4):
// signed as its ID tokens are (§2.6), but of a type of its own, and never with a nonce, so that nobody takes one for the other.
func (m *Minter) Logout(c *idp.Client, userID, sid string, now time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"iss": m.Issuer, "sub": m.Subjects.Of(c, userID), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(logoutTokenTTL).Unix(), "jti": rand.Text(),
		"sid": m.Subjects.SessionOf(c, sid), "events": map[string]any{eventLogout: struct{}{}},
	})
	if err != nil {
		return "", fmt.Errorf("encode logout token: %w", err)
	}
	return m.Keys.Sign(c.Contract.IDTokenAlg, keys.TypeLogoutToken, payload)
}
