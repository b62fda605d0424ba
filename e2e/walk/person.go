package walk

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// maxHops is how many redirects a browser follows.
const maxHops = 20

// maxCookie is the longest cookie that browsers keep, name and value together; longer ones they drop without a word.
const maxCookie = 4096

// Person is somebody with a browser of their own.
type Person struct {
	T    testing.TB
	HTTP *http.Client
}

// Visitor returns a person whose browser has no cookies. Without a transport it gets one of its own.
func Visitor(t testing.TB, transport http.RoundTripper) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("make a cookie jar: %v", err)
	}
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	return &Person{T: t, HTTP: &http.Client{
		Jar: jar, Transport: transport, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Copy returns a thief's browser with the same cookies for a server.
func (p *Person) Copy(issuer string) *Person {
	p.T.Helper()
	base, err := url.Parse(issuer)
	if err != nil {
		p.T.Fatalf("parse %q: %v", issuer, err)
	}
	thief := Visitor(p.T, nil)
	thief.HTTP.Jar.SetCookies(base, p.HTTP.Jar.Cookies(base))
	return thief
}

// Send sends one request, with a form if there is one, and follows nothing.
func (p *Person) Send(method, address string, form url.Values) *Page {
	p.T.Helper()
	req, err := http.NewRequestWithContext(p.T.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.T.Fatalf("%s %s: %v", method, address, err)
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host) // what a browser adds to a form of the page's own origin
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return p.Do(req)
}

// Do sends a request and follows nothing.
func (p *Person) Do(req *http.Request) *Page {
	p.T.Helper()
	res, err := p.HTTP.Do(req)
	if err != nil {
		p.T.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.T.Fatalf("%s %s: read the answer: %v", req.Method, req.URL, err)
	}
	for _, c := range res.Cookies() {
		if n := len(c.Name) + len(c.Value); n > maxCookie {
			p.T.Errorf("%s sets the cookie %s of %d bytes; browsers drop what is longer than %d (FD-6, RP-14)", req.URL, c.Name, n, maxCookie)
		}
	}
	shown := &Page{Person: p, T: p.T, URL: req.URL, Status: res.StatusCode, Header: res.Header, Body: body}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if shown.Doc, err = html.Parse(bytes.NewReader(body)); err != nil {
			p.T.Fatalf("%s: parse the page: %v", req.URL, err)
		}
	}
	return shown
}

// Open opens an address and follows redirects and Continue pages, from host to host, until there is something to look at.
func (p *Person) Open(address string) *Page {
	p.T.Helper()
	return p.Send(http.MethodGet, address, nil).Follow()
}
