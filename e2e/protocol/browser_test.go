package protocol

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// absent as a parameter's value leaves the parameter out.
const absent = "\x00absent"

// maxHops is how many redirects a browser follows.
const maxHops = 20

// browser is a person's browser: a cookie jar, redirects followed within the provider, forms filled in.
type browser struct {
	t     testing.TB
	site  *site
	http  *http.Client
	agent string
	given []*http.Cookie // every cookie that the server set, with its attributes, in order
	asked asked          // the last authorization request
}

// asked is what an application remembers of its authorization request.
type asked struct {
	client          server.Client
	redirect, state string
	nonce, verifier string
}

// browser returns a new browser with no cookies.
func (s *site) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("make a cookie jar: %v", err)
	}
	client := *s.client
	client.Jar = jar
	return &browser{t: t, site: s, http: &client, agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
}

// copy returns a browser of its own with the same cookies.
func (b *browser) copy() *browser {
	b.t.Helper()
	other := b.site.browser(b.t)
	other.agent = b.agent
	base := b.base()
	for _, c := range b.http.Jar.Cookies(base) {
		other.http.Jar.SetCookies(base, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: base.Scheme == "https"}})
	}
	return other
}

func (b *browser) base() *url.URL {
	base, err := url.Parse(b.site.Issuer + "/")
	if err != nil {
		b.t.Fatalf("the issuer: %v", err)
	}
	return base
}

// cookie returns the value of a cookie by its name, with or without the __Host- prefix.
func (b *browser) cookie(name string) string {
	for _, c := range b.http.Jar.Cookies(b.base()) {
		if strings.TrimPrefix(c.Name, "__Host-") == name {
			return c.Value
		}
	}
	return ""
}

// setCookie changes a cookie that the browser holds; empty removes it.
func (b *browser) setCookie(name, value string) {
	for _, c := range b.http.Jar.Cookies(b.base()) {
		if strings.TrimPrefix(c.Name, "__Host-") == name {
			changed := &http.Cookie{Name: c.Name, Value: value, Path: "/", Secure: b.base().Scheme == "https"}
			if value == "" {
				changed.MaxAge = -1
			}
			b.http.Jar.SetCookies(b.base(), []*http.Cookie{changed})
			return
		}
	}
	b.t.Fatalf("the browser has no cookie %s", name)
}

// page is an answer that a person sees, or the address outside the provider to which the browser was sent.
type page struct {
	b      *browser
	t      testing.TB
	asked  asked
	url    *url.URL
	status int
	header http.Header
	body   []byte
	doc    *html.Node
	left   *url.URL // not nil: the browser left the provider for here
	leave  string   // the same, byte for byte
}

// send sends one request and follows nothing.
func (b *browser) send(req *http.Request) *page {
	b.t.Helper()
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", b.agent)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("%s %s: read the answer: %v", req.Method, req.URL, err)
	}
	b.given = append(b.given, res.Cookies()...)
	if res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
		b.t.Errorf("%s %s: status %d, want never a 5xx\n%.300s", req.Method, req.URL, res.StatusCode, body)
	}
	p := &page{b: b, t: b.t, asked: b.asked, url: req.URL, status: res.StatusCode, header: res.Header, body: body}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if p.doc, err = html.Parse(bytes.NewReader(body)); err != nil {
			b.t.Fatalf("%s: parse the page: %v", req.URL, err)
		}
	}
	return p
}

// get opens a URL and follows nothing.
func (b *browser) get(url string) *page {
	b.t.Helper()
	return b.send(newRequest(b.t, http.MethodGet, url, nil))
}

// open opens a URL as a person does: redirects and the Continue page are followed until a page waits or the provider is left.
func (b *browser) open(url string) *page {
	b.t.Helper()
	return b.get(url).follow()
}

// post sends a form and follows.
func (b *browser) post(url string, form url.Values) *page {
	b.t.Helper()
	return b.send(newRequest(b.t, http.MethodPost, url, form)).follow()
}

func newRequest(t testing.TB, method, url string, form url.Values) *http.Request {
	t.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if u := req.URL; strings.HasPrefix(u.Scheme, "http") {
			// What a browser adds to a form of the page's own origin.
			req.Header.Set("Origin", u.Scheme+"://"+u.Host)
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
	}
	return req
}

// target returns where an answer sends the browser, "" if it is a page to look at.
func (p *page) target() string {
	if to := p.header.Get("Location"); to != "" && p.status >= 300 && p.status < 400 {
		return to
	}
	return walk.Refresh(p.doc)
}

func (p *page) follow() *page {
	p.t.Helper()
	for range maxHops {
		to := p.target()
		if to == "" {
			return p
		}
		next, err := p.url.Parse(to)
		if err != nil {
			p.t.Fatalf("%s sends the browser to %q: %v", p.url, to, err)
		}
		base := p.b.base()
		if next.Scheme != base.Scheme || next.Host != base.Host {
			p.left, p.leave = next, to
			return p
		}
		p = p.b.get(next.String())
	}
	p.t.Fatalf("more than %d redirects; the last is %s", maxHops, p.url)
	return nil
}

// az makes an authorization request for c (the notation AZ of account-features.md) and follows it. Pairs of names and values are
// added to the usual parameters, or replace them.
func (b *browser) az(c server.Client, pairs ...string) *page {
	b.t.Helper()
	return b.open(b.azURL(c, pairs...))
}

// azURL returns the authorization request that az sends, and remembers it.
func (b *browser) azURL(c server.Client, pairs ...string) string {
	b.t.Helper()
	return b.site.endpoint(b.t, "authorization_endpoint") + "?" + b.azForm(c, pairs...).Encode()
}

func (b *browser) azForm(c server.Client, pairs ...string) url.Values {
	b.t.Helper()
	form := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {c.Redirect}, "scope": {"openid"},
		"state": {"state-" + rand.Text()}, "nonce": {"nonce-" + rand.Text()},
	}
	b.asked = asked{client: c}
	if c.Secret == "" || c.ID == "pkce" {
		b.asked.verifier = newVerifier()
		form.Set("code_challenge", challenge(b.asked.verifier))
		form.Set("code_challenge_method", "S256")
	}
	with(form, pairs...)
	b.asked.redirect, b.asked.state, b.asked.nonce = form.Get("redirect_uri"), form.Get("state"), form.Get("nonce")
	return form
}

// with sets pairs of names and values in form.
func with(form url.Values, pairs ...string) url.Values {
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == absent {
			form.Del(pair[0])
		} else {
			form.Set(pair[0], pair[1])
		}
	}
	return form
}

// newVerifier returns a PKCE verifier of 52 characters (RFC 7636 §4.1: 43 to 128).
func newVerifier() string { return rand.Text() + rand.Text() }

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// login fills in the sign-in page. The page may also ask to confirm one's own account, or the password alone.
func (p *page) login(u server.User, pairs ...string) *page {
	p.t.Helper()
	p.wantLogin()
	return p.submit("submit-login", append([]string{"identifier", u.Email, "password", u.Password}, pairs...)...)
}

// allow presses the button of the consent page.
func (p *page) allow() *page {
	p.t.Helper()
	p.wantConsent()
	return p.submit("allow")
}

// through goes on to the application: signs in as u and consents, where asked.
func (p *page) through(u server.User) *page {
	p.t.Helper()
	if p.is("submit-login") {
		p = p.login(u)
	}
	if p.is("allow") {
		p = p.allow()
	}
	return p
}
