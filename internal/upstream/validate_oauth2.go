package upstream

import (
	"errors"
	"net/url"
	"slices"

	"idp/internal/idp"
)

const (
	maxEndpoint   = 2048
	maxParameters = 16
)

// reservedParameters are the protocol's own: what an operator would add of these would undo a protection.
func reservedParameters() []string {
	return []string{
		"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"request", "request_uri", "login_hint", "ui_locales",
	}
}

// checkOAuth2 is what plain OAuth 2 asks of a row: all that discovery would say.
func checkOAuth2(p *idp.Provider, fault faultFunc) {
	for _, e := range []struct{ field, value, what string }{
		{"authorization_url", p.AuthorizationURL, "where the browser is sent"},
		{"token_url", p.TokenURL, "where the code becomes an access token"},
		{"userinfo_url", p.UserInfoURL, "what says who signed in"},
		{"emails_url", p.EmailsURL, ""},
	} {
		switch err := checkOperatorsURL(e.value); {
		case e.value == "" && e.what == "":
		case e.value == "":
			fault(e.field, "The address %s is missing: %s. The provider's documentation names it.", e.field, e.what)
		case err != nil:
			fault(e.field, "The address %s %s %s. Write it as the provider's documentation does, beginning with https://.", e.field, loggable(e.value), err)
		}
	}
	checkOwnIssuer(p, fault)
	checkParameters(p, fault)
	checkMembers(p, fault)
	if len(p.Vouchers) > 0 {
		fault("vouches_for", "A provider of plain OAuth 2 gives no ID token, so nothing that it says can be worth a context here. Leave vouches_for empty.")
	}
}

// checkOwnIssuer: identities are (issuer, subject), whichever provider they come by. Without this, a slip would let one provider speak for the accounts
// of another.
func checkOwnIssuer(p *idp.Provider, fault faultFunc) {
	if p.Issuer == "" {
		return // authorization_url is missing, which is said already
	}
	checkIssuer(p, fault)
	issuer, err := url.Parse(p.Issuer)
	to, toErr := url.Parse(p.AuthorizationURL)
	if err == nil && toErr == nil && to.Host != "" && (issuer.Host != to.Host || issuer.Scheme != to.Scheme) {
		fault("issuer", "The issuer %s is not of the host of authorization_url. Identities here are the issuer and the subject: name the host where people sign in, or leave the issuer empty.", loggable(p.Issuer))
	}
}

func checkOperatorsURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || !plainText(s[:min(len(s), maxField)]) || len(s) > maxEndpoint:
		return errors.New("is no absolute address")
	case u.User != nil || u.Fragment != "":
		return errors.New("has a user name or a fragment")
	case checkTransportSecurity(u) != nil:
		return errors.New("is not https, and plain http is for a provider on this machine only")
	case slices.ContainsFunc(reservedParameters(), u.Query().Has):
		return errors.New("has a parameter that is not yours to set")
	}
	return nil
}

func checkParameters(p *idp.Provider, fault faultFunc) {
	if len(p.AuthorizationParameters) > maxParameters {
		fault("authorization_parameters", "There are %d parameters; %d is the most.", len(p.AuthorizationParameters), maxParameters)
		return
	}
	for name, value := range p.AuthorizationParameters {
		switch {
		case slices.Contains(reservedParameters(), name):
			fault("authorization_parameters", "The parameter %s is not yours to set: the protocol needs it.", name)
		case name == "" || value == "" || !plainText(name) || !plainText(value):
			fault("authorization_parameters", "The parameter %s has no name, no value, spaces around it, control characters, or more than %d bytes.", loggable(name), maxField)
		}
	}
}

func checkMembers(p *idp.Provider, fault faultFunc) {
	c := p.Claims
	if c.Subject == "" {
		fault("claims.subject", "The member claims.subject is missing: it is the one of the user's answer that holds an id which the provider never gives to another account, such as id. A login name or an address can change hands.")
	}
	for _, m := range []struct{ field, path string }{
		{"claims.subject", c.Subject},
		{"claims.name", c.Name},
		{"claims.username", c.Username},
		{"claims.picture", c.Picture},
		{"claims.email", c.Email},
		{"claims.email_verified", c.EmailVerified},
	} {
		if m.path != "" && !validMember(m.path) {
			fault(m.field, "%s is no path to a member: write its name, or names with dots between them, at most %d and %d bytes.", loggable(m.path), maxMemberDepth, maxMemberPath)
		}
	}
	switch {
	case p.EmailsURL != "" && (c.Email != "" || c.EmailVerified != ""):
		fault("claims.email", "The address comes from emails_url, with its mark. Leave out claims.email and claims.email_verified, or emails_url.")
	case c.Email == "" && c.EmailVerified != "":
		fault("claims.email", "There is claims.email_verified and no claims.email that it could be about.")
	}
	if marked := p.EmailsURL != "" || c.EmailVerified != "" || p.TrustEmail && c.Email != ""; len(p.AllowedDomains) > 0 && !marked {
		fault("allowed_domains", "Without a verified address everybody is refused: name emails_url, or claims.email with claims.email_verified, or set trust_email if this provider verifies every address.")
	}
}
