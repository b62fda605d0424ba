package ui

import "strings"

// Consent is the page that asks whether an application may have what it asks for.
type Consent struct {
	Form
	Client       *Client
	RedirectHost string // where the answer goes, so that a borrowed name gives itself away
	Account      Account
	UserID       string // of the account; comes back with the answer, which counts for nobody else
	Scopes       []Scope
	Details      []Detail // what it asks for beyond scopes (RFC 9396)
	DetailDigest string   // comes back with the answer, which counts for these details and no others
	Unverified   bool     // registered by itself: nobody here has looked at it
	Loopback     bool     // the answer goes to a program on this computer, whichever that is
}

// PageName names the template.
func (Consent) PageName() string { return "consent" }

// Asked names what the page asks for; it comes back with the answer, which counts for nothing else.
func (c Consent) Asked() string {
	names := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		names[i] = s.Name
	}
	return strings.Join(names, " ")
}

// Scope is one thing an application asks for.
type Scope struct {
	Name        string
	Description string // the operator's words for a scope of their own; empty for the standard ones
	Allowed     bool   // was allowed before
}

// scopeWords returns the ids of title and detail of a standard scope.
func scopeWords(name string) (title, detail string, ok bool) {
	switch name {
	case "openid":
		return "scope.openid", "scope.openid.detail", true
	case "profile":
		return "scope.profile", "scope.profile.detail", true
	case "email":
		return "scope.email", "scope.email.detail", true
	case "address":
		return "scope.address", "scope.address.detail", true
	case "phone":
		return "scope.phone", "scope.phone.detail", true
	case "offline_access":
		return "scope.offline_access", "scope.offline_access.detail", true
	case "roles":
		return "scope.roles", "scope.roles.detail", true
	}
	return "", "", false
}

// Detail is one authorization detail: the operator's words for its type, and what it says.
type Detail struct {
	Title  string
	Fields []DetailField
}

// DetailField is one member of a detail, by its path, as text.
type DetailField struct{ Name, Value string }
