package conformance

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Modules about codes, refresh tokens and who may have tokens.

// The code is the first client's, the id the second's, the key or the certificate the first's.
func playFAPIWrongClientID(r *run) {
	f, other := r.fapi(), r.fapi2()
	q := f.ask()
	code := q.wantPushed(q.push()).open().code()
	f.wantTokenError(q.redeem(code, how{claimed: other.id}), "invalid_client", "invalid_grant")
}

func playFAPIKeyless(r *run) {
	f := r.fapi()
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "registration_endpoint"} {
		if f.endpoint(name) != "" {
			r.checkTLS(f.endpoint(name))
		}
	}
	q := f.ask()
	code := q.wantPushed(q.push()).open().code()
	without := how{keyless: true}
	if f.dpop && f.auth == "mtls" { // the certificate is the client's own; it is the proof that is missing
		f.dpop, without = false, how{}
	}
	a := q.redeem(code, without)
	switch {
	case r.plan.Variant["sender_constrain"] == "dpop":
		f.wantTokenError(a, "invalid_request", "invalid_grant", "invalid_dpop_proof")
	case f.auth == "mtls":
		f.wantTokenError(a, "invalid_client", "invalid_request")
	default:
		f.wantTokenError(a, "invalid_client", "invalid_request", "invalid_grant")
	}
}

func playFAPICodeOfAnother(r *run) {
	q, other := r.fapi().ask(), r.fapi2()
	code := q.wantPushed(q.push()).open().code()
	stolen := *q
	stolen.fapi = other
	a := stolen.redeem(code, how{}, "redirect_uri", q.redirect)
	other.wantTokenError(a, "invalid_grant")
}

func playFAPICodeTwice(r *run) {
	f := r.fapi()
	q := f.ask()
	code := q.wantPushed(q.push()).open().code()
	t, _ := q.readTokens(q.redeem(code, how{}), q.params["nonce"].(string))
	f.reads(t.access, nil)
	r.pause(time.Second)
	f.wantTokenError(q.redeem(code, how{}), "invalid_grant")
	if a := f.resource(t.access, nil); a.status < 400 || a.status >= 500 { // RFC 6749 §4.1.2
		r.warning("the token of a code that came twice still works: %d", a.status)
	}
}

func playFAPICodeLate(r *run) {
	q := r.fapi().ask()
	code := q.wantPushed(q.push()).open().code()
	r.pause(62 * time.Second) // FAPI 2.0 Security Profile §5.3.2.1
	q.wantTokenError(q.redeem(code, how{}), "invalid_grant")
}

// playFAPIVerifier redeems a code with another verifier than its own, or with none.
func playFAPIVerifier(verifier string) func(*run) {
	return func(r *run) {
		q := r.fapi().ask()
		code := q.wantPushed(q.push()).open().code()
		q.wantTokenError(q.redeem(code, how{}, "code_verifier", verifier), "invalid_grant")
	}
}

// refresh uses a refresh token. The first client says the scope again.
func (f *fapi) refresh(token string, h how) *answer {
	f.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	if !f.second {
		form.Set("scope", f.scope)
	}
	return f.post("token_endpoint", form, h)
}

func playFAPIRefresh(r *run) {
	first := r.fapi()
	if !first.op.lists("grant_types_supported", "refresh_token") {
		r.warning("grant_types_supported lacks refresh_token")
	}
	for _, f := range []*fapi{first, r.fapi2()} {
		q := f.ask("prompt", "consent")
		q.wantPushed(q.push()).open()
		t, id := q.finish()
		if t.refresh == "" {
			r.stop("no refresh_token, and the plan asks for offline_access")
		}
		if strings.ContainsFunc(t.refresh, func(c rune) bool { return c < ' ' || c > '~' }) {
			r.failure("the refresh token has characters that are not allowed")
		}
		r.pause(time.Second)
		before := f.key
		f.key = r.newProofKey() // of a client with a credential the refresh token is not bound to the key (RFC 9449 §5)
		next, again := f.readTokens(f.refresh(t.refresh, how{}), "")
		f.reads(next.access, nil)
		if next.id != "" {
			f.checkRefreshed(id, again)
		}
		if next.refresh != "" && next.refresh != t.refresh { // FAPI 2.0 Security Profile §5.3.2.1: the answer may have been lost
			r.pause(30 * time.Second)
			f.readTokens(f.refresh(t.refresh, how{}), "")
		}
		f.key = before
		if f.second {
			first.refuses("another client's token", t.access, nil)
			first.second = true // says no scope
			first.wantTokenError(first.refresh(t.refresh, how{}), "invalid_grant")
			continue
		}
		f.wantProofToRefresh(t.refresh)
	}
}

