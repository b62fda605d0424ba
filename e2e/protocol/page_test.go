package protocol

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"idp/e2e/walk"
)

// all returns the elements of a kind.
func (p *page) all(tag string) []*html.Node { return walk.Elements(p.doc, tag) }

// element returns the element with an id, or nil.
func (p *page) element(id string) *html.Node {
	if p.left != nil {
		return nil
	}
	return walk.Element(p.doc, id)
}

// is reports whether the page has an element with that id.
func (p *page) is(id string) bool { return p.element(id) != nil }

// text returns what the element with an id says, "" if there is none.
func (p *page) text(id string) string { return walk.Text(p.element(id)) }

// form returns the address and the fields of the form around the button with an id.
func (p *page) form(button string) (action string, fields url.Values) {
	p.t.Helper()
	n := p.element(button)
	if n == nil {
		p.t.Fatalf("want a page with #%s, got %s", button, p.describe())
	}
	form, fields := walk.Form(n)
	if form == nil {
		p.t.Fatalf("#%s on %s stands in no form", button, p.url)
	}
	if method := walk.Attribute(form, "method"); !strings.EqualFold(method, "post") {
		p.t.Errorf("the form of #%s has method %q, want post", button, method)
	}
	at, err := p.url.Parse(walk.Attribute(form, "action"))
	if err != nil {
		p.t.Fatalf("the form of #%s posts to %q: %v", button, walk.Attribute(form, "action"), err)
	}
	return at.String(), fields
}

// submit presses the button with an id after filling in pairs of names and values, and follows.
func (p *page) submit(button string, pairs ...string) *page {
	p.t.Helper()
	action, fields := p.form(button)
	next := p.b.post(action, with(fields, pairs...))
	next.asked = p.asked
	return next
}

// describe says what an answer is, for a failure's message.
func (p *page) describe() string {
	if p.left != nil {
		return "the browser sent to " + p.leave
	}
	for _, known := range []struct{ id, name string }{
		{"submit-login", "the sign-in page"},
		{"continue-account", "the account chooser"},
		{"submit-register", "the page for a new account"},
		{"allow", "the consent page"},
		{"confirm-logout", "the sign-out question"},
		{"loop-count", "the loop page"},
	} {
		if p.is(known.id) {
			return fmt.Sprintf("%s (%d) %q", known.name, p.status, p.text("error-summary"))
		}
	}
	if p.is("error-code") {
		return fmt.Sprintf("the error page %d %s: %s %s", p.status, p.text("error-code"), p.text("error-sentence"), p.text("error-detail"))
	}
	return fmt.Sprintf("%s %d %s: %.400s", p.url, p.status, p.header.Get("Content-Type"), p.body)
}

// wantLogin is ->login: the sign-in page, no code.
func (p *page) wantLogin() *page {
	p.t.Helper()
	if !p.is("submit-login") {
		p.t.Fatalf("want the sign-in page, got %s", p.describe())
	}
	if p.status != http.StatusOK && p.status != http.StatusUnauthorized {
		p.t.Errorf("the sign-in page has status %d, want 200, or 401 after a wrong password", p.status)
	}
	return p
}

// wantConsent wants the consent page.
func (p *page) wantConsent() *page {
	p.t.Helper()
	if !p.is("allow") || !p.is("deny") {
		p.t.Fatalf("want the consent page, got %s", p.describe())
	}
	return p
}

// grant is an authorization code and what belongs to it.
type grant struct {
	asked
	code string
}

// wantCode is ->code: a redirect to the registered URI with code, the same state, and iss (RFC 9207 §2), and with nothing else.
func (p *page) wantCode() grant {
	p.t.Helper()
	query := p.wantRedirect("code", "state", "iss")
	if query.Get("code") == "" {
		p.t.Fatalf("want a code, got %s", p.describe())
	}
	return grant{p.asked, query.Get("code")}
}

// wantErr is ->err(e): a redirect to the registered URI with error=e and the same state (RFC 6749 §4.1.2.1, protocol.md §3.2).
func (p *page) wantErr(code string) *page {
	p.t.Helper()
	query := p.wantRedirect("error", "error_description", "error_uri", "state", "iss")
	if got := query.Get("error"); got != code {
		p.t.Fatalf("error = %q (%s), want %q", got, query.Get("error_description"), code)
	}
	if text := query.Get("error_description"); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		p.t.Errorf("error_description = %q, want the characters of RFC 6749 §4.1.2.1 only", text)
	}
	return p
}

// wantRedirect wants the browser sent to the redirect URI of the request, with state and iss right and no other members
// than those named, and session_state (Session Management 1.0 §2).
func (p *page) wantRedirect(members ...string) url.Values {
	p.t.Helper()
	if p.left == nil {
		p.t.Fatalf("want a redirect to %s, got %s", p.asked.redirect, p.describe())
	}
	rest, ok := strings.CutPrefix(p.leave, p.asked.redirect)
	if !ok || rest == "" || rest[0] != '?' && rest[0] != '&' {
		p.t.Fatalf("the browser is sent to %s, want %s and the answer in the query", p.leave, p.asked.redirect)
	}
	query, err := url.ParseQuery(rest[1:])
	if err != nil {
		p.t.Fatalf("the answer %q: %v", rest, err)
	}
	for name, values := range query {
		if !slices.Contains(append(members, "session_state"), name) || len(values) != 1 {
			p.t.Errorf("the answer has %s %q, want each of %v at most once and nothing else", name, values, members)
		}
	}
	if got := query.Get("state"); got != p.asked.state || p.asked.state == "" && query.Has("state") {
		p.t.Errorf("state = %q, want it back as sent: %q", got, p.asked.state)
	}
	if got := query.Get("iss"); got != p.b.site.Issuer {
		p.t.Errorf("iss = %q, want %q (RFC 9207 §2)", got, p.b.site.Issuer)
	}
	return query
}

// wantPage400 is ->page400: an error page on the provider itself, no redirect anywhere.
func (p *page) wantPage400() *page {
	p.t.Helper()
	if p.left != nil || p.target() != "" {
		p.t.Fatalf("want an error page, got %s", p.describe())
	}
	if p.status != http.StatusBadRequest || p.doc == nil || !p.is("error-code") {
		p.t.Fatalf("want an error page with status 400 and #error-code, got %s", p.describe())
	}
	return p
}
