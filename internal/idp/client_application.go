package idp

import (
	"slices"
	"strings"
)

// ClientApplication is what an application says of itself beside its name and links (OpenID Connect Dynamic Client Registration 1.0 §2, RFC 7591 §2).
type ClientApplication struct {
	ApplicationType  string            `json:"application_type,omitempty" enum:"web,native" doc:"web or native; narrows what redirect URIs it may have"`
	InitiateLoginURI string            `json:"initiate_login_uri,omitempty" doc:"Where somebody else may start a sign-in at the application; https"`
	RequireAuthTime  bool              `json:"require_auth_time,omitempty" doc:"auth_time is in every ID token; it always is"`
	SoftwareID       string            `json:"software_id,omitempty" doc:"Names the software, whichever of its installations this is"`
	SoftwareVersion  string            `json:"software_version,omitempty"`
	Localized        map[string]string `json:"localized,omitempty" doc:"Name and links in other languages: client_name#de, policy_uri#fr"`
}

// The kinds of application (OpenID Connect Dynamic Client Registration 1.0 §2).
const (
	ApplicationWeb    = "web"
	ApplicationNative = "native"
)

const maxLocalized = 50 // names and links in other languages

// localizedMembers are what may be said in several languages (RFC 7591 §2.2).
func localizedMembers() []string {
	return []string{"client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"}
}

// checkApplication checks what an application says of itself.
func (c *Client) checkApplication(f *faults) {
	// OpenID Connect Core §4, OpenID Connect Dynamic Client Registration 1.0 §2: initiate_login_uri uses the https scheme.
	if uri := c.InitiateLoginURI; uri != "" && (!strings.HasPrefix(uri, "https://") || !isWebAddress(uri)) {
		f.add("initiate_login_uri", "%s is no https address. Write it in full, such as https://app.example/login.", quote(uri))
	}
	for _, text := range []struct{ field, value string }{{"software_id", c.SoftwareID}, {"software_version", c.SoftwareVersion}} {
		if len(text.value) > maxWord || !shownText(text.value) {
			f.add(text.field, "The text %s has invisible characters, spaces around it, or more than %d bytes.", quote(text.value), maxWord)
		}
	}
	c.checkApplicationType(f)
	c.checkLocalized(f)
}

// checkApplicationType holds redirect URIs to the kind of application, where one is named (OpenID Connect Dynamic Client Registration 1.0 §2).
func (c *Client) checkApplicationType(f *faults) {
	switch c.ApplicationType {
	case "":
		return
	case ApplicationWeb, ApplicationNative:
	default:
		f.add("application_type", "%s is not supported. Use %s.", quote(c.ApplicationType), list([]string{ApplicationWeb, ApplicationNative}))
		return
	}
	implicit := slices.ContainsFunc(c.ResponseTypes, func(t string) bool { return t != ResponseTypeCode && t != ResponseTypeNone })
	for i, uri := range c.RedirectURIs {
		scheme, rest, _ := strings.Cut(uri, ":")
		host, _ := hostFault(authorityOf(rest))
		web := scheme == "https" || scheme == "http"
		why := ""
		switch {
		case c.ApplicationType == ApplicationWeb && !web:
			why = "has a scheme of a native application's own, and the application_type is web. Register it as native."
		case c.ApplicationType == ApplicationWeb && implicit && (scheme != "https" || isLoopback(host)):
			// Tokens come in the front channel: nobody but the holder of the name may receive them.
			why = "is not https, or names this computer: a web application with response types other than code registers https addresses only."
		}
		if why != "" {
			f.list = append(f.list, &Error{Kind: Invalid, Code: CodeRedirectURI, Field: at("redirect_uris", i), Message: "The redirect URI " + quote(uri) + " " + why})
		}
	}
}

// authorityOf returns the authority of what follows a URI's scheme and colon; empty for none.
func authorityOf(rest string) string {
	after, found := strings.CutPrefix(rest, "//")
	if !found {
		return ""
	}
	if end := strings.IndexAny(after, "/?#"); end >= 0 {
		return after[:end]
	}
	return after
}

// checkLocalized checks names and links in other languages as the plain ones are checked (RFC 7591 §2.2).
func (c *Client) checkLocalized(f *faults) {
	if len(c.Localized) > maxLocalized {
		f.add("localized", "There are %d names and links in other languages; %d is the most.", len(c.Localized), maxLocalized)
		return
	}
	for member, value := range c.Localized {
		name, tag, _ := strings.Cut(member, "#")
		switch {
		case !slices.Contains(localizedMembers(), name) || !isLanguageTag(tag):
			f.add("localized", "%s is not the name of a member and a language, such as client_name#de.", quote(member))
		case name == "client_name" && !isShownName(value):
			f.add(member, "The name %s is empty, has invisible characters, spaces around it, or more than %d characters.", quote(value), maxName)
		case name != "client_name" && !isWebAddress(value):
			f.add(member, "%s is no https address. Write it in full, such as https://app.example/about.", quote(value))
		}
	}
}

// isLanguageTag reports whether s has the form of a language tag (RFC 5646 §2.1), bounded.
func isLanguageTag(s string) bool {
	if s == "" || len(s) > 35 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// InLanguage returns the name and the links of c as a reader of a language sees them: the member in that language, in its base
// language, or the plain one. language is a tag such as de-CH.
func (c *Client) InLanguage(language string) *Client {
	if len(c.Localized) == 0 {
		return c
	}
	said := map[string]string{} // tags are compared without their case (RFC 5646 §2.1.1)
	for member, value := range c.Localized {
		said[strings.ToLower(member)] = value
	}
	full := strings.ToLower(language)
	base, _, _ := strings.Cut(full, "-")
	shown := *c
	for name, field := range map[string]*string{
		"client_name": &shown.Name, "client_uri": &shown.ClientURI, "logo_uri": &shown.LogoURI, "tos_uri": &shown.TosURI, "policy_uri": &shown.PolicyURI,
	} {
		if value, ok := said[name+"#"+full]; ok {
			*field = value
		} else if value, ok := said[name+"#"+base]; ok {
			*field = value
		}
	}
	return &shown
}
