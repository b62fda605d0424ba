package ui

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
)

// Logout asks whether to sign out, when no valid id_token_hint says who asks.
type Logout struct {
	Form
	Client  *Client // nil where unknown
	Account Account // who is signed in
	Other   bool    // the application means another person
}

// PageName names the template.
func (Logout) PageName() string { return "logout" }

// SignedOut says that the session has ended.
type SignedOut struct {
	Client    *Client
	ReturnURL string   // a registered post_logout_redirect_uri with its state; empty for none
	Auto      bool     // go there by itself
	Frames    []string // addresses at which applications sign the person out too; from their registrations
}

// PageName names the template.
func (SignedOut) PageName() string { return "signed_out" }

// framesPatience is how many seconds the page stays for its frames before it goes on.
const framesPatience = 3

// Wait returns after how many seconds the page goes on.
func (s SignedOut) Wait() int {
	if len(s.Frames) > 0 {
		return framesPatience
	}
	return 0
}

// framed returns the origins that the page's frames come from.
func (s SignedOut) framed() []string {
	var list []string
	for _, frame := range s.Frames {
		if origin := idp.OriginOf(frame); origin != "" && !slices.Contains(list, origin) {
			list = append(list, origin)
		}
	}
	return list
}

// Return returns ReturnURL for a link.
func (s SignedOut) Return() (template.URL, error) { return target(s.ReturnURL) }

// Continue is the page between a form and another origin; it goes on at once, and has a link for when it does not.
type Continue struct {
	URL    string
	Client *Client // where it leads; nil for Name
	Name   string  // a provider's name
}

// PageName names the template.
func (Continue) PageName() string { return "continue" }

// Target returns URL for a link.
func (c Continue) Target() (template.URL, error) { return target(c.URL) }

// Destination returns the name of the place.
func (c Continue) Destination() string {
	if c.Client != nil {
		return c.Client.Name
	}
	return c.Name
}

// FormPost is the answer of response_mode=form_post: it posts itself to the application.
type FormPost struct {
	URL    string
	Client *Client
	Fields []Field
}

// Field is one hidden field of FormPost.
type Field struct{ Name, Value string }

// PageName names the template.
func (FormPost) PageName() string { return "form_post" }

func (FormPost) postsAway() bool { return true }

// Target returns URL for the form.
func (f FormPost) Target() (template.URL, error) { return target(f.URL) }

// target lets a registered address through to a link, whatever its scheme: native applications have their own (RFC 8252 §7.1).
// The schemes that a browser runs as code stay out.
func target(raw string) (template.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("address of the link: %w", err)
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "blob", "file", "about", "view-source", "filesystem":
		return "", fmt.Errorf("address of the link: scheme %q may not be linked to", u.Scheme)
	case "":
		if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(raw, "//") {
			return "", fmt.Errorf("address of the link: neither absolute nor a path of this server")
		}
	}
	// As it was registered, not as url.URL would spell it; html/template escapes what would end the attribute.
	return template.URL(raw), nil //nolint:gosec // the scheme was checked above
}
