package grant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"

	"github.com/ory/fosite"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
	"idp/internal/store"
)

// Code is the authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.6).
type Code struct {
	chosenByName

	Store   *store.Store
	Keyring *secret.Keyring
	Minter  *mint.Minter
	Audit   *audit.Log
	Logger  *slog.Logger
}

var _ fosite.TokenEndpointHandler = (*Code)(nil)

// HandleTokenEndpointRequest spends the code, in the one statement that also installs the refresh token.
func (g *Code) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s, form := sessionOf(r), r.GetRequestForm()
	presented := form.Get("code")
	if presented == "" {
		return s.missing("code", "RFC 6749 §4.1.3")
	}
	code, ok := g.Keyring.ParseToken(secret.TokenCode, presented)
	if !ok {
		s.Trace.Fail(idp.Check{
			Name: "code is one of ours", Expected: "the value of the parameter code of the redirect, unchanged", Received: "another text",
			Mend: "Pass the code on exactly as it came; decode it from the URL once.", Clause: "RFC 6749 §4.1.3",
		})
		return refuse(idp.CodeInvalidGrant, "The code is not valid.")
	}
	// What the client may never have must not cost it the code; what was not granted does, as any other misfit. What a client may have that
	// registered itself stands in its grant alone.
	if !s.Client.Registered() && !s.Client.FromDocument() {
		if _, err := s.resourcesOfClient(form); err != nil {
			return err
		}
	}
	if err := s.spendProof(ctx); err != nil {
		return err
	}
	challenge, err := challengeOf(form.Get("code_verifier"))
	if err != nil {
		challenge = malformedVerifier // fits no challenge: the code is burnt like with any wrong verifier
	}
	refresh := g.Keyring.NewToken(secret.TokenRefresh, code.ID)
	contract := &s.Client.Contract
	// OpenID Connect Core §3.1.3.2, §16.11: client, code and redirect URI belong together, in the statement itself. RFC 9700 §4.8.2: no
	// verifier fits no challenge only, so that nobody can strip PKCE from a request.
	v, err := g.Store.RedeemCode(ctx, store.Redemption{
		ID: code.ID, CodeDigest: code.Digest, ClientID: s.Client.ID, RedirectURI: form.Get("redirect_uri"), CodeChallenge: challenge,
		RefreshDigest: refresh.Digest, RefreshIdle: s.Now.Add(contract.RefreshIdle.Duration()), RefreshExpires: s.Now.Add(contract.RefreshMax.Duration()),
		Expires: s.Now.Add(contract.AccessTokenTTL.Duration()), Key: s.Proof.codeKey(), BindTo: s.bindTo(),
	}, s.Now)
	if errors.Is(err, idp.ErrNotFound) {
		return g.burn(ctx, s, code, form.Get("redirect_uri"), challenge)
	}
	if err != nil {
		return err
	}
	s.Trace.Pass("code, redirect_uri and code_verifier")
	if s.Resources, err = s.resourcesOfGrant(form, v.Audience); err != nil {
		return err
	}
	if err := s.dropWithdrawn(v.Authorization); err != nil {
		return err
	}
	if s.Details, err = s.detailsOf(form, v.Request.Details); err != nil {
		return err
	}
	s.Authorization, s.Scopes, s.Nonce = v, stillAllowed(v.Scopes, s.Client), v.Request.Nonce
	if v.Refreshable {
		s.RefreshToken = refresh.Text
	}
	return nil
}

