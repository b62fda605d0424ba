package grant

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/oauth/mint"
	"idp/internal/store"
)

// The token types of RFC 8693 §3 that are traded here. Each access token is a JWT unless the client's are opaque.
const (
	TypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	TypeJWT         = "urn:ietf:params:oauth:token-type:jwt"
	TypeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
)

const actorsMost = 5 // of a chain

// Exchange trades a person's access token, or an ID token that the client got itself, for one with which the client acts for that person at another
// API (RFC 8693). What comes of it says less than what it was made of: fewer scopes, no longer life, audiences that the client's policy names. It
// belongs to the same authorization, and ends with it.
type Exchange struct {
	chosenByName

	Store  *store.Store
	Minter *mint.Minter
	// Holding returns the client that an access token was given to, if it may still be used.
	Holding func(ctx context.Context, id string) (*idp.Client, error)
}

var _ fosite.TokenEndpointHandler = (*Exchange)(nil)

// exchanged is what the new token gets from the old one and from the request.
type exchanged struct {
	audience []string
	actor    *mint.Actor
	until    time.Time
}

// HandleTokenEndpointRequest judges the subject's token, and the actor's if there is one, and says what the new one may hold.
func (g *Exchange) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s, form := sessionOf(r), r.GetRequestForm()
	// RFC 8693 §2.1: what is asked for must be what we give.
	if asked := form.Get("requested_token_type"); asked != "" && asked != TypeAccessToken && (asked != TypeJWT || s.Client.Contract.AccessTokenFormat != idp.AccessTokenJWT) {
		return s.refuse(idp.CodeInvalidRequest, "The requested_token_type is not one that this client can get.", "RFC 8693 §2.1", TypeAccessToken, "Leave requested_token_type out, or ask for an access token.")
	}
	subject, v, err := g.subject(ctx, s, form.Get("subject_token"), form.Get("subject_token_type"))
	if err != nil {
		return err
	}
	if v == nil {
		return s.refuse(idp.CodeInvalidRequest, "The subject_token stands for an application: there is no person to act for.", "RFC 8693 §2.1", "the access token of a person", "Send the token that came with the person's request; for its own access the client has client_credentials.")
	}
	// What another client's key is bound to comes here as an API got it, which cannot prove that key (RFC 8693 §1.1). What was given to this very client
	// it proves, here as everywhere.
	if subject.ClientID == s.Client.ID && !s.Proof.holds(subject.Confirmation) {
		return unproven(s, "subject_token")
	}
	e := &exchanged{until: time.Unix(subject.Expires, 0)}
	if e.actor, err = g.actor(ctx, s, subject, form.Get("actor_token"), form.Get("actor_token_type")); err != nil {
		return err
	}
	// RFC 9449 §5: who could not use a copy of the subject's token gets none that every copy opens.
	if subject.Confirmation != nil && s.Proof.confirmation() == nil {
		return s.refuse(idp.CodeInvalidRequest, "The subject_token is bound to a key, so the new token must be: send a DPoP proof.", "RFC 9449 §5", "a DPoP proof, or a client certificate", "Switch DPoP on in the client that exchanges.")
	}
	if e.audience, err = audienceOf(s, append(slices.Clone(form["audience"]), form["resource"]...)); err != nil {
		return err
	}
	if s.Scopes, err = narrowed(s, subject.Scopes(), scopesOf(form)); err != nil {
		return err
	}
	v.AuthTime, v.AMR = time.Unix(subject.AuthTime, 0), subject.AMR
	v.Contexts, v.Request.ACRValues = strings.Fields(subject.ACR), strings.Fields(subject.ACR) // the new token says what the old one said
	s.Authorization, s.exchange = v, e
	s.Trace.Pass("subject_token, audience and scope")
	return nil
}

// subject judges the token of the person to act for: an access token, or, for a client that may trade those, an ID token.
func (g *Exchange) subject(ctx context.Context, s *Session, text, kind string) (*mint.AccessToken, *store.AuthorizationUser, error) {
	if kind == TypeIDToken && s.Client.ExchangeIDTokens {
		return g.readID(ctx, s, text)
	}
	return g.read(ctx, s, text, kind, "subject_token")
}

