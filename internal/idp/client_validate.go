package idp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a registration may hold at most: an outsider's document is bounded in every direction.
const (
	maxList    = 100 // entries of a list
	maxWord    = 256 // bytes of a scope, an audience, an acr
	maxName    = 100 // characters of a name
	maxSecrets = 5
	maxTTL     = 10 * 365 * 86400 // seconds
)

// SupportedGrantTypes lists the grants that a client may be registered for: those that the token endpoint serves, and implicit.
func SupportedGrantTypes() []string {
	return []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantImplicit, GrantDeviceCode, GrantTokenExchange, GrantJWTBearer, GrantCIBA}
}

// ApplyDefaults fills what a registration left out. Lists that are nil get their default; empty lists stay empty. Every default
// is written into the client, so that a later release cannot change it underneath.
func (c *Client) ApplyDefaults() {
	c.Contract.applyDefaults()
	if c.GrantTypes == nil {
		c.GrantTypes = []string{GrantAuthorizationCode, GrantRefreshToken}
	}
	c.applyProfile()
	if c.AuthMethods == nil {
		c.AuthMethods = []string{AuthClientSecretBasic, AuthClientSecretPost} // RP-3: client libraries mix the two
	}
	code := slices.Contains(c.GrantTypes, GrantAuthorizationCode)
	if c.ResponseTypes == nil && code {
		c.ResponseTypes = []string{ResponseTypeCode}
	}
	if c.DeliveryMode == "" && slices.Contains(c.GrantTypes, GrantCIBA) {
		c.DeliveryMode = DeliveryPoll
	}
	c.ResponseTypes = canonicalResponseTypes(c.ResponseTypes)
	if c.Scopes == nil && (c.hasPeople() || slices.Contains(c.GrantTypes, GrantImplicit)) {
		c.Scopes = []string{ScopeOpenID, ScopeProfile, ScopeEmail}
	}
	if c.Public() && code {
		c.RequirePKCE = true // RP-4, RFC 9700 §2.1.1
	}
	c.ClientFormats.applyDefaults()
}

// applyDefaults fills a contract that has no version yet. The switches of a contract that says anything at all are left as they
// are: whoever decodes one decodes it over DefaultContract.
func (k *Contract) applyDefaults() {
	d := DefaultContract()
	if *k == (Contract{}) {
		*k = d
		return
	}
	if k.Version == 0 {
		k.Version = d.Version
	}
	for _, f := range []struct{ have, want *string }{
		{&k.IDTokenAlg, &d.IDTokenAlg},
		{&k.AccessTokenAlg, &d.AccessTokenAlg},
		{&k.AccessTokenFormat, &d.AccessTokenFormat},
		{&k.RolesClaim, &d.RolesClaim},
		{&k.RefreshMode, &d.RefreshMode},
	} {
		if *f.have == "" {
			*f.have = *f.want
		}
	}
	for _, f := range []struct{ have, want *Seconds }{
		{&k.CodeTTL, &d.CodeTTL},
		{&k.AccessTokenTTL, &d.AccessTokenTTL},
		{&k.IDTokenTTL, &d.IDTokenTTL},
		{&k.RefreshIdle, &d.RefreshIdle},
		{&k.RefreshMax, &d.RefreshMax},
	} {
		if *f.have == 0 {
			*f.have = *f.want
		}
	}
}

// Validate returns every fault of a registration at once, joined; each is an *Error that names its field. It is the one rule for
// every door: API, command line, files, dynamic registration.
func (c *Client) Validate() error {
	f := &faults{}
	c.checkIdentity(f)
	c.checkProfile(f)
	c.checkCredentials(f)
	c.checkFlows(f)
	c.checkURIs(f)
	c.checkWords(f)
	c.checkPolicy(f)
	c.checkSender(f)
	c.checkExchange(f)
	c.checkAssertion(f)
	c.checkLogout(f)
	c.checkCIBA(f)
	c.Contract.check(f, c.Public())
	c.checkAnswers(f)
	c.checkRequests(f)
	c.checkApplication(f)
	c.checkOrigin(f)
	c.checkKeys(f)
	c.checkFormats(f)
	c.checkSubject(f)
	c.checkAuthentication(f)
	return errors.Join(f.list...)
}

