package walk

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"golang.org/x/net/html"
)

// Page is what a person looks at.
type Page struct {
	Person *Person
	T      testing.TB
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	Doc    *html.Node // nil: no HTML
}

// Follow goes on where the answer sends the browser.
func (g *Page) Follow() *Page {
	g.T.Helper()
	for range maxHops {
		to := g.Target()
		if to == "" {
			return g
		}
		next, err := g.URL.Parse(to)
		if err != nil {
			g.T.Fatalf("%s sends the browser to %q: %v", g.URL, to, err)
		}
		g = g.Person.Send(http.MethodGet, next.String(), nil)
	}
	g.T.Fatalf("more than %d redirects; the last is %s", maxHops, g.URL)
	return nil
}

// Target returns where an answer sends the browser, "" if it is a page to look at.
func (g *Page) Target() string {
	if to := g.Header.Get("Location"); to != "" && g.Status >= 300 && g.Status < 400 {
		return to
	}
	return Refresh(g.Doc)
}

// Element returns the element with an id, or nil.
func (g *Page) Element(id string) *html.Node { return Element(g.Doc, id) }

// Is reports whether the page has an element with that id.
func (g *Page) Is(id string) bool { return g.Element(id) != nil }

// Text returns what the element with an id says.
func (g *Page) Text(id string) string { return Text(g.Element(id)) }

// Form returns the address and the fields of the form around an element with an id.
func (g *Page) Form(id string) (action string, fields url.Values) {
	g.T.Helper()
	n := g.Element(id)
	if n == nil {
		g.T.Fatalf("want a page with #%s, got %s", id, g.Describe())
	}
	form, fields := Form(n)
	if form == nil {
		g.T.Fatalf("#%s on %s stands in no form", id, g.URL)
	}
	at, err := g.URL.Parse(Attribute(form, "action"))
	if err != nil {
		g.T.Fatalf("the form of #%s posts to %q: %v", id, Attribute(form, "action"), err)
	}
	return at.String(), fields
}

// Submit presses the button with an id after filling in pairs of names and values, and follows.
func (g *Page) Submit(button string, pairs ...string) *Page {
	g.T.Helper()
	action, fields := g.Form(button)
	for pair := range slices.Chunk(pairs, 2) {
		fields.Set(pair[0], pair[1])
	}
	return g.Person.Send(http.MethodPost, action, fields).Follow()
}

// Describe says what a page is, for a failure's message.
func (g *Page) Describe() string {
	said := ""
	for _, id := range []string{"title", "error-code", "error-sentence", "error-detail", "error-summary", "failure", "notice"} {
		if text := g.Text(id); text != "" {
			said += " #" + id + ": " + text
		}
	}
	if said == "" {
		said = string(g.Body[:min(len(g.Body), 600)])
	}
	return g.URL.Redacted() + " " + http.StatusText(g.Status) + " " + said
}
