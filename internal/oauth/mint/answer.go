package mint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
)

// answerLife is how long a signed answer may be believed: a browser delivers it at once, and clocks differ (JARM §2.1: ten minutes at most).
const answerLife = 5 * time.Minute

// Answer makes the JWT of an authorization response (JARM §2.1, §2.2): its parameters, who says so, to whom, and until when. It has no sub, and so is
// no ID token to anybody who looks. For a client that is registered so it is encrypted to the client's key, signed first.
func (m *Minter) Answer(ctx context.Context, c *idp.Client, params url.Values, now time.Time) (string, error) {
	set := make(map[string]any, len(params)+3)
	for name := range params {
		set[name] = params.Get(name)
	}
	set["iss"], set["aud"], set["exp"] = m.Issuer, c.ID, now.Add(answerLife).Unix()
	payload, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("encode answer: %w", err)
	}
	signed, err := m.Keys.Sign(c.AnswerAlg(), keys.TypeIDToken, payload)
	if err != nil || c.AnswerEncryptedAlg == "" {
		return signed, err
	}
	return m.encrypt(ctx, c, c.AnswerEncryptedAlg, c.AnswerEncryptedEnc, nested, []byte(signed))
}
