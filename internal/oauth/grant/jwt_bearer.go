package grant

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"idp/internal/audit"
	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/oauth/clientauth"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/untrusted"
)

const (
	assertionMost   = 16 << 10 // bytes
	assertionReplay = "assertion"
	subjectMost     = 255 // bytes; OpenID Connect Core §2
)

var assertionBounds = untrusted.Bounds{Bytes: assertionMost, Depth: 10}

// TrustedIssuer is somebody whose word about people the operator takes.
type TrustedIssuer struct {
	Keys idp.ClientKeys
	// UserIDs says that its sub is a user's id here. Else it is the issuer's own name for somebody whose account is linked to it.
	UserIDs bool
}

// JWTBearer trades an assertion about a person, of an issuer that the operator trusts, for an access token (RFC 7523 §2.1). Nobody signs in here,
// so there is no ID token and no refresh token: the client fetches another assertion.
type JWTBearer struct {
	chosenByName

	Store   *store.Store
	Keyring *secret.Keyring
	Keys    *clientkeys.Keys
	Minter  *mint.Minter
	Audit   *audit.Log
	Issuers map[string]TrustedIssuer
	// Audiences are what an assertion may be for: the issuer and the addresses of the token endpoint.
	Audiences []string
}

var _ fosite.TokenEndpointHandler = (*JWTBearer)(nil)

// HandleTokenEndpointRequest judges the assertion, spends it, and writes the authorization of the person whom it is about.
func (g *JWTBearer) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s, form := sessionOf(r), r.GetRequestForm()
	assertion := form.Get("assertion")
	switch {
	case assertion == "":
		return s.missing("assertion", "RFC 7523 §2.1")
	case form.Get("authorization_details") != "": // RFC 9396 §5: nobody is there to allow them
		return s.refuse(idp.CodeInvalidAuthorizationDetails, "This grant gives no authorization details.", "RFC 9396 §5", "no authorization_details", "Take them out of the request: a person allows them when signing in.")
	}
	scopes, err := g.scopes(s, scopesOf(form))
	if err != nil {
		return err
	}
	resources, err := s.resourcesOfClient(form)
	if err != nil {
		return err
	}
	claims, issuer, err := g.verify(ctx, s, assertion)
	if err != nil {
		return err
	}
	if err := s.spendProof(ctx); err != nil {
		return err
	}
	if err := g.spend(ctx, s, claims); err != nil {
		return err
	}
	a := &idp.Authorization{
		ID: idp.NewID(), ClientID: s.Client.ID, Scopes: scopes, Audience: s.Client.Audience, Request: idp.CodeRequest{TraceID: s.Trace.ID},
		BoundKey: s.bindTo(), ExpiresAt: s.Now.Add(s.Client.Contract.AccessTokenTTL.Duration()),
	}
	if len(resources) > 0 {
		a.Audience = resources
	}
	about := store.AssertedSubject{Issuer: claims.Issuer, Subject: claims.Subject}
	if issuer.UserIDs {
		about = store.AssertedSubject{UserID: claims.Subject}
	}
	v, err := g.Store.IssueAsserted(ctx, a, g.Keyring.NewToken(secret.TokenCode, a.ID).Digest, about, s.Now)
	if errors.Is(err, idp.ErrNotFound) {
		mend := "Link the account: the person signs in once through the provider whose issuer this is. `idp user enable` if the account was disabled."
		if issuer.UserIDs {
			mend = "Let the issuer put the user's id into sub, as `idp user get` shows it. `idp user enable` if the account was disabled."
		}
		return g.refused(s, idp.Check{
			Name: "subject is an active user", Expected: "an active user", Received: "nobody", Mend: mend, Clause: "RFC 7523 §3 (2)",
		}, "its sub is nobody here who may sign in")
	}
	if err != nil {
		return err
	}
	if err := g.Audit.Write(ctx, audit.Event{
		Type: audit.AssertionAccepted, ActorKind: audit.ActorClient, ActorID: s.Client.ID, UserID: v.UserID, ClientID: s.Client.ID, Details: map[string]string{"issuer": claims.Issuer},
	}); err != nil {
		return err
	}
	s.Trace.Pass("assertion, its issuer and its subject")
	s.Authorization, s.Scopes = v, scopes
	return nil
}

// scopes returns what the token may do: what was asked for, or all of the client's, but nothing that a sign-in here stands behind.
func (g *JWTBearer) scopes(s *Session, asked []string) ([]string, error) {
	have := slices.DeleteFunc(slices.Clone(s.Client.Scopes), func(scope string) bool {
		return scope == idp.ScopeOpenID || scope == idp.ScopeOfflineAccess || scope == idp.ScopeAdmin
	})
	if len(asked) == 0 {
		return have, nil
	}
	for _, scope := range asked {
		if !slices.Contains(have, scope) {
			s.Trace.Fail(idp.Check{
				Name: "scope is allowed", Expected: strings.Join(have, " "), Received: scope,
				Mend: "Add it to the client: `idp client update " + s.Client.ID + " --add-scope …`. openid, offline_access and idp.admin need a sign-in.", Clause: "RFC 7521 §4.1",
			})
			return nil, refuse(idp.CodeInvalidScope, "The client may not have one of the scopes that it asks for.")
		}
	}
	return asked, nil
}