// read judges a token that is presented as somebody's (RFC 8693 §2.1, §5): ours, living, and the client's business. v is nil for an application's own.
func (g *Exchange) read(ctx context.Context, s *Session, text, kind, name string) (t *mint.AccessToken, v *store.AuthorizationUser, err error) {
	fault := func(expected, mend string) error {
		s.Trace.Fail(idp.Check{Name: name, Expected: expected, Received: "something else", Mend: mend, Clause: "RFC 8693 §2.1"})
		return refuse(idp.CodeInvalidRequest, "The "+name+" is not a living access token that was meant for this client.") // RFC 8693 §2.2.2
	}
	if text == "" || kind == "" {
		return nil, nil, s.refuse(idp.CodeInvalidRequest, "The parameters "+name+" and "+name+"_type are needed.", "RFC 8693 §2.1", name+" and "+name+"_type", "Send both in the body of the request.")
	}
	if kind != TypeAccessToken && (kind != TypeJWT || strings.Count(text, ".") != 2) {
		return nil, nil, s.refuse(idp.CodeInvalidRequest, "The "+name+"_type is not supported: send an access token of this server.", "RFC 8693 §3", TypeAccessToken, "Send an access token; ID tokens are taken from the client that got them, with `idp client update "+s.Client.ID+" --exchange-id-tokens`.")
	}
	t, err = g.Minter.ReadAccess(ctx, text, s.Now)
	if errors.Is(err, mint.ErrNotOurs) {
		return nil, nil, fault("an access token of this server that has not expired", "Send the token as it came; ID tokens and refresh tokens are not taken.")
	}
	if err != nil {
		return nil, nil, err
	}
	// RFC 8693 §5: a client that gets hold of a token that was meant for another must not gain by it.
	meant := slices.ContainsFunc(append([]string{s.Client.ID}, s.Client.Audience...), func(aud string) bool { return aud != g.Minter.Issuer && t.HasAudience(aud) })
	if !meant && t.ClientID != s.Client.ID {
		return nil, nil, fault("a token whose aud names the client, or one of its audiences", "`idp client update "+s.Client.ID+" --audience …` with what the token's aud says, if the API is this client.")
	}
	// As at UserInfo and introspection: the tokens of a client that is switched off are no longer good.
	if _, err := g.Holding(ctx, t.ClientID); errors.Is(err, idp.ErrNotFound) {
		return nil, nil, fault("a token of a client that is registered and not switched off", "`idp client list` shows whether the application that got the token is still there.")
	} else if err != nil {
		return nil, nil, err
	}
	id := t.AuthorizationID()
	if id == "" {
		revoked, err := g.Store.AccessTokenRevoked(ctx, t.JTI)
		if err == nil && revoked {
			err = fault("a token that was not revoked", "Get a new token.")
		}
		return t, nil, err
	}
	v, revoked, err := g.Store.AuthorizationNow(ctx, id, t.JTI)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (revoked || v.RevokedAt != nil || v.UserState != idp.UserActive) {
		return nil, nil, fault("a token whose authorization stands, of an active person", "Sign in again.")
	}
	return t, v, err
}

// readID judges an ID token (RFC 8693 §3): ours, living, and made for this very client. It stands for what the person allowed when it was made, so
// it is good for the scopes of that authorization and ends with it.
func (g *Exchange) readID(ctx context.Context, s *Session, text string) (*mint.AccessToken, *store.AuthorizationUser, error) {
	fault := func(expected, mend string) error {
		s.Trace.Fail(idp.Check{Name: "subject_token", Expected: expected, Received: "something else", Mend: mend, Clause: "RFC 8693 §2.1"})
		return refuse(idp.CodeInvalidRequest, "The subject_token is not a living ID token of this client, of an authorization that stands.") // RFC 8693 §2.2.2
	}
	t, err := g.Minter.ReadExchangeable(text, s.Now)
	if errors.Is(err, mint.ErrNotOurs) || err == nil && t.ClientID != s.Client.ID {
		return nil, nil, fault("an ID token that this client got since it may exchange them, and that has not expired", "Get a new one by the refresh token, or sign in again.")
	}
	if err != nil {
		return nil, nil, err
	}
	v, revoked, err := g.Store.AuthorizationNow(ctx, t.AuthorizationID(), t.JTI)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (revoked || v.RevokedAt != nil || v.UserState != idp.UserActive || v.ClientID != s.Client.ID) {
		return nil, nil, fault("an ID token whose authorization stands, of an active person", "Sign in again.")
	}
	if err != nil {
		return nil, nil, err
	}
	t.Scope = strings.Join(v.Scopes, " ")
	return t, v, nil
}

