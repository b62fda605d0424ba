package conformance

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// fapiDPoPTable are the modules about DPoP (RFC 9449; FAPI 2.0 Security Profile §5.3.2.1, §5.3.3.1).
func fapiDPoPTable(m func(id, when, shows string, play func(*run)) fapiModule) []fapiModule {
	return []fapiModule{
		m("check-dpop-proof-nbf-exp", "D", "proofs with nbf and exp", playProofs(false, func() []any {
			return []any{"nbf", time.Now().Unix(), "exp", time.Now().Add(5 * time.Minute).Unix()}
		})),
		m("ensure-dpopproof-with-iat-10seconds-before-succeeds", "D", "proofs of ten seconds ago", playProofs(true, func() []any { return []any{"iat", time.Now().Unix() - 10} })),
		m("ensure-dpopproof-with-iat-10seconds-after-succeeds", "D", "proofs of a clock that is ahead", playProofs(true, func() []any { return []any{"iat", time.Now().Unix() + 8} })),
		m("ensure-mismatched-dpop-jkt-fails", "D", "dpop_jkt and the proof at PAR are one key", func(r *run) {
			q := r.fapi().ask("dpop_jkt", digest(text(20)))
			q.how.proven = true
			q.wantRefusal(q.push(), "invalid_request", "invalid_dpop_proof")
		}),
		m("ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt", "D", "the key of the proof at PAR is the code's", func(r *run) {
			f := r.fapi()
			q := f.ask()
			q.how.proven = true
			code := q.wantPushed(q.push()).open().code()
			f.key = r.newProofKey()
			f.wantTokenError(q.redeem(code, how{}), "invalid_request", "invalid_grant", "invalid_dpop_proof")
		}),
		m("ensure-token-endpoint-fails-with-mismatched-dpop-jkt", "D", "the key of dpop_jkt is the code's", func(r *run) {
			q := r.fapi().ask("dpop_jkt", digest(text(20)))
			code := q.wantPushed(q.push()).open().code()
			q.wantTokenError(q.redeem(code, how{}), "invalid_request", "invalid_grant", "invalid_dpop_proof")
		}),
		m("ensure-dpopproof-at-par-endpoint-binding-success", "D", "a proof at PAR", func(r *run) {
			q := r.fapi().ask()
			q.how.proven = true
			q.flow()
		}),
		m("ensure-dpop-auth-code-binding-success", "D", "a proof at PAR with its dpop_jkt", func(r *run) {
			f := r.fapi()
			q := f.ask("dpop_jkt", f.key.jkt)
			q.how.proven = true
			q.flow()
		}),
		m("dpop-negative-tests", "D", "all that can be wrong with a proof", playFAPIProofFaults),
	}
}

// playProofs goes all the way with proofs that are changed so; at PAR too, if it is to.
func playProofs(pushed bool, change func() []any) func(*run) {
	return func(r *run) {
		f := r.fapi()
		q := f.ask()
		q.how.proven, q.how.proof = pushed, change()
		code := q.wantPushed(q.push()).open().code()
		t, _ := q.readTokens(q.redeem(code, how{proof: change()}), q.params["nonce"].(string))
		f.reads(t.access, f.proving(t.access, change()...))
	}
}

// proving changes the proof of a call of the resource.
func (f *fapi) proving(access string, pairs ...any) func(http.Header) {
	return func(h http.Header) {
		h.Set("DPoP", f.proof(http.MethodGet, f.endpoint("userinfo_endpoint"), access, "rs", pairs...))
	}
}

