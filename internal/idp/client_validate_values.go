package idp

import (
	"fmt"
	"slices"
	"strings"
)

// checkURIs checks everything that a browser is sent to, or that a page links.
func (c *Client) checkURIs(f *faults) {
	for _, uris := range []struct {
		field string
		list  []string
		code  string
	}{
		{"redirect_uris", c.RedirectURIs, CodeRedirectURI},
		{"post_logout_redirect_uris", c.PostLogoutRedirectURIs, "post_logout_redirect_uri_invalid"},
	} {
		if len(uris.list) > maxList {
			f.add(uris.field, "There are %d entries; %d is the most.", len(uris.list), maxList)
		}
		for i, uri := range uris.list {
			if why := redirectURIFault(uri); why != "" {
				f.list = append(f.list, &Error{Kind: Invalid, Code: uris.code, Field: at(uris.field, i), Message: "The redirect URI " + quote(uri) + " " + why})
			} else if slices.Contains(uris.list[:i], uri) {
				f.add(at(uris.field, i), "The redirect URI %s is named twice.", quote(uri))
			}
		}
	}
	checkEntries(f, "allowed_origins", c.AllowedOrigins, func(origin string) string {
		if isOrigin(origin) {
			return ""
		}
		return quote(origin) + " is no origin. Write scheme and host alone, such as https://app.example, without a slash at the end; http is for this computer only."
	})
	for _, link := range []struct{ field, uri string }{
		{"logo_uri", c.LogoURI}, {"client_uri", c.ClientURI}, {"policy_uri", c.PolicyURI}, {"tos_uri", c.TosURI},
	} {
		if link.uri != "" && !isWebAddress(link.uri) {
			f.add(link.field, "%s is no https address. Write it in full, such as https://app.example/about.", quote(link.uri))
		}
	}
}

// isWebAddress reports whether uri may be a link on our pages: https, or http on this computer; never javascript: or data:.
func isWebAddress(uri string) bool {
	uri, _, _ = strings.Cut(uri, "#")
	scheme, _, _ := strings.Cut(uri, ":")
	return (scheme == "https" || scheme == "http") && redirectURIFault(uri) == ""
}

// isOrigin reports whether s is an origin as browsers send it (RFC 6454 §6.2): no path, no default port.
func isOrigin(s string) bool {
	_, authority, found := strings.Cut(s, "://")
	if !found || strings.ContainsAny(authority, "/?#") || !isWebAddress(s) {
		return false
	}
	return !(strings.HasPrefix(s, "https:") && strings.HasSuffix(s, ":443")) && !(strings.HasPrefix(s, "http:") && strings.HasSuffix(s, ":80"))
}

// checkWords checks scopes, audiences and acr values: they are kept and sent as words between spaces.
func (c *Client) checkWords(f *faults) {
	for _, words := range []struct {
		field string
		list  []string
	}{
		{"scopes", c.Scopes}, {"audience", c.Audience}, {"default_acr_values", c.DefaultACRValues},
	} {
		checkEntries(f, words.field, words.list, wordFault)
	}
}

// wordFault says what is wrong with a scope, an audience, an acr value or an issuer; empty for nothing.
func wordFault(word string) string {
	if isScopeToken(word) {
		return ""
	}
	return fmt.Sprintf("%s is empty, longer than %d bytes, or has a space, a quote, a backslash or a character beyond ASCII (RFC 6749 §3.3).", quote(word), maxWord)
}

// checkEntries checks a list of at most maxList entries: each is as it must be, and none stands there twice. fault says what is wrong with one by itself;
// empty for nothing.
func checkEntries(f *faults, field string, entries []string, fault func(entry string) string) {
	if len(entries) > maxList {
		f.add(field, "There are %d entries; %d is the most.", len(entries), maxList)
	}
	for i, entry := range entries {
		if why := fault(entry); why != "" {
			f.add(at(field, i), "%s", why)
		} else if slices.Contains(entries[:i], entry) {
			f.add(at(field, i), "%s is named twice.", quote(entry))
		}
	}
}