// wantProofToRefresh refreshes without what the tokens are bound to.
func (f *fapi) wantProofToRefresh(token string) {
	f.Helper()
	if f.dpop {
		f.dpop = false
		f.wantTokenError(f.refresh(token, how{}), "invalid_client", "invalid_grant", "invalid_request", "invalid_dpop_proof")
		f.dpop = true
		return
	}
	codes := []string{"invalid_client", "invalid_request"}
	if f.auth != "mtls" {
		codes = append(codes, "invalid_grant")
	}
	f.wantTokenError(f.refresh(token, how{keyless: true}), codes...)
}

// checkRefreshed compares the ID token of a refresh with the first (OpenID Connect Core §12.2).
func (f *fapi) checkRefreshed(first, second idToken) {
	f.Helper()
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
		if f.part(object{"x": first.claims[name]}) != f.part(object{"x": second.claims[name]}) {
			f.failure("the ID token's %s was %v, and is %v after a refresh", name, first.claims[name], second.claims[name])
		}
	}
	if first.number("iat") == second.number("iat") {
		f.failure("the ID token of a refresh has the iat of the first one")
	}
}

// fapiAssertionTable are the modules about client assertions (FAPI 2.0 Security Profile §5.3.2.1).
func fapiAssertionTable(m func(id, when, shows string, play func(*run)) fapiModule) []fapiModule {
	atToken := func(h how, codes ...string) func(*run) {
		return func(r *run) {
			q := r.fapi().ask()
			code := q.wantPushed(q.push()).open().code()
			with := h
			with.claims = at(h.claims)
			q.wantTokenError(q.redeem(code, with), codes...)
		}
	}
	atPAR := func(claims func(*fapi) []any) func(*run) {
		return func(r *run) {
			f := r.fapi()
			q := f.ask()
			q.how.claims = at(claims(f))
			a := q.push()
			q.wantRefusal(a, "invalid_client", "invalid_request")
		}
	}
	const both = "J"
	return []fapiModule{
		m("ensure-signed-client-assertion-with-RS256-fails", both, "RS256 is refused", atToken(how{rs256: true}, "invalid_client")),
		m("ensure-client-assertion-in-token-endpoint", both, "no assertion, no tokens", atToken(how{bare: true}, "invalid_client", "invalid_request")),
		m("ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", both, "an expired assertion is refused", atToken(how{claims: []any{"exp", -5 * time.Minute}}, "invalid_client", "invalid_request")),
		m("ensure-client-assertion-with-wrong-aud-fails", both, "an assertion for another server is refused", atToken(how{claims: []any{"aud", "https://invalid.example.com/token"}}, "invalid_client", "invalid_request")),
		m("ensure-client-assertion-with-no-sub-fails", both, "an assertion without sub is refused", atToken(how{claims: []any{"sub", nil}}, "invalid_client", "invalid_request")),
		m("par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted", both, "clocks differ", func(r *run) {
			q := r.fapi().ask()
			q.how.claims = at([]any{"iat", 8 * time.Second, "nbf", 8 * time.Second})
			q.wantPushed(q.push()).open().finish()
		}),
		m("par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails", both, "an assertion from the future is refused", atPAR(func(*fapi) []any {
			return []any{"iat", 5 * time.Minute, "nbf", 5 * time.Minute, "exp", 10 * time.Minute}
		})),
		m("par-test-array-as-audience-fails", both, "aud is a text", atPAR(func(f *fapi) []any { return []any{"aud", []string{f.op.Issuer, "https://other1.example.com"}} })),
		m("par-test-par-endpoint-url-as-audience-fails", both, "aud is not the endpoint of PAR", atPAR(func(f *fapi) []any { return []any{"aud", f.endpoint("pushed_authorization_request_endpoint")} })),
		m("par-test-token-endpoint-url-as-audience-fails", both, "aud is not the token endpoint", atPAR(func(f *fapi) []any { return []any{"aud", f.endpoint("token_endpoint")} })),
	}
}

// lacks reports whether none of some words is in a list.
func lacks(words []any, wanted ...string) bool {
	return !slices.ContainsFunc(words, func(word any) bool {
		text, _ := word.(string)
		return slices.Contains(wanted, text)
	})
}
