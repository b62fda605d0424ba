package upstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"idp/internal/idp"
)

// plainOAuth2 is a provider without OpenID Connect: who signed in is what its user address answers to the access token. GitHub is a preset of
// it.
//
// An access token says nothing about whom it was made for. It may stand in for an ID token here only because it comes straight from the token endpoint,
// for a code that this browser's state and our client secret asked for; one that came any other way proves nothing (RFC 9700 §4.2.4, §4.9).
type plainOAuth2 struct{ codeFlow }

func newOAuth2(d deps, row idp.Provider) Provider {
	return &plainOAuth2{codeFlow{row: row, deps: d}}
}

// presetOAuth2 names the issuer of a provider that has none: the host where people sign in.
func presetOAuth2(p *idp.Provider) {
	if u, err := url.Parse(p.AuthorizationURL); p.Issuer == "" && err == nil && u.Host != "" {
		p.Issuer = u.Scheme + "://" + u.Host
	}
}

func (o *plainOAuth2) endpoints() endpoints {
	return endpoints{authorization: o.row.AuthorizationURL, token: o.row.TokenURL}
}

// Begin implements Provider. No context is asked for: there is no ID token that could vouch for one.
func (o *plainOAuth2) Begin(_ context.Context, req BeginRequest) (string, Pending, error) {
	var pending Pending
	var more []oauth2.AuthCodeOption
	for _, name := range slices.Sorted(maps.Keys(o.row.AuthorizationParameters)) {
		more = append(more, oauth2.SetAuthURLParam(name, o.row.AuthorizationParameters[name]))
	}
	to, err := o.begin(o.endpoints(), req, &pending, more...)
	return to, pending, err
}

// Finish implements Provider. The access token is used here and forgotten.
func (o *plainOAuth2) Finish(ctx context.Context, pending Pending, values url.Values, _ time.Time) (Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	cb, err := parseCallback(values)
	if err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	const announced = false // no discovery document says that iss is always there; one that is there counts
	code, err := o.code(cb, announced)
	if err != nil {
		return Claims{}, err
	}
	token, err := o.exchange(ctx, o.endpoints(), pending, code)
	if err != nil {
		return Claims{}, err
	}
	if err := checkBearer(token); err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	user, err := getJSON(ctx, o.deps.client, o.row.UserInfoURL, token.AccessToken)
	if err != nil {
		return Claims{}, o.refused(ctx, fmt.Errorf("userinfo_url: %w", err))
	}
	var emails []object
	if o.row.EmailsURL != "" {
		if emails, err = getParsed(ctx, o.deps.client, o.row.EmailsURL, token.AccessToken, parseObjects); err != nil {
			return Claims{}, o.refused(ctx, fmt.Errorf("emails_url (do the scopes allow it?): %w", err))
		}
	}
	claims, err := readMembers(&o.row, user, emails)
	if err != nil {
		return Claims{}, failed(o.row.Name, err)
	}
	if err := checkDomains(&o.row, claims); err != nil {
		return Claims{}, domainDenied(o.row.Name, err)
	}
	return claims, nil
}

// checkBearer refuses a token that cannot be used as one.
func checkBearer(token *oauth2.Token) error {
	// RFC 6749 §7.1: a token whose type is not understood must not be used. Providers that leave the type out mean this one.
	if token.Type() != "Bearer" {
		return fmt.Errorf("the access token's token_type is %s, want bearer", loggable(token.TokenType))
	}
	if len(token.AccessToken) > maxAccessToken || strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the access token is no token (RFC 6750 §2.1), or too long")
	}
	return nil
}
