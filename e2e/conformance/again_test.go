package conformance

import (
	"net/http"
	"time"
)

// Modules that ask a second time: the same sign-in, or a new one; a code or a refresh token used again.

// again authorizes a second time and completes it.
func again(f flow, pairs ...string) flow {
	f.Helper()
	return f.authorize(pairs...).complete()
}

// wantSameSignIn wants two ID tokens about one person and one sign-in.
func wantSameSignIn(first, second flow) {
	first.Helper()
	one, two := first.idToken(), second.idToken()
	if one.claims["sub"] != two.claims["sub"] {
		first.failure("the ID tokens are about %v and %v", one.claims["sub"], two.claims["sub"])
	}
	if one.claims["auth_time"] != two.claims["auth_time"] {
		first.failure("auth_time was %v and is %v", one.claims["auth_time"], two.claims["auth_time"])
	}
	if second.at.did("sign in") {
		first.failure("the person was asked to sign in again")
	}
}

// wantLaterSignIn wants that the person was asked again, and that auth_time says so.
func wantLaterSignIn(first, second flow) {
	first.Helper()
	if !second.at.did("sign in") {
		first.failure("the person was not asked to sign in again: no picture for the review")
	}
	one, two := first.idToken().number("auth_time"), second.idToken().number("auth_time")
	if one >= 0 && two >= 0 && two <= one {
		first.failure("auth_time was %d and is %d, want a later one", one, two)
	}
	first.look("the second sign-in page")
}

func playPromptLogin(r *run) {
	first := r.first().authorize().complete()
	r.pause(1100 * time.Millisecond)
	wantLaterSignIn(first, again(first, "prompt", "login"))
}

func playMaxAge1(r *run) {
	first := r.first().authorize().complete()
	r.pause(2100 * time.Millisecond)
	second := again(first, "max_age", "1")
	for _, token := range second.idTokens() {
		if at, now := token.number("auth_time"), time.Now().Unix(); at < now-120 || at > now+5 {
			r.failure("auth_time = %v after max_age, want the time of the sign-in", token.claims["auth_time"])
		}
	}
	wantLaterSignIn(first, second)
}

func playMaxAge10000(r *run) {
	first := r.first().authorize("max_age", "15000").complete()
	second := again(first, "max_age", "10000")
	for _, token := range append(first.idTokens(), second.idTokens()...) {
		if token.number("auth_time") < 0 {
			r.failure("auth_time = %v although max_age was asked", token.claims["auth_time"])
		}
	}
	wantSameSignIn(first, second)
}

func playPromptNoneNotLoggedIn(r *run) {
	r.first().authorize("prompt", "none", "state", longState()).bad("login_required", "interaction_required", "account_selection_required", "consent_required")
}

func playPromptNoneLoggedIn(r *run) {
	first := r.first().authorize().complete()
	wantSameSignIn(first, again(first, "prompt", "none"))
}

func playIDTokenHint(r *run) {
	first := r.first().authorize().complete()
	wantSameSignIn(first, again(first, "prompt", "none", "id_token_hint", first.idToken().raw))
}

// playCodeReuse uses a code a second time, some seconds later.
func playCodeReuse(seconds int) func(*run) {
	return func(r *run) {
		f := r.first().authorize().complete()
		r.pause(time.Duration(seconds) * time.Second)
		a := f.redeem()
		if seconds == 0 && a.status == http.StatusOK {
			r.warning("the code was good twice")
			return
		}
		r.wantInvalidGrant(a)
		if seconds == 0 {
			return
		}
		req := r.request(http.MethodGet, r.op.endpoint("userinfo_endpoint"), nil)
		req.Header.Set("Authorization", "Bearer "+f.access)
		if got := r.call(req, nil); got.status < 400 || got.status > 499 { // RFC 6749 §4.1.2
			r.warning("the access token of the first use still works: %d", got.status)
		}
	}
}

// wantInvalidGrant wants the error of RFC 6749 §5.2, well-formed.
func (r *run) wantInvalidGrant(a *answer) {
	r.Helper()
	if a.status != http.StatusBadRequest || a.str("error") != "invalid_grant" {
		r.failure("%s: %d %s, want 400 invalid_grant", a.what, a.status, a.body)
	}
	r.wantJSON(a)
	r.checkDescription(a.str("error_description"))
	if uri, ok := a.json["error_uri"]; ok && uri == "" {
		r.failure("error_uri is empty")
	}
}

func playRefreshToken(r *run) {
	scope := "openid"
	if r.op.lists("scopes_supported", "offline_access") {
		scope = "openid offline_access"
	}
	var grants []string
	for _, grant := range []string{"authorization_code", "implicit", "refresh_token"} {
		if grant != "implicit" || r.hasIDToken() || r.hasToken() {
			grants = append(grants, grant)
		}
	}
	one, two := r.first("grant_types", grants), r.second("grant_types", grants)
	var last string
	for _, p := range []*party{one, two} {
		p.scope = scope
		pairs := []string{}
		if scope != "openid" {
			pairs = append(pairs, "prompt", "consent") // OpenID Connect Core §11
		}
		if p == two {
			pairs = append(pairs, "nonce", longState()[:43])
		}
		f := p.authorize(pairs...).complete()
		if f.tokens.refresh == "" {
			if r.op.lists("grant_types_supported", "refresh_token") {
				r.warning("discovery lists refresh_token, and there is none")
			}
			r.skip("no refresh token was issued")
			return
		}
		if !r.op.lists("grant_types_supported", "refresh_token") {
			r.warning("grant_types_supported does not list refresh_token")
		}
		last = p.refreshOnce(f, p == one)
	}
	// What one client was given is nothing to another.
	r.wantInvalidGrant(one.token("grant_type", "refresh_token", "refresh_token", last, "scope", scope))
}

// refreshOnce refreshes, compares the ID tokens (OpenID Connect Core §12.2), asks UserInfo, and returns the refresh token that counts now.
func (p *party) refreshOnce(f flow, withScope bool) string {
	p.Helper()
	p.checkText("refresh_token", f.tokens.refresh)
	p.pause(1100 * time.Millisecond) // so that iat differs
	pairs := []string{"grant_type", "refresh_token", "refresh_token", f.tokens.refresh}
	if withScope {
		pairs = append(pairs, "scope", p.scope)
	}
	t := p.read(p.token(pairs...))
	p.checkText("access_token", t.access)
	if t.id != "" {
		before, after := f.back, p.checkIDToken(t.id, "")
		for _, name := range []string{"iss", "sub", "aud", "azp"} {
			if before.claims[name] != after.claims[name] {
				p.failure("%s of the ID token was %v and is %v", name, before.claims[name], after.claims[name])
			}
		}
		if after.claims["auth_time"] != nil && before.claims["auth_time"] != after.claims["auth_time"] {
			p.failure("auth_time was %v and is %v", before.claims["auth_time"], after.claims["auth_time"])
		}
		if before.claims["iat"] == after.claims["iat"] {
			p.failure("iat of the new ID token is that of the old one")
		}
	}
	p.userInfo(t.access)
	if t.refresh == "" {
		return f.tokens.refresh
	}
	p.checkText("refresh_token", t.refresh)
	return t.refresh
}