func playFAPIProofFaults(r *run) {
	f := r.fapi()
	f.key = r.rsaProofKey()
	q := f.ask()
	q.wantPushed(q.push()).open()
	t, _ := q.finish()
	address := f.endpoint("userinfo_endpoint")

	for what, pairs := range map[string][]any{
		"typ is missing": {":typ", nil}, "jwk is missing": {":jwk", nil}, "jti is missing": {"jti", nil}, "htm is missing": {"htm", nil}, "htu is missing": {"htu", nil},
		"iat is missing": {"iat", nil}, "ath is missing": {"ath", nil}, "another typ": {":typ", "dpop+jwt+wrongyousee"}, "RS256": {":alg", "RS256"},
		"alg none": {":alg", "none", ":jwk", nil}, "another method": {"htm", "PUT"}, "another address": {"htu", address + "ohnonotagain"}, "another ath": {"ath", digest("another token")},
		"the private key in jwk": {":jwk", r.privateJWK(f.key)},
	} {
		f.refuses("a proof, "+what, t.access, f.proving(t.access, pairs...))
	}
	for what, spoil := range map[string]func(string) string{
		"no JWT":            func(proof string) string { return proof[:strings.LastIndexByte(proof, '.')] },
		"another signature": forged,
		"alg is missing": func(string) string {
			header, claims := f.proofParts(http.MethodGet, address, t.access, "rs")
			proof := f.signed(f.key.private, header, claims)
			header["alg2"] = header["alg"]
			delete(header, "alg")
			_, rest, _ := strings.Cut(proof, ".")
			return f.part(header) + "." + rest
		},
	} {
		f.refuses("a proof, "+what, t.access, func(h http.Header) { h.Set("DPoP", spoil(h.Get("DPoP"))) })
	}
	// RFC 9449 §4.3: one header.
	f.refuses("two proofs", t.access, func(h http.Header) { h.Add("DPoP", f.proof(http.MethodGet, address, t.access, "rs")) })
	f.refuses("no proof", t.access, func(h http.Header) { h.Del("DPoP") })
	f.refuses("no proof, and Bearer", t.access, func(h http.Header) {
		h.Del("DPoP")
		h.Set("Authorization", "Bearer "+t.access)
	})
	own := f.key
	f.key = r.newProofKey()
	f.refuses("a proof of another key", t.access, nil)
	f.key = own

	for what, change := range map[string]func(http.Header){
		"the header in capitals":    func(h http.Header) { h["DPOP"] = h["Dpop"]; h.Del("DPoP") },
		"htu with a query":          f.proving(t.access, "htu", address+"?allthedoors#cheery"),
		"members that nobody knows": f.proving(t.access, ":tx_id", 12345, "tx_id_key", 12345),
	} {
		if a := f.resource(t.access, change); a.status != http.StatusOK {
			r.failure("a proof, %s: %d %s", what, a.status, a.header.Get("WWW-Authenticate"))
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		r.stop("%v", err)
	}
	for what, htu := range map[string]string{ // RFC 3986 §6.2.2, §6.2.3
		"scheme and host in capitals": strings.ToUpper(u.Scheme+"://"+u.Host) + u.Path, "the port of the scheme": u.Scheme + "://" + u.Hostname() + ":443" + u.Path,
	} {
		if a := f.resource(t.access, f.proving(t.access, "htu", htu)); a.status != http.StatusOK {
			r.warning("a proof with %s: %d", what, a.status)
		}
	}
	// Where the server gives nonces, they say how old a proof is, and iat may be anything.
	for what, moved := range map[string]time.Duration{"from the future": time.Hour, "of an hour ago": -time.Hour} {
		change := f.proving(t.access, "iat", time.Now().Add(moved).Unix())
		if f.nonces["rs"] == "" {
			f.refuses("a proof "+what, t.access, change)
		} else if a := f.resource(t.access, change); a.status != http.StatusOK {
			r.warning("a proof %s, with a nonce: %d %s", what, a.status, a.header.Get("WWW-Authenticate"))
		}
	}
	jti := f.proving(t.access, "jti", text(15))
	f.reads(t.access, jti)
	if a := f.resource(t.access, jti); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized { // RFC 9449 §11.1
		r.warning("a jti came twice, and the resource answers %d", a.status)
	}
	f.reads(t.access, nil)
}
