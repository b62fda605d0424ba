package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"idp/internal/idp"
)

const (
	maxLoginHint = 320
	maxUILocales = 128
)

// openID is the generic OpenID Connect provider. Google is a preset of it.
type openID struct {
	row      idp.Provider
	deps     deps
	metadata *cached[*metadata]

	mu   sync.Mutex
	keys *keySet // of the jwks_uri that the metadata last named
	uri  string
}

func newOIDC(d deps, row idp.Provider) Provider {
	return &openID{row: row, deps: d, metadata: &cached[*metadata]{
		what: "discovery", logger: d.logger.With("provider_id", row.ID),
		fetch: func(ctx context.Context) (*metadata, error) { return discover(ctx, d.client, row.Issuer) },
	}}
}

// Begin implements Provider.
func (o *openID) Begin(ctx context.Context, req BeginRequest) (string, Pending, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	m, err := o.metadata.get(ctx)
	if err != nil {
		return "", Pending{}, o.unreachable(err)
	}
	if req.State == "" || req.RedirectURI == "" {
		return "", Pending{}, errors.New("upstream: state and redirect uri are the caller's to give")
	}
	pending := Pending{Nonce: oauth2.GenerateVerifier(), CodeVerifier: oauth2.GenerateVerifier(), RedirectURI: req.RedirectURI}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(pending.CodeVerifier), oidc.Nonce(pending.Nonce)}
	passOn := func(name, value string) {
		if value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	// The only three that a client has a say in (PS-23): it must not be able to name another hd, scope or redirect_uri. They are
	// hints, so one that is out of bounds is left out rather than refused.
	passOn("login_hint", hint(req.LoginHint, maxLoginHint))
	passOn("ui_locales", hint(req.UILocales, maxUILocales))
	passOn("prompt", prompt(req.Prompt))
	passOn("hd", o.row.HostedDomain)
	passOn("acr_values", strings.Join(req.ACRValues, " "))
	return o.oauth2(m, req.RedirectURI).AuthCodeURL(req.State, options...), pending, nil
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
	// Before the code is sent anywhere: in a mix-up attack it belongs to another provider (RFC 9207 §2.4).
	if err := checkCallbackIssuer(m, cb.iss); err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	if cb.err != "" {
		return Claims{}, answeredError(o.row.Name, cb)
	}
	token, err := o.exchange(ctx, m, pending, cb.code)
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

func checkCallbackIssuer(m *metadata, iss string) error {
	switch {
	case iss == "" && m.issInCallback:
		return errors.New("the callback has no iss though the provider announces that it always sends it")
	case iss != "" && !sameIssuer(m.issuer, iss):
		return fmt.Errorf("the callback's iss is %s, want %s", loggable(iss), m.issuer)
	}
	return nil
}

// exchange redeems the code (RFC 6749 §4.1.3). The library's error texts hold the answer's body, so only their known parts are kept.
func (o *openID) exchange(ctx context.Context, m *metadata, pending Pending, code string) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, o.deps.client)
	token, err := o.oauth2(m, pending.RedirectURI).Exchange(ctx, code, oauth2.VerifierOption(pending.CodeVerifier))
	if err == nil {
		return token, nil
	}
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return nil, o.refused(ctx, fmt.Errorf("token endpoint: %w", err))
	}
	word, description := answer.ErrorCode, answer.ErrorDescription
	for _, known := range []string{o.row.ClientSecret, code, pending.CodeVerifier} { // some providers repeat what they were sent
		if known != "" {
			word, description = strings.ReplaceAll(word, known, "[redacted]"), strings.ReplaceAll(description, known, "[redacted]")
		}
	}
	err = fmt.Errorf("token endpoint answers %d error=%s description=%s",
		answer.Response.StatusCode, loggable(word), loggable(description))
	switch {
	case answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client":
		return nil, misconfigured(o.row.Name, err)
	case answer.Response.StatusCode >= http.StatusInternalServerError || answer.Response.StatusCode == http.StatusTooManyRequests:
		return nil, unavailable(o.row.Name, retryLater, err)
	}
	return nil, failed(o.row.Name, err)
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

func (o *openID) oauth2(m *metadata, redirectURI string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if o.row.ClientAuthMethod == idp.AuthClientSecretPost {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: o.row.ClientID, ClientSecret: o.row.ClientSecret, RedirectURL: redirectURI, Scopes: o.row.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: m.authorizationEndpoint, TokenURL: m.tokenEndpoint, AuthStyle: style},
	}
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

// refused tells an upstream that does not answer from one whose answer is wrong.
func (o *openID) refused(ctx context.Context, err error) *idp.Error {
	var transport *url.Error
	var status *statusError
	var document *documentError
	switch {
	case errors.As(err, &document), errors.Is(err, errTooLarge):
		return misconfigured(o.row.Name, err)
	case ctx.Err() != nil, errors.As(err, &transport), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &status) && status.status >= http.StatusInternalServerError:
		return unavailable(o.row.Name, retryAfter(err), err)
	}
	return failed(o.row.Name, err)
}

// hint returns s, or nothing if it is too long or no printable text.
func hint(s string, limit int) string {
	if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}

// prompt keeps the words of OpenID Connect Core §3.1.2.1; "none" only stands alone.
func prompt(s string) string {
	var words []string
	for _, w := range strings.Fields(hint(s, maxUILocales)) {
		if w == "none" && s != "none" || slices.Contains(words, w) {
			continue
		}
		if slices.Contains([]string{"none", "login", "consent", "select_account"}, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