// actor says who acts (RFC 8693 §4.1): whom the actor_token names, else the client; nobody for a client that may impersonate.
func (g *Exchange) actor(ctx context.Context, s *Session, subject *mint.AccessToken, text, kind string) (*mint.Actor, error) {
	actor := &mint.Actor{Subject: s.Client.ID, Actor: subject.Actor}
	switch {
	case text != "":
		t, _, err := g.read(ctx, s, text, kind, "actor_token")
		if err != nil {
			return nil, err
		}
		// RFC 8693 §2.1: the actor is here, and says who it is by this token. RFC 9449 §7.2: one that is bound says so with its key alone.
		if !s.Proof.holds(t.Confirmation) {
			return nil, unproven(s, "actor_token")
		}
		actor.Subject = t.Subject
	case kind != "": // RFC 8693 §2.1: MUST NOT be there without the token
		return nil, s.refuse(idp.CodeInvalidRequest, "There is an actor_token_type but no actor_token.", "RFC 8693 §2.1", "both, or neither", "Send actor_token too, or leave actor_token_type out.")
	}
	// RFC 8693 §4.4: where the token says who may act, nobody else does.
	if subject.MayAct != nil && subject.MayAct.Subject != actor.Subject {
		return nil, s.refuse(idp.CodeInvalidRequest, "The subject_token says that somebody else may act.", "RFC 8693 §4.4", "the actor that may_act names", "Exchange the token as the client that it names.")
	}
	depth := 0
	for a := actor; a != nil; a = a.Actor {
		depth++
	}
	if depth > actorsMost {
		return nil, s.refuse(idp.CodeInvalidRequest, "The subject_token has been exchanged too many times.", "RFC 8693 §4.1", "a chain of 5 actors at most", "Exchange the token that the person's application sent, not one that was exchanged before.")
	}
	if text == "" && s.Client.ExchangeImpersonates {
		return subject.Actor, nil
	}
	return actor, nil
}

// unproven refuses a token that is bound to a key which the request does not prove to hold: whoever copied the token could send it, too.
func unproven(s *Session, name string) error {
	s.Trace.Fail(idp.Check{
		Name: name + " comes with its key", Expected: "a DPoP proof by the key, or the TLS certificate, that the token's cnf names", Received: "another one, or none",
		Mend: "Send the request with the key that the token was fetched with.", Clause: "RFC 9449 §7.2",
	})
	return refuse(idp.CodeInvalidRequest, "The "+name+" is bound to a key, and the request does not prove to hold it.") // RFC 8693 §2.2.2
}

// audienceOf returns the audience of the new token: what was asked for, as far as the policy goes, or the one that the policy names.
func audienceOf(s *Session, asked []string) ([]string, error) {
	allowed := s.Client.ExchangeAudiences
	if len(asked) == 0 && len(allowed) == 1 {
		return allowed, nil
	}
	bad := slices.IndexFunc(asked, func(aud string) bool { return !slices.Contains(allowed, aud) })
	if len(asked) > 0 && bad < 0 {
		slices.Sort(asked)
		return slices.Compact(asked), nil
	}
	received := "none"
	if bad >= 0 {
		received = asked[bad]
	}
	s.Trace.Fail(idp.Check{
		Name: "audience is allowed", Expected: strings.Join(allowed, " or "), Received: received,
		Mend: "Add it to token_exchange_audiences of the client, if it should be.", Clause: "RFC 8693 §2.2.2",
	})
	return nil, refuse(idp.CodeInvalidTarget, "The client may not exchange tokens for this audience, or must say for which of several.")
}

// narrowed returns the scopes of the new token: never one that the subject's token or the client does not have.
func narrowed(s *Session, subject, asked []string) ([]string, error) {
	have := slices.DeleteFunc(stillAllowed(subject, s.Client), func(scope string) bool { return scope == idp.ScopeOfflineAccess || scope == idp.ScopeOpenID })
	if len(asked) == 0 {
		return have, nil
	}
	for _, scope := range asked {
		if !slices.Contains(have, scope) {
			s.Trace.Fail(idp.Check{Name: "scope does not grow", Expected: strings.Join(have, " "), Received: scope, Mend: "Ask for what both the subject_token and the client have.", Clause: "RFC 8693 §2.1"})
			return nil, refuse(idp.CodeInvalidScope, "The scope asks for more than the subject_token and the client have.")
		}
	}
	return asked, nil
}

// PopulateTokenEndpointResponse makes the access token. RFC 8693 §2.2.1: no refresh token, since the subject's may end any time.
func (g *Exchange) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	s := sessionOf(r)
	if _, err := issueAccess(ctx, g.Minter, s, resp); err != nil {
		return err
	}
	resp.SetExtra("issued_token_type", TypeAccessToken)
	if len(s.Scopes) > 0 { // RFC 8693 §2.2.1
		resp.SetExtra("scope", strings.Join(s.Scopes, " "))
	}
	return nil
}
