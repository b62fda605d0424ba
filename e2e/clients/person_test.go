package clients

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"idp/e2e/server"
)

// maxHops is how many redirects a browser follows.
const maxHops = 20

// maxCookie is the longest cookie that browsers keep, name and value together; longer ones they drop without a word.
const maxCookie = 4096

// person is somebody with a browser of their own.
type person struct {
	t    testing.TB
	http *http.Client
}

// visitor returns a person whose browser has no cookies.
func visitor(t testing.TB) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("make a cookie jar: %v", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &person{t: t, http: &http.Client{
		Jar: jar, Transport: transport, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// copy returns a thief's browser with the same cookies for a server.
func (p *person) copy(issuer string) *person {
	p.t.Helper()
	thief := visitor(p.t)
	base := parse(p.t, issuer)
	thief.http.Jar.SetCookies(base, p.http.Jar.Cookies(base))
	return thief
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return u
}

// page is what a person looks at.
type page struct {
	p      *person
	t      testing.TB
	url    *url.URL
	status int
	header http.Header
	body   []byte
	doc    *html.Node
}

func (p *person) send(method, address string, form url.Values) *page {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, address, err)
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host) // what a browser adds to a form of the page's own origin
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatalf("%s %s: read the answer: %v", method, address, err)
	}
	for _, c := range res.Cookies() {
		if n := len(c.Name) + len(c.Value); n > maxCookie {
			p.t.Errorf("%s sets the cookie %s of %d bytes; browsers drop what is longer than %d (FD-6, RP-14)", req.URL, c.Name, n, maxCookie)
		}
	}
	shown := &page{p: p, t: p.t, url: req.URL, status: res.StatusCode, header: res.Header, body: body}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if shown.doc, err = html.Parse(bytes.NewReader(body)); err != nil {
			p.t.Fatalf("%s: parse the page: %v", req.URL, err)
		}
	}
	return shown
}

// open opens an address and follows redirects and Continue pages, from host to host, until there is something to look at.
func (p *person) open(address string) *page {
	p.t.Helper()
	return p.send(http.MethodGet, address, nil).follow()
}

func (g *page) follow() *page {
	g.t.Helper()
	for range maxHops {
		to := g.target()
		if to == "" {
			return g
		}
		next, err := g.url.Parse(to)
		if err != nil {
			g.t.Fatalf("%s sends the browser to %q: %v", g.url, to, err)
		}
		g = g.p.send(http.MethodGet, next.String(), nil)
	}
	g.t.Fatalf("more than %d redirects; the last is %s", maxHops, g.url)
	return nil
}

// target returns where an answer sends the browser, "" if it is a page to look at.
func (g *page) target() string {
	if to := g.header.Get("Location"); to != "" && g.status >= 300 && g.status < 400 {
		return to
	}
	if g.doc == nil {
		return ""
	}
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "meta" && strings.EqualFold(attribute(n, "http-equiv"), "refresh") {
			if _, to, ok := strings.Cut(attribute(n, "content"), "url="); ok {
				return to
			}
		}
	}
	return ""
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// element returns the element with an id, or nil.
func (g *page) element(id string) *html.Node {
	if g.doc == nil {
		return nil
	}
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && attribute(n, "id") == id {
			return n
		}
	}
	return nil
}

// is reports whether the page has an element with that id.
func (g *page) is(id string) bool { return g.element(id) != nil }

// text returns what the element with an id says.
func (g *page) text(id string) string {
	n := g.element(id)
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// submit presses the button with an id after filling in pairs of names and values, and follows.
func (g *page) submit(button string, pairs ...string) *page {
	g.t.Helper()
	n := g.element(button)
	if n == nil {
		g.t.Fatalf("want a page with #%s, got %s", button, g.describe())
	}
	form := n
	for form.Data != "form" {
		if form = form.Parent; form == nil {
			g.t.Fatalf("#%s on %s stands in no form", button, g.url)
		}
	}
	fields := url.Values{}
	for d := range form.Descendants() {
		unchecked := attribute(d, "type") == "checkbox" && !slices.ContainsFunc(d.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
		if d.Type == html.ElementNode && d.Data == "input" && attribute(d, "name") != "" && !unchecked {
			fields.Set(attribute(d, "name"), attribute(d, "value"))
		}
	}
	if name := attribute(n, "name"); name != "" {
		fields.Set(name, attribute(n, "value"))
	}
	for pair := range slices.Chunk(pairs, 2) {
		fields.Set(pair[0], pair[1])
	}
	at, err := g.url.Parse(attribute(form, "action"))
	if err != nil {
		g.t.Fatalf("the form of #%s posts to %q: %v", button, attribute(form, "action"), err)
	}
	return g.p.send(http.MethodPost, at.String(), fields).follow()
}

// login fills in the sign-in page.
func (g *page) login(u server.User) *page {
	g.t.Helper()
	return g.submit("submit-login", "identifier", u.Email, "password", u.Password)
}

// describe says what a page is, for a failure's message.
func (g *page) describe() string {
	said := ""
	for _, id := range []string{"title", "error-code", "error-sentence", "error-detail", "error-summary", "failure", "notice"} {
		if text := g.text(id); text != "" {
			said += " #" + id + ": " + text
		}
	}
	if said == "" {
		said = string(g.body[:min(len(g.body), 600)])
	}
	return g.url.Redacted() + " " + http.StatusText(g.status) + " " + said
}

// json reads the answer of an application's address.
func (g *page) json(a *app) answer {
	g.t.Helper()
	var got answer
	if !strings.HasPrefix(g.url.String(), a.home+"/") {
		g.t.Fatalf("want the browser at %s, got %s", a.id(), g.describe())
	}
	if err := json.Unmarshal(g.body, &got); err != nil || g.status >= 500 {
		g.t.Fatalf("%s answers %d %.600s\nIts log ends:\n%s", g.url, g.status, g.body, a.log)
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
	if g.is("submit-login") {
		g = g.login(u)
	}
	if g.is("allow") {
		g = g.submit("allow")
	}
	return g.json(a)
}
