package mint

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/oauth/claims"
	"idp/internal/store"
)

// IDToken is what an ID token is made from.
type IDToken struct {
	Client        *idp.Client
	Authorization *store.AuthorizationUser
	Scopes        []string
	Nonce         string // empty in an answer to a refresh (OpenID Connect Core §12.2)
	AccessToken   string // that comes along; its hash goes in
	Code          string // that comes along; its hash goes in
	Profile       bool   // with what the scopes release about the person
}

// ID makes an ID token for its client (OpenID Connect Core §2, §3.1.3.6). What comes along from the same endpoint is tied to it by at_hash and c_hash
// (OpenID Connect Core §3.2.2.9, §3.3.2.11), so that neither can be exchanged for another on the way through the browser (RFC 9700 §4.5). For a
// client that is registered so it is encrypted to the client's key, signed first (OpenID Connect Core §10.2).
func (m *Minter) ID(ctx context.Context, t IDToken, now time.Time) (string, error) {
	c, a := t.Client, t.Authorization
	set := claims.Set{}
	if t.Profile {
		set = claims.For(t.Scopes, &a.Claims, &c.Contract)
	}
	set.Add(a.Request.ClaimsInIDToken, &a.Claims, c) // OpenID Connect Core §5.5
	if t.AccessToken != "" {
		hash, err := keys.HalfHash(c.Contract.IDTokenAlg, t.AccessToken)
		if err != nil {
			return "", err
		}
		set["at_hash"] = hash
	}
	if t.Code != "" {
		hash, err := keys.HalfHash(c.Contract.IDTokenAlg, t.Code)
		if err != nil {
			return "", err
		}
		set["c_hash"] = hash
	}
	// Times are rounded down: social-core refuses an iat in the future (RP-6).
	// OpenID Connect Core §8: the user's id is the public sub; it is the same for every client, and never given again.
	set["iss"], set["sub"], set["aud"] = m.Issuer, m.Subjects.Of(c, a.UserID), c.ID
	// CIBA §7.1: what the client may name the person by later must lead back to them.
	if c.Pairwise() && c.NamesPeople() {
		if err := m.Store.KeepPairwiseSubject(ctx, m.Subjects.Of(c, a.UserID), a.UserID); err != nil {
			return "", fmt.Errorf("keep a pairwise subject: %w", err)
		}
	}
	set["iat"], set["exp"] = now.Unix(), now.Unix()+int64(c.Contract.IDTokenTTL)
	set["auth_time"] = a.AuthTime.Unix()
	for name, value := range map[string]string{"nonce": t.Nonce, "acr": m.acr(a.Authorization)} {
		if value != "" {
			set[name] = value
		}
	}
	// Back-Channel Logout 1.0 §2.1, Front-Channel Logout 1.0 §3: the session's name is for who will hear of its end.
	if sid := m.Subjects.SessionOf(c, a.SessionID); sid != "" && c.HearsOfLogout() {
		set["sid"] = sid
	}
	if len(a.AMR) > 0 {
		set["amr"] = a.AMR
	}
	if c.ExchangeIDTokens { // so that it ends with its authorization, wherever it comes back to be exchanged
		set["jti"] = a.ID + "." + rand.Text()
	}
	payload, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("encode ID token: %w", err)
	}
	signed, err := m.Keys.Sign(c.Contract.IDTokenAlg, keys.TypeIDToken, payload)
	if err != nil || c.IDTokenEncryptedAlg == "" {
		return signed, err
	}
	return m.encrypt(ctx, c, c.IDTokenEncryptedAlg, c.IDTokenEncryptedEnc, nested, []byte(signed))
}

// ReadExchangeable reads an ID token that its client got to exchange it (RFC 8693 §3), as the access token that it is worth: whose it is, of which
// authorization and until when. Unlike a hint it must not have expired. Its scopes are the authorization's, which is for the caller to find.
func (m *Minter) ReadExchangeable(text string, now time.Time) (*AccessToken, error) {
	v, ok := m.Keys.Verify(text, keys.TypeIDToken)
	if !ok {
		return nil, ErrNotOurs
	}
	t := new(AccessToken)
	if err := json.Unmarshal(v.Payload, t); err != nil || t.Issuer != m.Issuer || now.Unix() >= t.Expires || len(t.Audience) != 1 || t.AuthorizationID() == "" {
		return nil, ErrNotOurs
	}
	return &AccessToken{
		Issuer: t.Issuer, Subject: t.Subject, Audience: t.Audience, Expires: t.Expires, IssuedAt: t.IssuedAt, JTI: t.JTI, ClientID: t.Audience[0],
		AuthTime: t.AuthTime, ACR: t.ACR, AMR: t.AMR,
	}, nil
}

// Hint is what an ID token that comes back as id_token_hint says.
type Hint struct {
	Subject   string // what the user is called at the client: subject.Names tells whether somebody is
	SessionID string // what the session is called there; empty where ID tokens do not say it
	ClientID  string
}

// ReadHint reads an ID token of ours that somebody sends back. It may have expired (RP-Initiated Logout 1.0 §4), it may have been
// signed with any published key, but it must be an ID token and this issuer's.
func (m *Minter) ReadHint(text string) (*Hint, bool) {
	if strings.Count(text, ".") == 4 {
		// OpenID Connect Core §3.1.2.1, RP-Initiated Logout 1.0 §2: one that was encrypted to the client comes back decrypted, or encrypted anew to a key of ours.
		signed, err := m.Keys.Decrypt(text)
		if err != nil {
			return nil, false
		}
		text = string(signed)
	}
	v, ok := m.Keys.Verify(text, keys.TypeIDToken)
	if !ok {
		return nil, false
	}
	var t struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Session  string   `json:"sid"`
		Audience audience `json:"aud"`
		IssuedAt int64    `json:"iat"`
	}
	if err := json.Unmarshal(v.Payload, &t); err != nil || t.Issuer != m.Issuer || t.Subject == "" || len(t.Audience) != 1 || slices.Contains(t.Audience, "") {
		return nil, false
	}
	return &Hint{Subject: t.Subject, SessionID: t.Session, ClientID: t.Audience[0]}, true
}
