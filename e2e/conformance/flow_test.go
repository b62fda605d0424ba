package conformance

import (
	"crypto/rand"
	"slices"
	"strings"
)

// flow is an authorization that was given, and what every module does with it: the tokens of the answer, those of the token endpoint, UserInfo.
type flow struct {
	*authorization
	front, back idToken // the ID tokens of the authorization endpoint and of the token endpoint
	tokens      tokens
	access      string // the last access token
}

// idToken returns the last ID token.
func (f flow) idToken() idToken {
	if f.hasCode() {
		return f.back
	}
	return f.front
}

// idTokens returns all there are.
func (f flow) idTokens() []idToken {
	return slices.DeleteFunc([]idToken{f.front, f.back}, func(t idToken) bool { return t.raw == "" })
}

// complete goes on from an authorization to the end. Pairs of names and values are added to the request for tokens.
func (a *authorization) complete(pairs ...string) flow {
	a.Helper()
	a.good()
	f := flow{authorization: a}
	nonce := a.query.Get("nonce")
	if a.hasIDToken() {
		f.front = a.checkIDToken(a.params.Get("id_token"), nonce)
		a.checkHash(f.front, "at_hash", a.params.Get("access_token"), a.hasToken())
		a.checkHash(f.front, "c_hash", a.params.Get("code"), a.hasCode())
	}
	if a.hasToken() {
		f.access = a.params.Get("access_token")
		a.checkText("access_token", f.access)
		if kind := a.params.Get("token_type"); !strings.EqualFold(kind, "bearer") {
			a.failure("token_type = %q beside the access token of the authorization endpoint", kind)
		}
		a.userInfo(f.access)
	}
	if !a.hasCode() {
		return f
	}
	f.tokens = a.read(a.redeem(pairs...))
	f.access = f.tokens.access
	a.checkText("access_token", f.access)
	f.back = a.checkIDToken(f.tokens.id, nonce)
	a.checkHash(f.back, "at_hash", f.access, false)
	a.checkHash(f.back, "c_hash", a.params.Get("code"), false)
	if a.hasIDToken() && (f.front.claims["sub"] != f.back.claims["sub"] || f.front.claims["iss"] != f.back.claims["iss"]) {
		a.failure("the ID tokens are about %v and %v", f.front.claims["sub"], f.back.claims["sub"])
	}
	a.userInfo(f.access)
	return f
}

// checkText checks that a token is made of the characters of RFC 6749 appendix A, and is hard enough to guess.
func (r *run) checkText(what, text string) {
	r.Helper()
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.failure("%s has characters that are not allowed", what)
	}
	if bits := entropy(text); bits < 96 {
		r.failure("%s has %.0f bits, want 96", what, bits)
	}
}

// checkNothingUnasked checks that an ID token has no claims that nobody asked for.
func (r *run) checkNothingUnasked(token idToken) {
	r.Helper()
	allowed := strings.Fields("iss sub aud exp iat auth_time nonce acr amr azp at_hash c_hash s_hash jti nbf sid txn")
	for name := range token.claims {
		if !slices.Contains(allowed, name) {
			r.warning("the ID token has the claim %s, for which nobody asked", name)
		}
	}
}

// longState is the state that some modules send.
func longState() string { return strings.Repeat(rand.Text(), 5)[:128] }

func playServer(r *run) {
	r.checkKeys()
	f := r.first().authorize().complete()
	for _, token := range f.idTokens() {
		if token.claims["name"] != nil {
			r.warning("the ID token has a name, for which nobody asked")
		}
	}
	r.checkNothingUnasked(f.idToken())
	if code := f.params.Get("code"); r.hasCode() {
		// RFC 6749 §10.10, RFC 6819 §5.1.4.2.2
		if len(code)*8 < 128 {
			r.failure("the code has %d characters", len(code))
		}
		r.checkText("the code", code)
	}
}

func playServerPost(r *run) {
	if !r.dynamic {
		r.plan.Config.Client = r.plan.Config.ClientSecretPost
	}
	r.first().authorize().complete()
}

// playWith is a sign-in with further parameters.
func playWith(pairs ...string) func(*run) {
	return func(r *run) { r.first().authorize(pairs...).complete() }
}

func playLoginHint(r *run) {
	r.first().authorize("login_hint", r.plan.Config.Server.LoginHint).complete()
}

func playResponseTypeMissing(r *run) {
	r.first().authorize("response_type", "").bad("invalid_request", "unsupported_response_type")
}

func playWithoutNonceFails(r *run) {
	r.first().authorize("nonce", "").bad("invalid_request")
}

func playIDTokenSignature(r *run) {
	f := r.first().authorize().complete()
	for _, token := range f.idTokens() {
		if kid, _ := token.header["kid"].(string); kid == "" || token.header["alg"] != "RS256" {
			r.failure("the ID token's header is %v, want RS256 and a kid", token.header)
		}
	}
}

func playIDTokenUnsigned(r *run) {
	if !r.op.lists("id_token_signing_alg_values_supported", "none") {
		r.skip("none is not in id_token_signing_alg_values_supported")
		return
	}
	r.failure("discovery says that ID tokens may be unsigned; nothing here plays that")
}

func playUnsignedRequest(r *run) {
	r.first()
	for _, name := range []string{"request_parameter_supported", "request_uri_parameter_supported"} {
		if r.op.meta[name] != true {
			r.warning("%s = %v", name, r.op.meta[name])
		}
	}
	if list, ok := r.op.meta["request_object_signing_alg_values_supported"].([]any); ok && !slices.Contains(list, any("none")) {
		r.skip("none is not in request_object_signing_alg_values_supported")
		return
	}
	r.failure("discovery says that request objects may be unsigned; nothing here plays that")
}

func playPost(r *run) {
	p := r.first()
	a := &authorization{party: p, query: p.ask()}
	a.at = r.visit(r.op.endpoint("authorization_endpoint"), a.query)
	if a.at.arrival == nil {
		r.warning("the browser does not come back: %s", a.at.page.Describe())
		return
	}
	a.locate()
	a.complete()
}

func playRegisteredRedirectURI(r *run) {
	p := r.first()
	a := p.authorize("redirect_uri", p.redirect+"/"+rand.Text())
	if a.at.arrival != nil {
		r.failure("the browser was sent to %s", a.at.url)
		return
	}
	r.wantErrorPage(a.at, "the error page about the redirect URI")
}

// wantErrorPage wants a page that tells somebody what is wrong, of which the browser script takes a picture.
func (r *run) wantErrorPage(at visit, what string) {
	r.Helper()
	if at.page.Status < 400 || at.page.Text("error-code") == "" || !at.did("error page") {
		r.failure("want an error page of which a picture is taken, got %s", at.page.Describe())
	}
	r.look(what)
}

func playPKCE(r *run) {
	verifier := rand.Text() + rand.Text()
	r.first().authorize("code_challenge", challenge(verifier), "code_challenge_method", "S256").complete("code_verifier", verifier)
}