// burn ends the life of a code that did not fit, and says in the trace why it did not. The client hears one sentence whatever the cause was.
func (g *Code) burn(ctx context.Context, s *Session, code secret.Token, redirectURI, challenge string) error {
	refused := refuse(idp.CodeInvalidGrant, "The code is unknown, expired, was used before, or does not fit this client, redirect_uri, code_verifier or DPoP key.")
	was, err := g.Store.FailCode(ctx, code.ID, code.Digest, s.Now)
	if errors.Is(err, idp.ErrNotFound) {
		s.Trace.Fail(idp.Check{Name: "code is known", Expected: "a code of the last minutes", Received: "a code whose record is gone", Mend: "Start the sign-in again."})
		return refused
	}
	if err != nil {
		return err
	}
	c := idp.Check{Clause: "RFC 6749 §4.1.3", Mend: "Start the sign-in again."}
	switch {
	case was.CodeUsedAt != nil:
		c.Name, c.Expected, c.Received = "code is used for the first time", "an unused code", "used before at "+was.CodeUsedAt.Format("15:04:05.000Z07:00")
		c.Mend, c.Clause = "Exchange each code once; do not send the request again after a time-out. All tokens of this sign-in have been revoked.", "RFC 6749 §4.1.2"
		if err := g.Audit.Write(ctx, audit.Event{Type: audit.CodeReuse, ActorKind: audit.ActorClient, ActorID: s.Client.ID, UserID: was.UserID, ClientID: was.ClientID, SessionID: was.SessionID}); err != nil {
			return err
		}
	case was.ClientID != s.Client.ID:
		c.Name, c.Expected, c.Received = "code belongs to the client", was.ClientID, s.Client.ID
		c.Mend = "Exchange the code with the client_id that the authorization request had."
	case was.RevokedAt != nil:
		c.Name, c.Expected, c.Received = "authorization stands", "not revoked", "revoked"
	case !s.Now.Before(was.CodeExpires):
		c.Name, c.Expected, c.Received = "code is fresh", "exchanged before "+was.CodeExpires.Format("15:04:05Z07:00"), s.Now.UTC().Format("15:04:05Z07:00")
		c.Mend = "Exchange the code right after the redirect; check the application's delays."
	case was.RedirectURI != redirectURI && (redirectURI != "" || !was.RedirectOmitted):
		c.Name, c.Expected, c.Received = "redirect_uri is the one of the authorization request", was.RedirectURI, redirectURI
		c.Mend = "Send the same redirect_uri, to the letter, in both requests."
	case was.BoundKey != "" && was.BoundKey != s.Proof.codeKey():
		c.Name, c.Expected, c.Received = "DPoP proof is by the key of the authorization request", was.BoundKey, orNone(s.Proof.codeKey())
		c.Mend, c.Clause = "Use one key for a sign-in: that of dpop_jkt, or of the proof with the pushed request, makes the proof of the token request too.", "RFC 9449 §10"
	case was.CodeChallenge != challenge:
		c.Name, c.Expected, c.Received = "code_verifier fits the code_challenge", shape(was.CodeChallenge), shape(challenge)
		c.Mend, c.Clause = "Keep the verifier of this very sign-in in the browser's session and send it unchanged.", "RFC 7636 §4.6"
	case was.UserState == idp.UserActive:
		c.Name, c.Expected, c.Received = "session lives", "the session that the code was issued in", "the person signed out meanwhile, or was signed out"
	default:
		c.Name, c.Expected, c.Received = "user may sign in", "an active account", string(was.UserState)
		c.Mend = "`idp user enable " + was.UserID + "`, if this person should have access."
	}
	s.Trace.Fail(c)
	return refused
}

func orNone(key string) string {
	if key == "" {
		return "none"
	}
	return key
}

// malformedVerifier stands for the challenge of a code_verifier that RFC 7636 §4.1 does not allow. No challenge is so short.
const malformedVerifier = "malformed"

// shape says of a PKCE challenge only whether there was one: with "none" on one side the cause is plain.
func shape(challenge string) string {
	switch challenge {
	case "":
		return "none"
	case malformedVerifier:
		return "a code_verifier that is not 43 to 128 letters, digits, -, ., _ or ~"
	}
	return "SHA-256 " + challenge[:8] + "…"
}

// challengeOf returns the S256 challenge of a verifier; empty for no verifier. RFC 7636 §4.1 says what a verifier looks like.
func challengeOf(verifier string) (string, error) {
	if verifier == "" {
		return "", nil
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
	}) {
		return "", errors.New("malformed code_verifier")
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// PopulateTokenEndpointResponse makes the tokens.
func (g *Code) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	return populateForUser(ctx, g.Minter, sessionOf(r), resp)
}
