package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"idp/internal/idp"
)

const (
	maxMemberPath  = 256
	maxMemberDepth = 8
	maxEmails      = 100
)

// wholeNumber is an id that has one spelling only: 1, 1.0 and 1e0 would be three subjects and one person. Nought is what a provider that lost the
// person would write.
var wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,39}$`)

// readMembers turns the answer of a provider of plain OAuth 2 into claims, by the operator's words. Only the subject can fail the sign-in: the rest is a
// courtesy.
func readMembers(p *idp.Provider, user object, emails []object) (Claims, error) {
	sub, err := user.identifierAt(p.Claims.Subject)
	if err != nil {
		return Claims{}, fmt.Errorf("userinfo_url: the subject: %w", err)
	}
	c := Claims{
		Issuer: p.Issuer, Subject: sub,
		Name: profileText(user.textAt(p.Claims.Name)), PreferredUsername: profileText(user.textAt(p.Claims.Username)), Picture: pictureURL(user.textAt(p.Claims.Picture)),
	}
	if p.EmailsURL != "" {
		c.Email, c.EmailVerified, err = primaryAddress(emails, p.EmailVerifiedText)
		if err != nil {
			return Claims{}, fmt.Errorf("emails_url: %w", err)
		}
	} else if email, ok := mailAddress(user.textAt(p.Claims.Email)); ok {
		c.Email = email
		// SEC-7: without a mark it is the operator who says that this provider verifies every address. A mark that there is counts alone.
		c.EmailVerified = p.TrustEmail
		if p.Claims.EmailVerified != "" {
			mark, _ := user.at(p.Claims.EmailVerified)
			c.EmailVerified = verified(mark, p.EmailVerifiedText)
		}
	}
	c.EmailAuthoritative = c.EmailVerified && p.TrustEmail
	return c, nil
}

// primaryAddress returns the one address of a list that the person uses, with its own mark. None is as well as no address; two are a
// list that cannot be relied on.
func primaryAddress(list []object, textToo bool) (email string, isVerified bool, err error) {
	if len(list) > maxEmails {
		return "", false, fmt.Errorf("there are more than %d addresses", maxEmails)
	}
	found := false
	for _, entry := range list {
		if string(entry["primary"]) != "true" {
			continue
		}
		if found {
			return "", false, errors.New("two addresses are primary")
		}
		found = true
		text, err := entry.text("email")
		if err != nil {
			continue
		}
		var ok bool
		if email, ok = mailAddress(text); ok {
			isVerified = verified(entry["verified"], textToo)
		}
	}
	return email, isVerified, nil
}

// at returns what a dotted path leads to, through objects only.
func (o object) at(path string) (json.RawMessage, bool) {
	for {
		name, rest, deeper := strings.Cut(path, ".")
		if !o.has(name) {
			return nil, false
		}
		if !deeper {
			return o[name], true
		}
		var inner object
		if err := json.Unmarshal(o[name], &inner); err != nil {
			return nil, false
		}
		o, path = inner, rest
	}
}

// textAt returns the text that a path leads to, or nothing.
func (o object) textAt(path string) string {
	raw, _ := o.at(path)
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return ""
	}
	return s
}

// identifierAt returns an id, which is text or a whole number.
func (o object) identifierAt(path string) (string, error) {
	raw, ok := o.at(path)
	if !ok {
		return "", fmt.Errorf("%s is missing", path)
	}
	if wholeNumber.Match(raw) {
		return string(raw), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%s is neither text nor a whole number above 0", path)
	}
	return s, checkSubject(path, s)
}

// validMember reports whether a path is one.
func validMember(path string) bool {
	names := strings.Split(path, ".")
	for _, name := range names {
		if name == "" || !plainText(name) {
			return false
		}
	}
	return len(path) <= maxMemberPath && len(names) <= maxMemberDepth
}