type faults struct{ list []error }

func (f *faults) add(field, format string, args ...any) {
	f.list = append(f.list, Invalidf(field, format, args...))
}

func (c *Client) checkIdentity(f *faults) {
	switch {
	case c.ID == "":
		f.add("client_id", "The client id is missing.")
	case !ValidClientID(c.ID):
		f.add("client_id", "The client id %s is not made of at most %d letters, digits, dashes, underscores and dots with a letter or digit first.", quote(c.ID), maxClientID)
	}
	if c.Name != "" && !isShownName(c.Name) {
		// Bidirectional and invisible characters would let one application look like another on the consent page.
		f.add("client_name", "The name %s has invisible characters, spaces around it, or more than %d characters.", quote(c.Name), maxName)
	}
	if len(c.ManagedBy) > maxWord || !shownText(c.ManagedBy) {
		f.add("managed_by", "The source %s has invisible characters or is longer than %d bytes.", quote(c.ManagedBy), maxWord)
	}
	if len(c.Contacts) > 10 {
		f.add("contacts", "There are %d contacts; 10 is the most.", len(c.Contacts))
	}
	for i, contact := range c.Contacts {
		if contact == "" || len(contact) > maxWord || !shownText(contact) {
			f.add(at("contacts", i), "The contact %s is empty, has invisible characters, or is longer than %d bytes.", quote(contact), maxWord)
		}
	}
}

// isShownName reports whether a name can stand on the consent page.
func isShownName(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= maxName && shownText(name)
}

func (c *Client) checkFlows(f *faults) {
	checkWordsOf(f, "grant_types", c.GrantTypes, SupportedGrantTypes())
	code := slices.Contains(c.GrantTypes, GrantAuthorizationCode)
	c.checkResponseTypes(f) // RFC 7591 §2.1: response types and grant types agree
	if slices.Contains(c.GrantTypes, GrantRefreshToken) && !c.hasPeople() {
		f.add("grant_types", "The grant type %q needs %q, or another one that a person allows: no other grant gives out a refresh token.", GrantRefreshToken, GrantAuthorizationCode)
	}
	if c.Public() && slices.Contains(c.GrantTypes, GrantClientCredentials) {
		// RFC 6749 §4.4: the client credentials grant MUST only be used by confidential clients.
		f.add("grant_types", "The grant type %q is for clients with a secret (RFC 6749 §4.4).", GrantClientCredentials)
	}
	if code && c.Public() && !c.RequirePKCE {
		// RFC 9700 §2.1.1: without it whoever intercepts a public client's code can use it.
		f.add("require_pkce", "A client without a secret must use PKCE. Set require_pkce to true.")
	}
	// RFC 6749 §3.1.2.2: of every client that uses the authorization endpoint, not only of public ones.
	if (code || len(c.ResponseTypes) > 0) && len(c.RedirectURIs) == 0 {
		f.add("redirect_uris", "A client that sends people to the authorization endpoint needs at least one redirect URI.")
	}
	if slices.Contains(c.Scopes, ScopeOfflineAccess) && !slices.Contains(c.GrantTypes, GrantRefreshToken) {
		f.add("scopes", "The scope %q needs the grant type %q.", ScopeOfflineAccess, GrantRefreshToken)
	}
}

// checkWordsOf checks a list whose entries must be known and different.
func checkWordsOf(f *faults, field string, have, known []string) {
	for i, word := range have {
		switch {
		case !slices.Contains(known, word):
			f.add(at(field, i), "%s is not supported. Use %s.", quote(word), list(known))
		case slices.Contains(have[:i], word):
			f.add(at(field, i), "%s is named twice.", quote(word))
		}
	}
}

// shownText reports whether people see the text as it is: valid, no space around it, nothing invisible.
func shownText(s string) bool {
	return utf8.ValidString(s) && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' // part of the spelling of Persian and Indian names
	})
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

func list(words []string) string { return strings.Join(words, ", ") }
