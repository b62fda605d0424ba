package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/oauth/grant"
	"idp/internal/secret"
)

// issue runs the request through the engine, whose handlers for the response type write the authorization and put their
// parameters into the answer. idp.ErrNotFound says that a condition does not hold.
func (p *Provider) issue(ctx context.Context, a *authorizeRequest) error {
	ctx = context.WithValue(ctx, requestKey{}, a)
	// The engine sees what was checked here, and nothing that it would read in a way of its own. It insists on a state (D10); the
	// answer carries the client's.
	form := url.Values{
		"client_id": {a.Client.ID}, "redirect_uri": {a.RedirectURI}, "response_type": {a.ResponseType.String()}, "scope": {strings.Join(a.Scopes, " ")},
		"state": {"-"},
	}
	engineRequest := (&http.Request{Method: http.MethodGet, URL: &url.URL{}, Form: form, PostForm: url.Values{}, Header: http.Header{}}).WithContext(ctx)
	ar, err := p.engine.NewAuthorizeRequest(ctx, engineRequest)
	if err != nil {
		return err
	}
	for _, s := range a.Scopes {
		ar.GrantScope(s)
	}
	_, err = p.engine.NewAuthorizeResponse(ctx, ar, &grant.Session{Now: time.Now(), Trace: a.Trace, Client: a.Client})
	if a.Pushed != "" && errors.Is(err, idp.ErrConflict) {
		return a.deadRequest("one that was not answered yet", "one that was answered at the same moment")
	}
	return err
}

// responder answers every response type: the engine's seam for them. What comes back without a code is an authorization like any other, whose
// code nobody was given, so that revoking, signing out and disabling the person reach its tokens too.
type responder struct{ p *Provider }

var _ fosite.AuthorizeEndpointHandler = responder{}

// HandleAuthorizeEndpointRequest writes the authorization, with its code if it has one, in one statement.
func (h responder) HandleAuthorizeEndpointRequest(ctx context.Context, ar fosite.AuthorizeRequester, resp fosite.AuthorizeResponder) error {
	a, ok := ctx.Value(requestKey{}).(*authorizeRequest)
	if !ok {
		return errors.New("authorization request without our facts")
	}
	now, t := time.Now(), a.ResponseType
	id := a.authorizationID()
	code := h.p.Keyring.NewToken(secret.TokenCode, id) // RFC 6749 §10.10: 256 random bits
	contract := &a.Client.Contract
	// OpenID Connect Core §11: a refresh token for who asked for offline_access; it outlives the session unless the contract says otherwise.
	refreshable := t.Code && slices.Contains(a.Scopes, idp.ScopeOfflineAccess) && slices.Contains(a.Client.GrantTypes, idp.GrantRefreshToken)
	codeExpires, memory := now, time.Duration(0)
	if t.Code {
		codeExpires = now.Add(contract.CodeTTL.Duration())
		// A spent code is remembered as long as a token that followed from it can live.
		memory = contract.CodeTTL.Duration()
	}
	if t.Code || t.Token {
		memory += contract.AccessTokenTTL.Duration()
	}
	if a.Pushed != "" {
		memory = max(memory, pushedMemory)
	}
	a.conditions.Once = a.Pushed != ""
	a.conditions.WithClaims = t.IDToken // the ID token that comes with this answer says something of the person
	// RFC 7636 §4.4: the challenge is kept in the row, and the code says nothing of it.
	issued, err := h.p.Store.IssueCode(ctx, &idp.Authorization{
		ID: id, ClientID: a.Client.ID, Scopes: a.Scopes, Audience: a.Audience, RedirectURI: a.RedirectURI, RedirectOmitted: a.RedirectOmitted,
		Refreshable: refreshable, Offline: refreshable && !contract.EndWithSession, CodeChallenge: a.CodeChallenge, BoundKey: a.BoundKey,
		Request: idp.CodeRequest{
			Nonce: a.Nonce, TraceID: a.Trace.ID, ClaimsInIDToken: a.ClaimsInIDToken, ClaimsInUserInfo: a.ClaimsInUserInfo, ACRValues: a.WantedACR, Details: a.Details,
		},
		CodeExpires: codeExpires, ExpiresAt: now.Add(memory),
	}, code.Digest, a.conditions, now)
	if err != nil {
		if errors.Is(err, idp.ErrNotFound) || errors.Is(err, idp.ErrConflict) {
			return err
		}
		return fmt.Errorf("issue authorization: %w", err)
	}
	a.answer = issued
	if t.Code {
		resp.AddParameter("code", code.Text)
	}
	for _, word := range ar.GetResponseTypes() {
		ar.SetResponseTypeHandled(word)
	}
	a.params = resp.GetParameters()
	return nil
}
