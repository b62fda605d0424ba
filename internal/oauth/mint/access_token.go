package mint

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/subject"
)

// Config is what a Minter needs.
type Config struct {
	Issuer     string
	Keys       *keys.Manager
	Keyring    *secret.Keyring
	Store      *store.Store
	Subjects   *subject.Names
	ClientKeys *clientkeys.Keys // to encrypt to
	Contexts   idp.AuthenticationContexts
}

// Minter makes and reads tokens. Safe for concurrent use.
type Minter struct {
	Config
	seen *verified
}

// New returns a minter.
func New(c Config) *Minter { return &Minter{Config: c, seen: newVerified()} }

// audience is one string where there is one value: client libraries refuse two (RP-6), and one is what RFC 9068 shows.
type audience []string

// MarshalJSON writes one value as a string.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// AccessToken is the content of an access token (RFC 9068 §2.2). Roles are not in it: they would double in every answer, and go
// stale in the token's life; UserInfo and introspection tell them fresh.
type AccessToken struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	JTI      string   `json:"jti"` // "<authorization id>.<random>", or "<random>" for a client's own token
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`

	Details json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396 §9.1

	Confirmation *Confirmation `json:"cnf,omitempty"` // RFC 9449 §6.1, RFC 8705 §3.1; nil: a bearer token

	Actor  *Actor `json:"act,omitempty"`     // RFC 8693 §4.1: who acts for the subject
	MayAct *Actor `json:"may_act,omitempty"` // RFC 8693 §4.4
}

// Actor is who acts, and through whom.
type Actor struct {
	Subject string `json:"sub"`
	Actor   *Actor `json:"act,omitempty"`
}

// Confirmation is cnf (RFC 7800 §3.1): what the holder of a token proves to have. Shared by whoever reads the token: nobody changes it.
type Confirmation struct {
	JKT  string `json:"jkt,omitempty"`      // RFC 9449 §6.1: thumbprint of the key of DPoP proofs
	X5TS string `json:"x5t#S256,omitempty"` // RFC 8705 §3.1: thumbprint of the client's certificate
}

// Order says what an access token is to hold.
type Order struct {
	Client        *idp.Client
	Authorization *store.AuthorizationUser // whose user the client acts for; nil for a client's own token
	Scopes        []string                 // those of this token, which may be fewer than the authorization's (RFC 9068 §2.2.3)
	Resources     []string                 // that it is for, of those that were granted (RFC 8707 §2.2); nil for all
	Details       json.RawMessage          // authorization details of this token; nil for none
	Confirmation  *Confirmation            // what its holder has to prove; nil for a bearer token

	// Of a token that was exchanged for another:
	Audience []string  // in place of the usual one
	Actor    *Actor    // who acts for the user
	Until    time.Time // that it must not outlive; zero for no such bound
}

// acr returns what the tokens of an authorization call its sign-in, whichever of them it is; empty where no context fits (OpenID Connect Core §2).
func (m *Minter) acr(a *idp.Authorization) string {
	return m.Contexts.Of(a.AMR, a.Contexts, a.Request.ACRValues)
}

// tokensApart is how many random characters, of five bits each, keep the tokens of one authorization apart: what stands before them is unique
// already, and applications keep the whole answer in a cookie (FD-6).
const tokensApart = 10

// AuthorizationID returns the id of the authorization the token belongs to; empty for a client's own token.
func (t *AccessToken) AuthorizationID() string {
	id, _, ok := strings.Cut(t.JTI, ".")
	if !ok {
		return ""
	}
	return id
}

// Scopes returns the token's scopes.
func (t *AccessToken) Scopes() []string { return strings.Fields(t.Scope) }

// HasAudience reports whether the token is meant for aud.
func (t *AccessToken) HasAudience(aud string) bool { return slices.Contains(t.Audience, aud) }

// Access makes an access token for a client: on behalf of an authorization's user, or for itself. It returns the token and its life in
// seconds, which is short; the token says who it is for (RFC 6750 §5.3, RFC 9700 §2.3).
func (m *Minter) Access(ctx context.Context, o Order, now time.Time) (string, int64, error) {
	c, a, scopes := o.Client, o.Authorization, o.Scopes
	life := int64(c.Contract.AccessTokenTTL)
	t := AccessToken{
		Issuer: m.Issuer, Subject: c.ID, ClientID: c.ID, Scope: strings.Join(scopes, " "), JTI: rand.Text(),
		IssuedAt: now.Unix(), Expires: now.Unix() + life, Audience: c.Audience, Confirmation: o.Confirmation,
	}
	if a != nil { // RFC 9068 §2.2.1, RFC 9470 §6.1: when and how the person signed in, as the ID token says it
		t.Subject, t.JTI, t.AuthTime, t.ACR, t.AMR = m.Subjects.Of(c, a.UserID), a.ID+"."+t.JTI[:tokensApart], a.AuthTime.Unix(), m.acr(a.Authorization), a.AMR
		t.Audience = a.Audience
	}
	t.Details = o.Details
	if len(o.Resources) > 0 {
		t.Audience = o.Resources
	}
	if a != nil && len(t.Audience) > 0 && slices.Contains(scopes, idp.ScopeOpenID) && !slices.Contains(t.Audience, m.Issuer) {
		t.Audience = append(slices.Clone(t.Audience), m.Issuer) // UserInfo is ours
	}
	if o.Audience != nil {
		t.Audience, t.Actor = o.Audience, o.Actor
	}
	if !o.Until.IsZero() && t.Expires > o.Until.Unix() {
		t.Expires = o.Until.Unix()
		life = t.Expires - t.IssuedAt
	}
	if len(t.Audience) == 0 { // RFC 9068 §3: a default, where nothing else is registered
		t.Audience = audience{m.Issuer}
	}
	payload, err := json.Marshal(&t)
	if err != nil {
		return "", 0, fmt.Errorf("encode access token: %w", err)
	}
	if c.Contract.AccessTokenFormat == idp.AccessTokenOpaque {
		text, err := m.opaque(ctx, a, payload, now.Add(time.Duration(life)*time.Second))
		return text, life, err
	}
	text, err := m.Keys.Sign(c.Contract.AccessTokenAlg, keys.TypeAccessToken, payload)
	return text, life, err
}

func (m *Minter) opaque(ctx context.Context, a *store.AuthorizationUser, claims []byte, expires time.Time) (string, error) {
	token := m.Keyring.NewToken(secret.TokenAccess, idp.NewID())
	var authorization string
	if a != nil {
		authorization = a.ID
	}
	if err := m.Store.PutOpaqueToken(ctx, token.Digest, authorization, string(claims), expires); err != nil {
		return "", fmt.Errorf("keep opaque access token: %w", err)
	}
	return token.Text, nil
}

// ErrNotOurs says that a text is no access token of this server, or an expired one.
var ErrNotOurs = errors.New("not a valid access token of this server")

// ReadAccess returns the content of an access token that this server made and that has not expired. Whether it was revoked is
// for the store to say. Tokens of other kinds are refused by their typ. An opaque token costs one statement, a JWT none.
func (m *Minter) ReadAccess(ctx context.Context, text string, now time.Time) (*AccessToken, error) {
	if strings.HasPrefix(text, "idp_") {
		return m.readOpaque(ctx, text, now)
	}
	if t := m.seen.get(text, now, m.Keys.Published); t != nil {
		return t, nil
	}
	// RFC 9068 §4, RFC 8725 §3.8: typ, signature, issuer and time.
	v, ok := m.Keys.Verify(text, keys.TypeAccessToken)
	if !ok {
		return nil, ErrNotOurs
	}
	t := new(AccessToken)
	if err := json.Unmarshal(v.Payload, t); err != nil || t.Issuer != m.Issuer || now.Unix() >= t.Expires {
		return nil, ErrNotOurs
	}
	m.seen.put(text, v.KeyID, t)
	return t, nil
}

func (m *Minter) readOpaque(ctx context.Context, text string, now time.Time) (*AccessToken, error) {
	token, ok := m.Keyring.ParseToken(secret.TokenAccess, text)
	if !ok {
		return nil, ErrNotOurs
	}
	claims, err := m.Store.OpaqueToken(ctx, token.Digest, now)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, ErrNotOurs
	}
	if err != nil {
		return nil, err
	}
	t := new(AccessToken)
	if err := json.Unmarshal([]byte(claims), t); err != nil {
		return nil, fmt.Errorf("decode opaque access token: %w", err)
	}
	return t, nil
}
