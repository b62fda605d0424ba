package conformance

import (
	"crypto/rand"
	"math"
	"net/url"
	"slices"
	"strings"
)

// authorization is a request to the authorization endpoint and what came of it.
type authorization struct {
	*party
	query  url.Values
	at     visit
	params url.Values // of the answer
}

// ask returns the parameters that the suite sends; pairs of names and values are added, and an empty value leaves one out.
func (p *party) ask(pairs ...string) url.Values {
	query := url.Values{
		"client_id": {p.id}, "redirect_uri": {p.redirect}, "scope": {p.scope}, "state": {rand.Text()}, "nonce": {rand.Text()}, "response_type": {p.responseType},
	}
	if p.formPost {
		query.Set("response_mode", "form_post")
	}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			query.Del(pair[0])
		} else {
			query.Set(pair[0], pair[1])
		}
	}
	return query
}

// authorize sends the browser with the suite's parameters, and pairs of names and values as ask has them.
func (p *party) authorize(pairs ...string) *authorization {
	p.Helper()
	return p.authorizeWith(p.ask(pairs...))
}

// authorizeWith sends the browser with parameters.
func (p *party) authorizeWith(query url.Values) *authorization {
	p.Helper()
	a := &authorization{party: p, query: query}
	a.at = p.visit(p.op.endpoint("authorization_endpoint")+"?"+asSuite(query), nil)
	a.locate()
	return a
}

// locate finds the answer where the response type and mode have it, and checks that nothing of it is elsewhere.
func (a *authorization) locate() {
	a.Helper()
	if a.at.arrival == nil {
		return
	}
	if to := *a.at.url; true {
		to.RawQuery, to.Fragment = "", ""
		if want, _, _ := strings.Cut(a.redirect, "?"); to.String() != want {
			a.failure("the browser came to %s, want %s", a.at.url, a.redirect)
		}
	}
	query := a.at.url.Query()
	switch {
	case a.query.Get("response_mode") == "form_post":
		// OAuth 2.0 Form Post Response Mode §2
		if media, _, _ := strings.Cut(a.at.contentType, ";"); a.at.method != "POST" || media != "application/x-www-form-urlencoded" {
			a.failure("the answer came by %s as %q, want a form that is posted", a.at.method, a.at.contentType)
		}
		a.params = a.at.form
	case a.query.Get("response_type") == "code" || !a.query.Has("response_type"):
		a.params = query
	default:
		params, err := url.ParseQuery(a.at.url.EscapedFragment())
		if err != nil {
			a.failure("the fragment %q: %v", a.at.url.Fragment, err)
		}
		a.params = params
	}
	if kind := a.query.Get("response_type"); a.formPost || kind != "" && kind != "code" {
		// OpenID Connect Core §3.3.2.5; OAuth 2.0 Multiple Response Types §5
		for _, name := range []string{"code", "error"} {
			if query.Has(name) {
				a.failure("%s is in the query: %s", name, a.at.url)
			}
		}
	}
	registered, err := url.Parse(a.redirect)
	if err != nil {
		a.stop("%v", err)
	}
	for name, values := range registered.Query() { // what the redirect URI has of its own comes back
		if !slices.Equal(query[name], values) {
			a.failure("the query of the redirect URI came back as %q", a.at.url.RawQuery)
		}
	}
}

// common checks what every answer has: iss if present (RFC 9207 §2.4), and state.
func (a *authorization) common() {
	a.Helper()
	if iss, ok := a.params["iss"]; ok && !slices.Equal(iss, []string{a.op.Issuer}) {
		a.failure("iss = %q, want %q", iss, a.op.Issuer)
	}
	if got, want := a.params["state"], a.query["state"]; !slices.Equal(got, want) {
		a.failure("state = %q, want %q", got, want)
	}
}

// good wants an authorization that was given, and checks what every one is checked for.
func (a *authorization) good() *authorization {
	a.Helper()
	if a.at.arrival == nil {
		a.stop("the browser did not come back: %s", a.at.page.Describe())
	}
	if a.params.Has("error") {
		a.stop("the answer is %s: %s", a.params.Get("error"), a.params.Get("error_description"))
	}
	a.common()
	for name, wanted := range map[string]bool{"code": a.hasCode(), "access_token": a.hasToken(), "id_token": a.hasIDToken()} {
		if a.params.Has(name) != wanted || wanted && a.params.Get(name) == "" {
			a.stop("%s in the answer: %v, want %v", name, a.params.Has(name), wanted)
		}
	}
	return a
}

// bad wants an error that came back to the redirect URI, one of codes, and checks it as the suite checks every error.
func (a *authorization) bad(codes ...string) {
	a.Helper()
	if a.at.arrival == nil {
		a.stop("the browser did not come back: %s", a.at.page.Describe())
	}
	a.common()
	if got := a.params.Get("error"); !slices.Contains(codes, got) {
		a.failure("error = %q, want one of %q", got, codes)
	}
	if a.params.Has("code") { // OpenID Connect Core §3.1.2.6
		a.failure("an error with a code: %v", a.params)
	}
	for name := range a.params {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "session_state", "iss"}, name) {
			a.warning("the error has an unexpected %s", name)
		}
	}
	a.checkDescription(a.params.Get("error_description"))
	if text, ok := a.params["error_uri"]; ok {
		if u, err := url.Parse(text[0]); err != nil || u.Scheme == "" {
			a.failure("error_uri = %q is no address", text)
		}
	}
}

// checkDescription checks an error_description (RFC 6749 §4.1.2.1, §5.2).
func (r *run) checkDescription(description string) {
	r.Helper()
	if strings.ContainsAny(description, "\r\n\t") {
		r.warning("error_description has a line break or a tab: %q", description)
	}
	if strings.ContainsFunc(description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		r.failure("error_description = %q has characters that are not allowed", description)
	}
}

// entropy is how many bits the suite finds in a text: Shannon's, over its own letters.
func entropy(text string) float64 {
	count := map[rune]float64{}
	for _, r := range text {
		count[r]++
	}
	var bits float64
	for _, n := range count {
		share := n / float64(len(text))
		bits -= share * math.Log2(share)
	}
	return bits * float64(len(text))
}
