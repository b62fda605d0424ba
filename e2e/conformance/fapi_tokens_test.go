package conformance

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// redeem exchanges a code. Pairs change the form; an empty value leaves a parameter out.
func (q *pushed) redeem(code string, h how, pairs ...string) *answer {
	q.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {q.redirect}, "code_verifier": {q.verifier}}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			form.Del(pair[0])
		} else {
			form.Set(pair[0], pair[1])
		}
	}
	return q.post("token_endpoint", form, h)
}

// readTokens checks a good answer of the token endpoint, and the ID token in it if there is one.
func (f *fapi) readTokens(a *answer, nonce string) (tokens, idToken) {
	f.Helper()
	t := f.read(a)
	want := "Bearer"
	if f.dpop { // RFC 9449 §5
		want = "DPoP"
	}
	if kind := a.str("token_type"); !strings.EqualFold(kind, want) {
		f.failure("token_type = %q, want %q", kind, want)
	}
	for name, token := range map[string]string{"access_token": t.access, "refresh_token": t.refresh} {
		if bits := entropy(token); token != "" && (len(token) < 22 || bits < 96) {
			f.failure("the %s has %.0f bits", name, bits)
		}
	}
	if t.id == "" {
		return t, idToken{}
	}
	id := f.checkIDToken(t.id, nonce)
	f.checkAlg("the ID token", id.header)
	f.checkHash(id, "at_hash", t.access, false)
	known := append([]string{"iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "c_hash", "at_hash", "s_hash", "jti", "nbf"}, standardClaims()...)
	for name := range id.claims {
		if !slices.Contains(known, name) {
			f.warning("the ID token has an unknown %s", name)
		}
	}
	return t, id
}

// standardClaims are those of OpenID Connect Core §5.1.
func standardClaims() []string {
	return strings.Fields("sub name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo locale " +
		"phone_number phone_number_verified address updated_at")
}

// finish goes on from the answer as every module does that means well: tokens, and the resource.
func (q *pushed) finish() (tokens, idToken) {
	q.Helper()
	code := q.code()
	nonce, _ := q.params["nonce"].(string)
	t, id := q.readTokens(q.redeem(code, how{}), nonce)
	if t.id == "" {
		q.stop("no id_token: %s", t.body)
	}
	q.checkHash(id, "c_hash", code, false)
	q.reads(t.access, nil)
	return t, id
}

// flow plays a whole authorization that means well.
func (q *pushed) flow() (tokens, idToken) {
	q.Helper()
	return q.wantPushed(q.push()).open().finish()
}

// wantTokenError wants an error of the token endpoint, one of codes: 400, or 401 for invalid_client.
func (f *fapi) wantTokenError(a *answer, codes ...string) {
	f.Helper()
	f.wantJSON(a)
	if got := a.str("error"); !slices.Contains(codes, got) {
		f.failure("the token endpoint: %d %s, want one of %q", a.status, a.body, codes)
	}
	if a.status != http.StatusBadRequest && (a.status != http.StatusUnauthorized || a.str("error") != "invalid_client") {
		f.failure("the token endpoint: status %d with %s", a.status, a.str("error"))
	}
	f.checkFault(a.str("error_description"), a.str("error_uri"))
}

// The modules of the plan that mean well.

func playFAPIHappy(r *run) {
	for i, f := range []*fapi{r.fapi(), r.fapi2()} {
		for scope := range strings.FieldsSeq(f.scope) {
			if !f.op.lists("scopes_supported", scope) {
				f.warning("scopes_supported lacks %s", scope)
			}
		}
		q := f.ask("nonce", text(10+33*i))
		if f.second && f.dpop { // RFC 9449 §10.1: the thumbprint alone, without a proof
			q.params["dpop_jkt"] = f.key.jkt
		}
		q.wantPushed(q.push()).open()
		t, id := q.finish()
		if f.second {
			first := r.fapi()
			first.refuses("another client's token", t.access, nil)
			continue
		}
		for name := range id.claims {
			if !slices.Contains(strings.Fields("iss sub aud exp iat auth_time nonce acr amr azp at_hash c_hash nbf jti sid s_hash txn"), name) {
				f.warning("the ID token has %s, which nobody asked for", name)
			}
		}
		f.inQuery(t.access)
		f.reads(t.access, func(h http.Header) { h.Set("Accept", "application/json;charset=UTF-8") })
		f.reads(t.access, func(h http.Header) { h.Set("Accept", "application/json, application/*;q=0.9, */*;q=0.8") })
		interaction := func(h http.Header) {
			h.Set("X-Fapi-Interaction-Id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a")
			h.Set("X-Fapi-Auth-Date", "Tue, 11 Sep 2012 19:43:31 UTC")
			h.Set("X-Fapi-Customer-Ip-Address", "198.51.100.119")
		}
		if a := f.reads(t.access, interaction); a.header.Get("X-Fapi-Interaction-Id") != "" && a.header.Get("X-Fapi-Interaction-Id") != "c770aef3-6784-41f7-8e0e-ff5f97bddb3a" {
			f.failure("x-fapi-interaction-id came back as %q", a.header.Get("X-Fapi-Interaction-Id"))
		}
	}
	r.checkTLS(r.fapi().endpoint("userinfo_endpoint"))
}

// inQuery sends the token where it must not be (RFC 6750 §2.3, FAPI 2.0 Security Profile §5.3.4).
func (f *fapi) inQuery(access string) {
	f.Helper()
	address := f.endpoint("userinfo_endpoint")
	req := f.request(http.MethodGet, address+"?access_token="+url.QueryEscape(access), nil)
	over := f.certificate
	if f.dpop {
		over = nil
		req.Header.Set("DPoP", f.proof(http.MethodGet, address, access, "rs"))
	}
	if a := f.call(req, over); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized && a.status != http.StatusRequestURITooLong {
		f.failure("a token in the query: %d, want 400 or 401", a.status)
	}
}

func playFAPIRejects(r *run) {
	for _, f := range []*fapi{r.fapi(), r.fapi2()} {
		r.newBrowser()
		q := f.ask("state", text(128))
		q.wantPushed(q.push()).open().wantError("access_denied")
	}
}

func playFAPIWithout(name string) func(*run) {
	return func(r *run) {
		r.fapi().ask(name, nil).flow()
	}
}

func playFAPILong(name string, length int) func(*run) {
	return func(r *run) {
		r.fapi().ask(name, text(length)).flow()
	}
}

func playFAPIScopeOrder(r *run) {
	f := r.fapi()
	words := strings.Fields(f.scope)
	slices.Reverse(words)
	f.ask("scope", strings.Join(words, " ")).flow()
}

// All standard claims that discovery names are asked for in every form that the parameter has, and some that nobody knows.
func playFAPIClaims(r *run) {
	f := r.fapi()
	if f.op.meta["claims_parameter_supported"] != true {
		r.failure("claims_parameter_supported = %v", f.op.meta["claims_parameter_supported"])
	}
	forms := []any{nil, object{"essential": true}, object{"essential": false}}
	wanted := object{}
	for i, name := range standardClaims() {
		if f.op.lists("claims_supported", name) {
			wanted[name] = forms[i%len(forms)]
		}
	}
	if len(wanted) == 0 {
		r.failure("claims_supported has no standard claim")
	}
	q := f.ask("claims", object{"id_token": wanted, "userinfo": wanted, text(8): object{text(8): nil}})
	q.wantPushed(q.push()).open()
	t, id := q.finish()
	info := q.reads(t.access, nil)
	q.wantJSON(info)
	if info.json["sub"] == nil || info.json["sub"] != id.claims["sub"] {
		q.failure("UserInfo is about %v, the ID token about %v", info.json["sub"], id.claims["sub"])
	}
	checkStandardClaims(r, "UserInfo", info.json)
	for name := range info.json {
		if !slices.Contains(standardClaims(), name) {
			q.warning("UserInfo has an unknown %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if id.claims[name] == nil && info.json[name] == nil {
			q.warning("%s was asked for, and is nowhere", name)
		}
	}
}

// RFC 9110 §11.1: the name of the scheme has no case.
func playFAPISchemeCase(r *run) {
	f := r.fapi()
	q := f.ask()
	t, _ := q.readTokens(q.wantPushed(q.push()).open().redeem(q.code(), how{}), q.params["nonce"].(string))
	f.reads(t.access, func(h http.Header) {
		scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
		inverted := strings.Map(func(c rune) rune {
			if c >= 'a' {
				return c - 32
			}
			return c + 32
		}, scheme)
		h.Set("Authorization", inverted+" "+token)
	})
}
