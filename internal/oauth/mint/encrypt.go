package mint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/oauth/claims"
)

// nested says in the header of a JWE that a signed JWT is inside (RFC 7519 §5.2).
const nested jose.ContentType = "JWT"

// encrypt makes a JWE in its compact form for a client (RFC 7516 §3.1), with the key that it registered for alg. cty is empty where what is
// inside is not signed.
func (m *Minter) encrypt(ctx context.Context, c *idp.Client, alg, enc string, cty jose.ContentType, content []byte) (string, error) {
	key, err := m.ClientKeys.EncryptionKey(ctx, c, alg)
	if errors.Is(err, clientkeys.ErrNoKeys) {
		return "", &idp.Error{Kind: idp.Invalid, Code: "client_keys_unusable", Field: "jwks", Err: err, Message: "The answer is to be encrypted with " + alg + ", and the client's keys have none for it, or cannot be read. Mend the client's jwks or jwks_uri."}
	}
	if err != nil {
		return "", err
	}
	options := &jose.EncrypterOptions{}
	if cty != "" {
		options = options.WithContentType(cty)
	}
	e, err := jose.NewEncrypter(jose.ContentEncryption(enc), jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Key, KeyID: key.KeyID}, options)
	if err != nil {
		return "", fmt.Errorf("encrypt to client %s with %s and %s: %w", c.ID, alg, enc, err)
	}
	sealed, err := e.Encrypt(content)
	if err != nil {
		return "", fmt.Errorf("encrypt to client %s with %s and %s: %w", c.ID, alg, enc, err)
	}
	return sealed.CompactSerialize()
}

// UserInfo makes the UserInfo answer of a client that is registered for a JWT (OpenID Connect Core §5.3.2): signed, encrypted, or signed and
// then encrypted. iss and aud say whose it is and for whom.
func (m *Minter) UserInfo(ctx context.Context, c *idp.Client, set claims.Set) (string, error) {
	set["iss"], set["aud"] = m.Issuer, c.ID
	text, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("encode UserInfo: %w", err)
	}
	var cty jose.ContentType
	if c.UserInfoSignedAlg != "" {
		signed, err := m.Keys.Sign(c.UserInfoSignedAlg, keys.TypeUserInfo, text)
		if err != nil || c.UserInfoEncryptedAlg == "" {
			return signed, err
		}
		text, cty = []byte(signed), nested
	}
	return m.encrypt(ctx, c, c.UserInfoEncryptedAlg, c.UserInfoEncryptedEnc, cty, text)
}

// Introspection makes the JWT of an introspection answer for the resource server that asked (RFC 9701 §5). It has neither sub nor exp of its
// own, so that nobody takes it for a token (RFC 9701 §8.1).
func (m *Minter) Introspection(ctx context.Context, caller *idp.Client, answer any, now time.Time) (string, error) {
	payload, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		IssuedAt int64  `json:"iat"`
		Answer   any    `json:"token_introspection"`
	}{m.Issuer, caller.ID, now.Unix(), answer})
	if err != nil {
		return "", fmt.Errorf("encode introspection: %w", err)
	}
	alg := caller.IntrospectionSignedAlg
	if alg == "" {
		alg = keys.RS256 // RFC 9701 §6
	}
	signed, err := m.Keys.Sign(alg, keys.TypeIntrospected, payload)
	if err != nil || caller.IntrospectionEncryptedAlg == "" {
		return signed, err
	}
	return m.encrypt(ctx, caller, caller.IntrospectionEncryptedAlg, caller.IntrospectionEncryptedEnc, nested, []byte(signed))
}