// ValidScope reports whether s may be the name of a scope.
func ValidScope(s string) bool { return isScopeToken(s) }

// isScopeToken is scope-token of RFC 6749 §3.3, bounded.
func isScopeToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxWord
}

func (c *Client) checkPolicy(f *faults) {
	if c.DefaultMaxAge != nil && (*c.DefaultMaxAge < 0 || *c.DefaultMaxAge > maxTTL) {
		f.add("default_max_age", "The default max age %d is not between 0 and %d seconds.", *c.DefaultMaxAge, maxTTL)
	}
	if c.MaxSessionAge < 0 || c.MaxSessionAge > maxTTL {
		f.add("max_session_age", "The greatest session age %d is not between 0 (no limit) and %d seconds.", c.MaxSessionAge, maxTTL)
	}
}

// check checks what a client is promised.
func (k *Contract) check(f *faults, public bool) {
	if k.Version != DefaultContract().Version {
		f.add("contract.version", "There is no contract of version %d. Leave the version out.", k.Version)
	}
	for _, word := range []struct {
		field, have string
		known       []string
	}{
		{"contract.id_token_alg", k.IDTokenAlg, SupportedSigningAlgs()},
		{"contract.access_token_alg", k.AccessTokenAlg, SupportedSigningAlgs()},
		{"contract.access_token_format", k.AccessTokenFormat, []string{AccessTokenJWT, AccessTokenOpaque}},
		{"contract.refresh_mode", k.RefreshMode, []string{RefreshRotate, RefreshStatic}},
	} {
		if !slices.Contains(word.known, word.have) {
			f.add(word.field, "%s is not supported. Use %s.", quote(word.have), list(word.known))
		}
	}
	if public && k.RefreshMode == RefreshStatic {
		// RFC 9700 §4.14.2: refresh tokens of public clients are rotated or bound to a key.
		f.add("contract.refresh_mode", "Static refresh tokens need a client with a secret (RFC 9700 §4.14.2). Use %q.", RefreshRotate)
	}
	if !isScopeToken(k.RolesClaim) || ReservedClaim(k.RolesClaim) {
		f.add("contract.roles_claim", "%s cannot be the claim of the roles: it is empty, odd, or the name of another claim. Use \"roles\" or a URI of yours.", quote(k.RolesClaim))
	}
	for _, ttl := range []struct {
		field    string
		have     Seconds
		min, max Seconds
	}{
		{"contract.code_ttl", k.CodeTTL, 5, 600}, // RFC 6749 §4.1.2: ten minutes at most
		{"contract.access_token_ttl", k.AccessTokenTTL, 30, MaxTokenTTL},
		{"contract.id_token_ttl", k.IDTokenTTL, 30, MaxTokenTTL},
		{"contract.refresh_grace", k.RefreshGrace, 0, 600},
		{"contract.refresh_idle", k.RefreshIdle, 60, maxTTL},
		{"contract.refresh_max", k.RefreshMax, 60, maxTTL},
	} {
		if ttl.have < ttl.min || ttl.have > ttl.max {
			f.add(ttl.field, "%d is not between %d and %d seconds.", ttl.have, ttl.min, ttl.max)
		}
	}
	if k.RefreshIdle > k.RefreshMax {
		f.add("contract.refresh_idle", "The idle limit of %d seconds is longer than refresh_max, %d.", k.RefreshIdle, k.RefreshMax)
	}
}

// ReservedClaim reports whether a claim has a meaning of its own in tokens (RFC 7519, RFC 8417, RFC 8693, RFC 9068, OpenID Connect Core),
// so that nothing else may be released under its name.
func ReservedClaim(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "sid", "cnf",
		"client_id", "scope", "act", "may_act", "events", "typ",
		"email", "email_verified", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
		"profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address", "updated_at":
		return true
	}
	return false
}
