package ui

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"idp/internal/idp"
)

// Page is what Render writes: a view model in a language. The zero Locale is English.
type Page struct {
	Locale Locale
	View   View
}

// Name returns the name of the page, which is that of its template.
func (p Page) Name() string { return p.View.PageName() }

// View is a view model; it knows its template, so the two cannot be mixed up.
type View interface{ PageName() string }

// Form is what every POST form carries.
type Form struct {
	CSRF        string // never empty
	Interaction string // empty where nobody waits
}

// Client is the application that a page speaks of. ClientOf fills it; its addresses are http(s) or empty.
type Client struct {
	Name      string
	LogoURL   string
	HomeURL   string
	PolicyURL string
	TermsURL  string
}

// ClientOf returns what a page shows of c: its id where it has no name, and no address that is not http(s).
func ClientOf(c *idp.Client) *Client { return ClientIn(c, "") }

// ClientIn is ClientOf in a language, as far as the application said its name and addresses in it.
func ClientIn(c *idp.Client, language string) *Client {
	c = c.InLanguage(language)
	name := Plain(c.Name)
	if strings.TrimSpace(name) == "" {
		name = c.ID
	}
	shown := &Client{
		Name: name, LogoURL: webAddress(c.LogoURI), HomeURL: webAddress(c.ClientURI), PolicyURL: webAddress(c.PolicyURI),
		TermsURL: webAddress(c.TosURI),
	}
	if c.ManagedBy == idp.ManagedByDocument {
		shown.LogoURL = "" // somebody's whom nobody here knows: no borrowed mark, and no call to a host that nobody chose
	}
	return shown
}

// Initial returns the letter that stands for a missing logo.
func (c Client) Initial() string { return initial(c.Name) }

// Account is the person a page speaks to.
type Account struct {
	Name       string // what to call them; the identifier where there is no name
	Identifier string // what they sign in with: e-mail address or user name
}

// Initial returns the letter that stands for a picture.
func (a Account) Initial() string { return initial(a.Name) }

// Provider is another place to sign in with.
type Provider struct {
	ID   string // path segment of /login/upstream/{provider}
	Name string // shown: "Google"
	Icon string // "google", or empty for a plain mark
}

// Initial returns the letter that stands for a missing icon.
func (p Provider) Initial() string { return initial(p.Name) }

// initial returns the first letter or digit of s in upper case.
func initial(s string) string {
	for _, r := range s {
		if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r)) {
			return string(unicode.ToUpper(r))
		}
	}
	return "?"
}

// webAddress returns raw if it is an absolute http(s) address. Registrations are checked too; this stops a javascript: URL that
// came in before that check did.
func webAddress(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return raw
}
