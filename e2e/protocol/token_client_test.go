package protocol

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// auth is a way of client authentication: it changes the request before it is sent.
type auth func(header http.Header, form url.Values)

// basic is client_secret_basic, with id and secret raw as client libraries send them (RP-3).
func basic(c server.Client) auth {
	return func(header http.Header, _ url.Values) {
		req := &http.Request{Header: header}
		req.SetBasicAuth(c.ID, c.Secret)
	}
}

// inBody is client_secret_post.
func inBody(c server.Client) auth {
	return func(_ http.Header, form url.Values) {
		form.Set("client_id", c.ID)
		form.Set("client_secret", c.Secret)
	}
}

// named is a public client, which has a name alone.
func named(c server.Client) auth {
	return func(_ http.Header, form url.Values) { form.Set("client_id", c.ID) }
}

// nobody leaves the client out.
func nobody(http.Header, url.Values) {}

// usual is what the client's library would do.
func usual(c server.Client) auth {
	if c.Secret == "" {
		return named(c)
	}
	return basic(c)
}

// answer is what a protocol endpoint answered.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
	json   map[string]any // nil: not a JSON object; numbers are json.Number
}

// call sends a request without cookies.
func (s *site) call(t testing.TB, req *http.Request) *answer {
	t.Helper()
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	a, err := readAnswer(t, req, res)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", req.Method, req.URL, err)
	}
	return a
}

func readAnswer(t testing.TB, req *http.Request, res *http.Response) (*answer, error) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{t: t, what: req.Method + " " + req.URL.Path, status: res.StatusCode, header: res.Header, body: body}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&a.json) != nil {
		a.json = nil
	}
	if res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s: status %d, want never a 5xx\n%.300s", a.what, res.StatusCode, body)
	}
	return a, nil
}

// form posts a form to an endpoint of the discovery document.
func (s *site) form(t testing.TB, endpoint string, as auth, pairs ...string) *answer {
	t.Helper()
	form := with(url.Values{}, pairs...)
	header := http.Header{}
	as(header, form)
	req := newRequest(t, http.MethodPost, s.endpoint(t, endpoint), form)
	req.Header = header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.call(t, req)
}

// token calls the token endpoint.
func (s *site) token(t testing.TB, as auth, pairs ...string) *answer {
	t.Helper()
	return s.form(t, "token_endpoint", as, pairs...)
}