// verify returns what a trusted issuer says, which the client may use.
func (g *JWTBearer) verify(ctx context.Context, s *Session, assertion string) (*clientauth.Claims, TrustedIssuer, error) {
	name := AssertionIssuer(assertion)
	issuer, trusted := g.Issuers[name]
	// RFC 7523 §3 (1), §5: whose word counts is agreed upon before, for each client.
	if !trusted || !slices.Contains(s.Client.AssertionIssuers, name) {
		return nil, issuer, g.refused(s, idp.Check{
			Name: "issuer is trusted", Expected: "an issuer of assertions.issuers that is among the client's: " + strings.Join(s.Client.AssertionIssuers, ", "), Received: name[:min(len(name), subjectMost)],
			Mend: "If its word shall count, name it in the setting assertions.issuers and allow it: `idp client update " + s.Client.ID + " --assertion-issuer …`.", Clause: "RFC 7523 §3 (1)",
		}, "the client may not use assertions of its issuer")
	}
	// RFC 8725 §3.1: signatures alone, by the issuer's own keys.
	signer := &idp.Client{ID: "assertions of " + name, ClientKeys: issuer.Keys}
	payload, header, err := g.Keys.Verify(ctx, signer, assertion, s.Client.Held(idp.SupportedSigningAlgs()))
	if errors.Is(err, clientkeys.ErrSignature) || errors.Is(err, clientkeys.ErrNoKeys) {
		return nil, issuer, g.refused(s, idp.Check{
			Name: "signature of the assertion", Expected: "signed by " + name, Received: err.Error(),
			Mend: "Compare the issuer's keys with those in the setting assertions.issuers.", Clause: "RFC 7523 §3 (9)",
		}, "its signature is not its issuer's")
	}
	if err != nil {
		return nil, issuer, err
	}
	fault, claims := clientauth.TypeFault(header, "authorization-grant+jwt"), new(clientauth.Claims)
	if fault == "" {
		switch err := untrusted.Decode(payload, assertionBounds, claims); {
		case err != nil:
			fault = "a claim is of the wrong type, or stands there twice"
		case claims.Issuer != name:
			fault = "iss is not what it was"
		case claims.Subject == "" || len(claims.Subject) > subjectMost || strings.ContainsRune(claims.Subject, 0):
			fault = "sub is missing, or is no name"
		// Each entry must be ours: what another server takes too may have been taken from there.
		case !clientauth.Only(claims.Audience, func(entry string) bool { return slices.Contains(g.Audiences, entry) }):
			fault = "aud is not this server's issuer or token endpoint, alone"
		default:
			fault = claims.Fault(s.Now)
		}
	}
	if fault != "" {
		return nil, issuer, g.refused(s, idp.Check{
			Name: "claims of the assertion", Expected: "sub, aud " + g.Audiences[0] + ", exp within an hour, a jti", Received: fault,
			Mend: "Let the issuer make a new assertion for each request.", Clause: "RFC 7523 §3",
		}, fault)
	}
	return claims, issuer, nil
}

// spend takes an assertion once, on whichever replica. Nothing is remembered of what was not signed.
func (g *JWTBearer) spend(ctx context.Context, s *Session, claims *clientauth.Claims) error {
	first, err := g.Store.FirstUse(ctx, assertionReplay, claims.Issuer+" "+claims.ID, claims.Remembered(), s.Now)
	if err != nil || first {
		return err
	}
	if err := g.Audit.Write(ctx, audit.Event{Type: audit.AssertionReuse, ActorKind: audit.ActorClient, ActorID: s.Client.ID, ClientID: s.Client.ID, Details: map[string]string{"issuer": claims.Issuer}}); err != nil {
		return err
	}
	return g.refused(s, idp.Check{
		Name: "assertion is used once", Expected: "a jti that did not come before", Received: "a jti that did",
		Mend: "Fetch a new assertion for each request. If the application does, somebody else has a copy of one.", Clause: "RFC 7523 §3 (7)",
	}, "it was used before")
}

// refused tells the trace which check an assertion failed, and the client why. RFC 7523 §3.1: invalid_grant, and the description may say why.
func (*JWTBearer) refused(s *Session, failed idp.Check, why string) error {
	s.Trace.Fail(failed)
	return refuse(idp.CodeInvalidGrant, "The assertion is refused: "+why+".")
}

// AssertionIssuer returns who made an assertion, by its own words: they only say whose keys are to verify it. Empty for what is no signed JWT.
func AssertionIssuer(assertion string) string {
	parts := strings.Split(assertion[:min(len(assertion), assertionMost+1)], ".")
	if len(parts) != 3 || len(assertion) > assertionMost {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if untrusted.Decode(raw, assertionBounds, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// PopulateTokenEndpointResponse makes the access token. RFC 7521 §4.1: no refresh token.
func (g *JWTBearer) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	return populateForUser(ctx, g.Minter, sessionOf(r), resp)
}
