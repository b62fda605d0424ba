package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
)

// ScopeIntrospect lets a client introspect tokens of every other client: a gateway, or an API that serves many.
const ScopeIntrospect = "idp.introspect"

// introspection is RFC 7662 §2.2.
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	JTI       string   `json:"jti,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"` // RFC 9470 §6.2
	ACR       string   `json:"acr,omitempty"`
	Roles     []string `json:"roles,omitempty"`

	Actor   *mint.Actor     `json:"act,omitempty"`                   // RFC 8693 §4.1
	Details json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396 §9.2

	Confirmation *mint.Confirmation `json:"cnf,omitempty"` // RFC 9449 §6.2, RFC 8705 §3.2
}

// Introspect is the introspection endpoint (RFC 7662). The caller authenticates as a confidential client; about a token that is
// none of its business it hears what it would hear about garbage (D7).
func (p *Provider) Introspect(w http.ResponseWriter, r *http.Request) {
	caller, token, now, ok := p.aboutToken(w, r, "introspect")
	if !ok {
		return
	}
	// RFC 7662 §2.1, §2.3: whoever cannot prove who they are may not ask.
	if caller.Public() {
		p.answerError(w, r, &Error{Status: http.StatusUnauthorized, Code: idp.CodeInvalidClient, Description: "Introspection needs a client that proves who it is."}, "")
		return
	}
	answer, err := p.introspect(r.Context(), caller, token, now)
	if err != nil {
		p.answerError(w, r, err, "")
		return
	}
	p.writeIntrospection(w, r, caller, answer, now)
}

// introspect looks a token up in one statement. What it finds wrong about it is "not active", whatever it is.
func (p *Provider) introspect(ctx context.Context, caller *idp.Client, text string, now time.Time) (introspection, error) {
	inactive := introspection{}
	if t, ok := p.Keyring.ParseToken(secret.TokenRefresh, text); ok {
		return p.introspectRefresh(ctx, caller, t, now)
	}
	t, err := p.minter.ReadAccess(ctx, text, now)
	if errors.Is(err, mint.ErrNotOurs) {
		return inactive, nil
	}
	if err != nil {
		return inactive, err
	}
	if !p.maySee(caller, t) {
		logctx.Set(ctx, slog.String("inactive", "issued to "+t.ClientID+" for other audiences")) // whoever sets up an API has nowhere else to see it
		return inactive, nil
	}
	answer := introspection{
		Active: true, Scope: t.Scope, ClientID: t.ClientID, TokenType: "Bearer", Expires: t.Expires, IssuedAt: t.IssuedAt,
		Subject: t.Subject, Audience: t.Audience, Issuer: t.Issuer, JTI: t.JTI, AuthTime: t.AuthTime, ACR: t.ACR,
		Confirmation: t.Confirmation, Actor: t.Actor, Details: t.Details,
	}
	if t.Confirmation != nil && t.Confirmation.JKT != "" { // RFC 9449 §6.2
		answer.TokenType = "DPoP"
	}
	if t.AuthorizationID() == "" {
		revoked, err := p.Store.AccessTokenRevoked(ctx, t.JTI)
		if err != nil {
			return inactive, err
		}
		if _, err := p.holding(ctx, t.ClientID); revoked || err != nil {
			return inactive, ignoreNotFound(err)
		}
		return answer, nil
	}
	u, err := p.userOf(ctx, t)
	if dead := (*bearerError)(nil); errors.As(err, &dead) {
		return inactive, nil
	}
	if err != nil {
		return inactive, err
	}
	c, err := p.holding(ctx, t.ClientID)
	if err != nil { // switched off, or gone
		return inactive, ignoreNotFound(err)
	}
	// A token that was for a resource alone which the operator took back is good for nothing any more.
	if answer.Audience = p.stillServed(c, answer.Audience); len(answer.Audience) == 0 {
		return inactive, nil
	}
	if !c.Pairwise() || slices.Contains(t.Scopes(), idp.ScopeProfile) { // the name would connect what a pairwise sub keeps apart
		answer.Username = u.authorization.Claims.Username
	}
	if slices.Contains(t.Scopes(), idp.ScopeRoles) {
		answer.Roles = u.authorization.Claims.Roles
	}
	return answer, nil
}

// maySee reports whether a token is the caller's business (RFC 7662 §4): its own, meant for it, or the caller is trusted with all.
func (p *Provider) maySee(caller *idp.Client, t *mint.AccessToken) bool {
	return t.ClientID == caller.ID || t.HasAudience(caller.ID) || slices.Contains(caller.Scopes, ScopeIntrospect) ||
		slices.ContainsFunc(caller.Audience, func(aud string) bool { return aud != p.Issuer && t.HasAudience(aud) }) // most tokens have this server's
}

func (p *Provider) introspectRefresh(ctx context.Context, caller *idp.Client, t secret.Token, now time.Time) (introspection, error) {
	v, err := p.Store.RefreshTokenNow(ctx, t.ID, t.Digest, now)
	if err != nil {
		return introspection{}, ignoreNotFound(err)
	}
	if v.ClientID != caller.ID {
		logctx.Set(ctx, slog.String("inactive", "a refresh token of "+v.ClientID))
		return introspection{}, nil
	}
	return introspection{
		Active: true, Scope: strings.Join(v.Scopes, " "), ClientID: v.ClientID, TokenType: "refresh_token", Expires: v.ExpiresAt.Unix(),
		IssuedAt: v.IssuedAt.Unix(), Subject: p.Subjects.Of(caller, v.UserID), Issuer: p.Issuer, AuthTime: v.AuthTime.Unix(),
	}, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, idp.ErrNotFound) {
		return nil
	}
	return err
}
