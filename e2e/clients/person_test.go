package clients

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// person is somebody with a browser of their own.
type person struct {
	*walk.Person
	t testing.TB
}

// page is what a person looks at.
type page struct {
	*walk.Page
	t testing.TB
}

// visitor returns a person whose browser has no cookies.
func visitor(t testing.TB) *person {
	t.Helper()
	return &person{walk.Visitor(t, nil), t}
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return u
}

// send sends one request and follows nothing.
func (p *person) send(method, address string, form url.Values) *page {
	p.t.Helper()
	return &page{p.Send(method, address, form), p.t}
}

// open opens an address and follows redirects and Continue pages, from host to host, until there is something to look at.
func (p *person) open(address string) *page {
	p.t.Helper()
	return &page{p.Open(address), p.t}
}

// copy returns a thief's browser with the same cookies for a server.
func (p *person) copy(issuer string) *person {
	p.t.Helper()
	return &person{p.Copy(issuer), p.t}
}

// submit presses the button with an id after filling in pairs of names and values, and follows.
func (g *page) submit(button string, pairs ...string) *page {
	g.t.Helper()
	return &page{g.Submit(button, pairs...), g.t}
}

// login fills in the sign-in page.
func (g *page) login(u server.User) *page {
	g.t.Helper()
	return g.submit("submit-login", "identifier", u.Email, "password", u.Password)
}

// json reads the answer of an application's address.
func (g *page) json(a *app) answer {
	g.t.Helper()
	var got answer
	if !strings.HasPrefix(g.URL.String(), a.home+"/") {
		g.t.Fatalf("want the browser at %s, got %s", a.id(), g.Describe())
	}
	if err := json.Unmarshal(g.Body, &got); err != nil || g.Status >= 500 {
		g.t.Fatalf("%s answers %d %.600s\nIts log ends:\n%s", g.URL, g.Status, g.Body, a.log)
	}
	return got
}

// answer is what the applications say.
type answer struct {
	Message string         `json:"message"`
	Error   string         `json:"error"`
	Status  int            `json:"status"`
	Email   string         `json:"email"`
	Next    string         `json:"next"`
	Claims  map[string]any `json:"claims"`
	User    map[string]any `json:"user"`
	Token   struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
		Type    string `json:"token_type"`
	} `json:"token"`
}

// ask opens one of the application's addresses.
func (p *person) ask(a *app, path string) answer {
	p.t.Helper()
	return p.open(a.home + path).json(a)
}

// signIn signs in to an application as u, with whatever is asked on the way, and returns what the application knows then.
func (p *person) signIn(a *app, u server.User) answer {
	p.t.Helper()
	return p.through(p.open(a.home+"/login"), a, u)
}

// through goes on from a page of the provider to the application.
func (p *person) through(g *page, a *app, u server.User) answer {
	p.t.Helper()
	if g.Is("submit-login") {
		g = g.login(u)
	}
	if g.Is("allow") {
		g = g.submit("allow")
	}
	return g.json(a)
}
