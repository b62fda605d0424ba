package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"idp/internal/idp"
)

// openID is the generic OpenID Connect provider. Google is a preset of it.
type openID struct {
	codeFlow
	metadata *cached[*metadata]

	mu   sync.Mutex
	keys *keySet // of the jwks_uri that the metadata last named
	uri  string
}

func newOIDC(d deps, row idp.Provider) Provider {
	return &openID{codeFlow: codeFlow{row: row, deps: d}, metadata: &cached[*metadata]{
		what: "discovery", logger: d.logger.With("provider_id", row.ID),
		fetch: func(ctx context.Context) (*metadata, error) { return discover(ctx, d.client, row.Issuer) },
	}}
}

// presetOIDC fills in what every provider of OpenID Connect is asked for.
func presetOIDC(p *idp.Provider) {
	if len(p.Scopes) == 0 {
		p.Scopes = []string{idp.ScopeOpenID, idp.ScopeEmail, idp.ScopeProfile}
	}
}

// Begin implements Provider.
func (o *openID) Begin(ctx context.Context, req BeginRequest) (string, Pending, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	m, err := o.metadata.get(ctx)
	if err != nil {
		return "", Pending{}, o.unreachable(err)
	}
	pending := Pending{Nonce: oauth2.GenerateVerifier()}
	more := []oauth2.AuthCodeOption{oidc.Nonce(pending.Nonce)}
	for name, value := range map[string]string{"hd": o.row.HostedDomain, "acr_values": strings.Join(req.ACRValues, " ")} {
		if value != "" {
			more = append(more, oauth2.SetAuthURLParam(name, value))
		}
	}
	to, err := o.begin(m.endpoints, req, &pending, more...)
	return to, pending, err
}

// Finish implements Provider.
func (o *openID) Finish(ctx context.Context, pending Pending, values url.Values, now time.Time) (Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	cb, err := parseCallback(values)
	if err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	m, err := o.metadata.get(ctx)
	if err != nil {
		return Claims{}, o.unreachable(err)
	}
	code, err := o.code(cb, m.issInCallback)
	if err != nil {
		return Claims{}, err
	}
	token, err := o.exchange(ctx, m.endpoints, pending, code)
	if err != nil {
		return Claims{}, err
	}
	idToken, err := o.verify(ctx, m, pending, token, now)
	if err != nil {
		return Claims{}, o.refused(ctx, err)
	}
	userInfo, err := o.userInfo(ctx, m, token.AccessToken, idToken)
	if err != nil {
		return Claims{}, o.refused(ctx, err)
	}
	claims, err := readClaims(&o.row, idToken, userInfo)
	if err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	if err := checkDomains(&o.row, claims); err != nil {
		return Claims{}, domainDenied(o.row.Name, err)
	}
	return claims, nil
}

// verify checks the ID token: its form, signature, claims and, if there, the hash of the access token.
func (o *openID) verify(ctx context.Context, m *metadata, pending Pending, token *oauth2.Token, now time.Time) (object, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, errors.New("the token endpoint's answer has no ID token")
	}
	claims, err := precheckIDToken(raw, m.algorithms)
	if err != nil {
		return nil, err
	}
	// Before the signature, because all must hold anyway: a token that is wrong on its face costs no key lookup, and the library's
	// error texts, which quote claims at any length, are never reached by strange ones.
	if err := checkIDToken(claims, idTokenFacts{issuer: o.row.Issuer, clientID: o.row.ClientID, nonce: pending.Nonce, now: now}); err != nil {
		return nil, err
	}
	keys := &keyLookup{keys: o.keySet(m)}
	verifier := oidc.NewVerifier(o.row.Issuer, keys, &oidc.Config{
		ClientID: o.row.ClientID, SupportedSigningAlgs: m.algorithms, Now: func() time.Time { return now },
	})
	verified, err := verifier.Verify(ctx, raw)
	if keys.err != nil {
		return nil, keys.err
	}
	if err != nil {
		return nil, err
	}
	// Absent is allowed in the code flow; present and empty, or not a string, must not fall through as absent.
	if _, ok := claims["at_hash"]; ok {
		if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, errors.New("at_hash does not match the access token")
		}
	}
	return claims, nil
}

// keySet returns the keys of the address that the discovery document names, kept as long as that stays the same.
func (o *openID) keySet(m *metadata) *keySet {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keys == nil || o.uri != m.jwksURI {
		o.keys, o.uri = newKeySet(o.deps.client, o.deps.logger.With("provider_id", o.row.ID), m.jwksURI), m.jwksURI
	}
	return o.keys
}

// unreachable classifies a discovery document that cannot be had.
func (o *openID) unreachable(err error) *idp.Error {
	var document *documentError
	var status *statusError
	if errors.As(err, &document) || errors.Is(err, errTooLarge) || errors.As(err, &status) && status.status == http.StatusNotFound {
		return misconfigured(o.row.Name, err)
	}
	return unavailable(o.row.Name, retryAfter(err), err)
}
