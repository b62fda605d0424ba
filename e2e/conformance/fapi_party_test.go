package conformance

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// fapi is the relying party of the FAPI 2.0 plans. The plan says how it authenticates (private_key_jwt, mtls), what its tokens are bound to (a
// DPoP key or its certificate), and whether its requests and the answers are signed.
type fapi struct {
	*party
	dpop, signs, jarm bool
	second            bool
	key               *proofKey         // of its DPoP proofs
	nonces            map[string]string // of the server's, by the host's part that asked: as, rs
}

// fapi returns the plan's first client.
func (r *run) fapi() *fapi { return r.fapiParty(false) }

// fapi2 returns the plan's second client. Its redirect URI has a query, and its state is long.
func (r *run) fapi2() *fapi { return r.fapiParty(true) }

func (r *run) fapiParty(second bool) *fapi {
	r.Helper()
	v := r.plan.Variant
	signs := v["fapi_request_method"] == "signed_non_repudiation"
	// The modules of the plan with signed requests are all those without and some more: so each is played with nonces, and without.
	if r.op == shared && (v["client_auth_type"] == "mtls" || v["sender_constrain"] == "mtls" || signs) {
		r.moveTo(aliased())
	}
	f := &fapi{
		dpop: v["sender_constrain"] == "dpop", signs: signs, jarm: v["fapi_response_mode"] == "jarm", second: second,
		nonces: map[string]string{},
	}
	if second {
		f.party = r.party(r.plan.Config.Client2, r.plan.Config.MTLS2)
		f.redirect += "?dummy1=lorem&dummy2=ipsum"
		f.scope = r.plan.Config.Client2.Scope
	} else {
		f.party = r.party(r.plan.Config.Client, r.plan.Config.MTLS)
		f.scope = r.plan.Config.Client.Scope
	}
	f.audience = r.op.Issuer
	f.key = r.newProofKey()
	return f
}

// entered gives the run a browser that is signed in already, unless it has one: passwords cost time.
func (r *run) entered() {
	r.Helper()
	if r.browser == nil {
		r.enter()
	}
}

// certificates reports whether the party meets the server with certificates, and so at the addresses that are there for them (RFC 8705 §5).
func (f *fapi) certificates() bool { return f.auth == "mtls" || !f.dpop }

// endpoint returns where the party calls an endpoint.
func (f *fapi) endpoint(name string) string {
	if aliases, ok := f.op.meta["mtls_endpoint_aliases"].(map[string]any); ok && f.certificates() {
		if address, ok := aliases[name].(string); ok {
			return address
		}
	}
	return f.op.endpoint(name)
}

// how a request differs from a good one.
type how struct {
	claims   []any  // pairs for the assertion
	rs256    bool   // the assertion is signed with RS256
	bare     bool   // no client authentication but the client_id
	keyless  bool   // neither certificate nor proof
	claimed  string // another client_id
	proven   bool   // a proof at PAR too
	proof    []any  // pairs for the proof's claims
	method   string // of HTTP, if not POST
	identity *fapi  // whose key signs, if not its own
}

// post sends a form as the party, once more with a nonce where the server asks for one (RFC 9449 §8).
func (f *fapi) post(name string, form url.Values, h how) *answer {
	f.Helper()
	address, sent := f.endpoint(name), url.Values{}
	for key, values := range form {
		sent[key] = values
	}
	if h.method == "" {
		h.method = http.MethodPost
	}
	over := http.RoundTripper(f.op.transport)
	binding := name == "token_endpoint" && !h.keyless
	// At PAR a certificate is shown by who authenticates with it, and by nobody else.
	if f.certificate != nil && !h.keyless && (f.auth == "mtls" || binding && !f.dpop) {
		over = f.certificate
	}
	if !h.bare && f.auth == "private_key_jwt" {
		sent.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		sent.Set("client_assertion", f.proveMyself(h)) // the suite repeats it with the nonce
	}
	// RFC 8705 §2: with a certificate comes the client_id.
	if h.bare || f.auth == "mtls" || form.Has("request") {
		sent.Set("client_id", f.id)
	}
	if h.claimed != "" {
		sent.Set("client_id", h.claimed)
	}
	var a *answer
	for range 2 {
		req := f.request(h.method, address, sent)
		if f.dpop && (binding || h.proven) {
			req.Header.Set("DPoP", f.proof(http.MethodPost, address, "", "as", h.proof...))
		}
		a = f.call(req, over)
		if !f.tookNonce("as", a) {
			return a
		}
	}
	return a
}

