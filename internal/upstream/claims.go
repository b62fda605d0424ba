package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"idp/internal/idp"
)

const (
	maxProfileText = 256
	maxPictureURL  = 2048
	maxAMR         = 16
)

// readClaims turns checked claims into ours. Of a member that is there with the wrong type only auth_time fails the sign-in; the profile is
// a courtesy, and a strange picture is no reason to keep somebody out.
func readClaims(p *idp.Provider, idToken, userInfo object) (Claims, error) {
	sub, err := subject(idToken)
	if err != nil {
		return Claims{}, err
	}
	c := Claims{Issuer: p.Issuer, Subject: sub}
	at, ok, err := idToken.date("auth_time")
	if err != nil {
		return Claims{}, err
	}
	if ok {
		c.AuthTime = &at
	}
	if acr, err := idToken.text("acr"); err == nil && idp.ValidACR(acr) { // only what is signed counts, as with amr
		c.ACR = acr
	}
	if amr, err := idToken.texts("amr"); err == nil && len(amr) <= maxAMR {
		for _, m := range amr {
			if m = profileText(m); m != "" {
				c.AMR = append(c.AMR, m)
			}
		}
	}
	c.HostedDomain, _ = idToken.text("hd") // only what is signed counts

	// The address and its mark must come from one source: else the ID token's mark would vouch for UserInfo's address.
	source := idToken
	if !idToken.has("email") {
		source = userInfo
	}
	if email, err := source.text("email"); err == nil {
		if c.Email, ok = mailAddress(email); ok {
			c.EmailVerified = verified(source["email_verified"], p.EmailVerifiedText)
		}
	}
	c.EmailAuthoritative = c.EmailVerified && p.TrustEmail && (p.Type != TypeGoogle || googleSpeaksFor(c.Email, c.HostedDomain))

	either := func(name string) string {
		for _, o := range []object{idToken, userInfo} {
			if s, err := o.text(name); err == nil && s != "" {
				return profileText(s)
			}
		}
		return ""
	}
	c.Name, c.GivenName, c.FamilyName = either("name"), either("given_name"), either("family_name")
	c.Locale, c.PreferredUsername = either("locale"), either("preferred_username")
	for _, o := range []object{idToken, userInfo} {
		if s, err := o.text("picture"); err == nil && c.Picture == "" {
			c.Picture = pictureURL(s)
		}
	}
	return c, nil
}

// verified reads email_verified: the JSON value true, or for providers known to write it so the string "true" (SEC-7).
func verified(mark json.RawMessage, textToo bool) bool {
	return string(mark) == "true" || textToo && string(mark) == `"true"`
}

// mailAddress returns an e-mail address as this server writes it.
func mailAddress(s string) (string, bool) {
	if strings.ContainsRune(s, unicode.ReplacementChar) {
		return "", false
	}
	return idp.CanonicalEmail(s)
}

// checkDomains applies the operator's rules to what was verified. What is missing is denied (PS-5): a stranger without an
// address is still a stranger.
func checkDomains(p *idp.Provider, c Claims) error {
	if p.HostedDomain != "" && c.HostedDomain != p.HostedDomain {
		return fmt.Errorf("hd is %s, want %s", loggable(c.HostedDomain), p.HostedDomain)
	}
	if len(p.AllowedDomains) == 0 {
		return nil
	}
	if c.Email == "" || !c.EmailVerified {
		return errors.New("no verified address to compare with allowed_domains")
	}
	domain := c.Email[strings.LastIndexByte(c.Email, '@')+1:]
	for _, allowed := range p.AllowedDomains {
		if domain == allowed {
			return nil
		}
	}
	return fmt.Errorf("the address's domain %s is not in allowed_domains", loggable(domain))
}

// profileText makes a stranger's text fit for a profile: one line, bounded.
func profileText(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		const nonJoiner, joiner = '\u200c', '\u200d' // part of the spelling of Persian and Indian names
		if r != nonJoiner && r != joiner && (r == unicode.ReplacementChar || !unicode.IsGraphic(r)) {
			return -1
		}
		return r
	}, s))
	if runes := []rune(s); len(runes) > maxProfileText {
		s = string(runes[:maxProfileText])
	}
	return s
}

func pictureURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxPictureURL || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
