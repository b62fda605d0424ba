package conformance

// The plans of OpenID Connect Core: Basic, Implicit, Hybrid, Form Post and Config.

func corePlans() []playedPlan {
	code := variant{responseType: "code", auth: "client_secret_basic"}
	return []playedPlan{
		{"oidcc-basic", []entry{{code, []string{"oidcc-server"}}}},
		{"oidcc-implicit", []entry{{variant{responseType: "id_token token", auth: "client_secret_basic"}, []string{"oidcc-server"}}}},
		{"oidcc-formpost-hybrid", []entry{{variant{responseType: "code id_token token", auth: "client_secret_basic", formPost: true, dynamic: true}, []string{"oidcc-server"}}}},
	}
}

func coreModules() []module {
	return []module{
		{id: "oidcc-server", shows: "a sign-in, with everything that is checked in each module", play: playServer},
	}
}

func playServer(r *run) {
	r.flow(r.first().authorize())
}

// flow checks an authorization that was given and goes on as every module does: the tokens of the answer, those of the token endpoint, UserInfo.
func (r *run) flow(a *authorization) tokens {
	r.Helper()
	a.good()
	nonce := a.query.Get("nonce")
	var first idToken
	if r.hasIDToken() {
		first = a.checkIDToken(a.params.Get("id_token"), nonce)
		r.checkHash(first, "at_hash", a.params.Get("access_token"), r.hasToken())
		r.checkHash(first, "c_hash", a.params.Get("code"), r.hasCode())
	}
	if r.hasToken() {
		a.userInfo(a.params.Get("access_token"))
	}
	if !r.hasCode() {
		return tokens{access: a.params.Get("access_token"), id: a.params.Get("id_token")}
	}
	t := a.read(a.redeem())
	second := a.checkIDToken(t.id, nonce)
	r.checkHash(second, "at_hash", t.access, false)
	r.checkHash(second, "c_hash", a.params.Get("code"), false)
	if r.hasIDToken() && (first.claims["sub"] != second.claims["sub"] || first.claims["iss"] != second.claims["iss"]) {
		r.failure("the ID tokens are about %v and %v", first.claims["sub"], second.claims["sub"])
	}
	a.userInfo(t.access)
	return t
}