// tookNonce remembers the server's nonce and reports whether the request is to be repeated with it.
func (f *fapi) tookNonce(host string, a *answer) bool {
	if nonce := a.header.Get("DPoP-Nonce"); nonce != "" {
		f.nonces[host] = nonce
	}
	return a.str("error") == "use_dpop_nonce" || strings.Contains(a.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`)
}

// proveMyself is the client assertion: aud is the issuer, as a text (FAPI 2.0 Security Profile §5.3.2.1).
func (f *fapi) proveMyself(h how) string {
	f.Helper()
	key, alg := f.party.key, f.party.key.Algorithm
	if h.identity != nil {
		key, alg = h.identity.party.key, h.identity.party.key.Algorithm
	}
	if h.rs256 {
		alg = "RS256"
	}
	now := time.Now().Unix()
	claims := object{"iss": f.id, "sub": f.id, "aud": f.audience, "jti": rand.Text(), "iat": now, "exp": now + 60}
	if h.claimed != "" {
		claims["iss"], claims["sub"] = h.claimed, h.claimed
	}
	change(claims, h.claims)
	return f.signed(key.Key, object{"alg": alg, "kid": key.KeyID}, claims)
}

// proof is a DPoP proof (RFC 9449 §4.2), with the nonce that the host gave last. Pairs change its claims; a name that begins with a colon is of
// its header.
func (f *fapi) proof(method, address, access, host string, pairs ...any) string {
	f.Helper()
	header, claims := f.proofParts(method, address, access, host, pairs...)
	return f.signed(f.key.private, header, claims)
}

func (f *fapi) proofParts(method, address, access, host string, pairs ...any) (header, claims object) {
	header = object{"typ": "dpop+jwt", "alg": f.key.alg, "jwk": f.key.jwk}
	claims = object{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if access != "" {
		claims["ath"] = digest(access)
	}
	if nonce := f.nonces[host]; nonce != "" {
		claims["nonce"] = nonce
	}
	for pair := range slices.Chunk(pairs, 2) {
		if name, is := strings.CutPrefix(pair[0].(string), ":"); is {
			change(header, []any{name, pair[1]})
		} else {
			change(claims, pair)
		}
	}
	return header, claims
}

// resource calls the protected resource, which is UserInfo, as the party. The header may be changed.
func (f *fapi) resource(access string, edit func(http.Header)) *answer {
	f.Helper()
	address := f.endpoint("userinfo_endpoint")
	over := http.RoundTripper(f.op.transport)
	scheme := "DPoP"
	if !f.dpop {
		over, scheme = f.certificate, "Bearer"
	}
	var a *answer
	for range 2 {
		req := f.request(http.MethodGet, address, nil)
		req.Header.Set("Authorization", scheme+" "+access)
		if f.dpop {
			req.Header.Set("DPoP", f.proof(http.MethodGet, address, access, "rs"))
		}
		if edit != nil {
			edit(req.Header)
		}
		a = f.call(req, over)
		if !f.tookNonce("rs", a) {
			break
		}
	}
	return a
}

// reads wants the resource to answer.
func (f *fapi) reads(access string, edit func(http.Header)) *answer {
	f.Helper()
	a := f.resource(access, edit)
	if a.status != http.StatusOK {
		f.failure("the resource: %d %s %s", a.status, a.header.Get("WWW-Authenticate"), a.body)
	}
	if a.header.Get("Date") == "" { // RFC 9110 §6.6.1
		f.failure("the resource answers without Date")
	}
	return a
}

// refuses wants the resource to say no.
func (f *fapi) refuses(what, access string, edit func(http.Header)) {
	f.Helper()
	if a := f.resource(access, edit); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
		f.failure("%s: the resource answers %d, want 400 or 401", what, a.status)
	}
}