// exchange redeems a code as its own client.
func (s *site) exchange(t testing.TB, g grant, pairs ...string) *answer {
	t.Helper()
	usually := []string{"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect}
	if g.verifier != "" {
		usually = append(usually, "code_verifier", g.verifier)
	}
	return s.token(t, usual(g.client), append(usually, pairs...)...)
}

// refresh uses a refresh token.
func (s *site) refresh(t testing.TB, c server.Client, token string, pairs ...string) *answer {
	t.Helper()
	return s.token(t, usual(c), append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

// introspect asks about a token as the client c.
func (s *site) introspect(t testing.TB, c server.Client, token string, pairs ...string) *answer {
	t.Helper()
	return s.form(t, "introspection_endpoint", usual(c), append([]string{"token", token}, pairs...)...)
}

// revoke revokes a token as the client c.
func (s *site) revoke(t testing.TB, c server.Client, token string, pairs ...string) *answer {
	t.Helper()
	return s.form(t, "revocation_endpoint", usual(c), append([]string{"token", token}, pairs...)...)
}

// userInfo asks for the claims behind an access token.
func (s *site) userInfo(t testing.TB, token string) *answer {
	t.Helper()
	req := newRequest(t, http.MethodGet, s.endpoint(t, "userinfo_endpoint"), nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return s.call(t, req)
}

// get reads a URL without cookies.
func (s *site) get(t testing.TB, url string) *answer {
	t.Helper()
	return s.call(t, newRequest(t, http.MethodGet, url, nil))
}

// want wants a status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %.400s", a.what, a.status, status, a.body)
	}
	return a
}

// tokens are the members of a good token response.
type tokens struct{ access, refresh, id string }

// tokens checks a good token response (RFC 6749 §5.1, RP-5) and returns what is in it.
func (a *answer) tokens() tokens {
	a.t.Helper()
	a.want(http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		a.t.Errorf("%s: Content-Type %q, want application/json", a.what, got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("%s: Cache-Control %q, want no-store (RFC 6749 §5.1)", a.what, got)
	}
	if got := a.json["token_type"]; got != "Bearer" {
		a.t.Errorf("%s: token_type %v, want Bearer", a.what, got)
	}
	expires, ok := a.json["expires_in"].(json.Number)
	if seconds, err := expires.Int64(); !ok || err != nil || seconds <= 0 || seconds > 365*86400 {
		a.t.Errorf("%s: expires_in %v, want a positive JSON integer", a.what, a.json["expires_in"])
	}
	for name, value := range a.json {
		if value == nil || value == "" {
			a.t.Errorf("%s: %s is %v, want members without a value left out (RP-5)", a.what, name, value)
		}
	}
	return tokens{a.str("access_token"), a.str("refresh_token"), a.str("id_token")}
}

// str returns a member that is a string, or "".
func (a *answer) str(name string) string {
	text, _ := a.json[name].(string)
	return text
}

// words returns a member of space-separated words, sorted.
func (a *answer) words(name string) []string {
	words := strings.Fields(a.str(name))
	slices.Sort(words)
	return words
}

// wantError wants an error of RFC 6749 §5.2.
func (a *answer) wantError(status int, codes ...string) *answer {
	a.t.Helper()
	if a.status != status || !slices.Contains(codes, a.str("error")) {
		a.t.Fatalf("%s: %d %q (%s), want %d %v: %.300s", a.what, a.status, a.str("error"), a.str("error_description"), status, codes, a.body)
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		a.t.Errorf("%s: Content-Type %q, want application/json", a.what, got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("%s: Cache-Control %q, want no-store", a.what, got)
	}
	for name := range a.json {
		if !slices.Contains([]string{"error", "error_description", "error_uri"}, name) {
			a.t.Errorf("%s: the error has a member %s, want those of RFC 6749 §5.2 only", a.what, name)
		}
	}
	text := a.str("error_description")
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		a.t.Errorf("%s: error_description %q, want the characters of RFC 6749 §5.2 only", a.what, text)
	}
	if status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "" {
		a.t.Errorf("%s: 401 without WWW-Authenticate (RFC 9110 §15.5.2)", a.what)
	}
	return a
}

// wantActive wants an introspection answer that says so.
func (a *answer) wantActive(active bool) *answer {
	a.t.Helper()
	a.want(http.StatusOK)
	if a.json["active"] != active {
		a.t.Fatalf("%s: %s, want active = %v", a.what, a.body, active)
	}
	if !active && len(a.json) != 1 {
		a.t.Errorf("%s: %s, want nothing but active = false (RFC 7662 §2.2)", a.what, a.body)
	}
	return a
}

// signedIn is a person in a browser, and the tokens that an application got.
type signedIn struct {
	tokens
	b     *browser
	u     server.User
	grant grant
	reply *answer // of the token endpoint
}

// signIn signs a fresh person in at c.
func (s *site) signIn(t testing.TB, c server.Client, pairs ...string) signedIn {
	t.Helper()
	return s.signInAs(t, s.user(t), c, pairs...)
}

// signInAs signs u in at c in a fresh browser.
func (s *site) signInAs(t testing.TB, u server.User, c server.Client, pairs ...string) signedIn {
	t.Helper()
	b := s.browser(t)
	return b.tokens(u, c, pairs...)
}

// tokens goes through the code flow for c in this browser, as u where somebody must sign in.
func (b *browser) tokens(u server.User, c server.Client, pairs ...string) signedIn {
	b.t.Helper()
	g := b.az(c, pairs...).through(u).wantCode()
	reply := b.site.exchange(b.t, g)
	return signedIn{reply.tokens(), b, u, g, reply}
}
