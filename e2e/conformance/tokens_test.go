package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/e2e/jws"
)

// tokens are what the token endpoint gave.
type tokens struct {
	*answer
	access, refresh, id string
}

// token calls the token endpoint as the party. Pairs of names and values are the form.
func (p *party) token(pairs ...string) *answer {
	p.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	header := http.Header{}
	over := p.authenticate(header, form)
	req := p.request(http.MethodPost, p.op.endpoint("token_endpoint"), form)
	for name, values := range header {
		req.Header[name] = values
	}
	return p.call(req, over)
}

// redeem exchanges the code.
func (a *authorization) redeem(pairs ...string) *answer {
	a.Helper()
	return a.token(append([]string{"grant_type", "authorization_code", "code", a.params.Get("code"), "redirect_uri", a.redirect}, pairs...)...)
}

// read checks a good answer of the token endpoint as every module does.
func (p *party) read(a *answer) tokens {
	p.Helper()
	if a.status != http.StatusOK || a.json["error"] != nil {
		p.stop("%s: %d %s", a.what, a.status, a.body)
	}
	p.wantJSON(a)
	t := tokens{a, a.str("access_token"), a.str("refresh_token"), a.str("id_token")}
	if t.access == "" {
		p.stop("no access_token: %s", a.body)
	}
	if kind := a.str("token_type"); !strings.EqualFold(kind, "bearer") && !strings.EqualFold(kind, "dpop") {
		p.failure("token_type = %q", kind)
	}
	// RFC 6749 §5.1
	if control := a.header.Get("Cache-Control"); !strings.Contains(control, "no-store") {
		p.failure("Cache-Control = %q, want no-store", control)
	}
	expires, ok := a.json["expires_in"].(json.Number)
	if seconds, err := expires.Int64(); !ok || err != nil || seconds <= 0 || seconds > 365*86400 {
		p.failure("expires_in = %v, want seconds up to a year", a.json["expires_in"])
	}
	return t
}

// idToken is an ID token that passed what the suite asks of every one.
type idToken struct {
	raw            string
	header, claims map[string]any
}

func (i idToken) str(name string) string {
	text, _ := i.claims[name].(string)
	return text
}

// number returns a claim that is a whole number; -1 if it is not.
func (i idToken) number(name string) int64 {
	n, ok := i.claims[name].(json.Number)
	if !ok {
		return -1
	}
	v, err := n.Int64()
	if err != nil {
		return -1
	}
	return v
}

// checkIDToken checks what the suite checks of every ID token: the claims, the nonce that was asked for, and the signature by the key that it names.
func (p *party) checkIDToken(raw, nonce string) idToken {
	p.Helper()
	header, claims, err := jws.Decode(raw)
	if err != nil {
		p.stop("the ID token: %v", err)
	}
	token := idToken{raw, header, claims}
	if token.str("iss") != p.op.Issuer {
		p.failure("the ID token's iss = %v, want %s", claims["iss"], p.op.Issuer)
	}
	audience, _ := claims["aud"].([]any)
	if claims["aud"] != p.id && !slices.Contains(audience, any(p.id)) {
		p.failure("the ID token's aud = %v, want %s", claims["aud"], p.id)
	}
	now := time.Now().Unix()
	if exp := token.number("exp"); exp < now-300 || exp > now+50*366*86400 {
		p.failure("the ID token's exp = %v", claims["exp"])
	}
	if iat := token.number("iat"); iat > now+300 || iat < now-86400 {
		p.failure("the ID token's iat = %v", claims["iat"])
	}
	if nonce != "" && token.str("nonce") != nonce || nonce == "" && claims["nonce"] != nil {
		p.failure("the ID token's nonce = %v, want %q", claims["nonce"], nonce)
	}
	if sub := token.str("sub"); sub == "" || len(sub) > 255 {
		p.failure("the ID token's sub = %v", claims["sub"])
	}
	if acr, ok := claims["acr"]; ok && (acr == "" || token.str("acr") == "") {
		p.failure("the ID token's acr = %v, want a word", acr)
	}
	checkStandardClaims(p.run, "the ID token", claims)
	p.checkSignature(token)
	return token
}

// checkSignature checks a token's signature by the published key that it names.
func (p *party) checkSignature(token idToken) {
	p.Helper()
	want := "RS256"
	if alg, ok := p.registration["id_token_signed_response_alg"].(string); ok {
		want = alg
	}
	if token.header["alg"] != want && p.registration != nil {
		p.failure("the ID token's alg = %v, want %s", token.header["alg"], want)
	}
	if kid, _ := token.header["kid"].(string); kid == "" {
		p.failure("the ID token names no key: %v", token.header)
	}
	var found []map[string]any
	for _, key := range p.op.keys {
		if key["kid"] == token.header["kid"] {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		p.failure("%d published keys have the ID token's kid %v", len(found), token.header["kid"])
		return
	}
	if err := jws.CheckSignature(found[0], token.raw); err != nil {
		p.failure("the ID token's signature: %v", err)
	}
}

// checkHash checks at_hash or c_hash of an ID token. It must be there if needed, and be right if it is there.
func (r *run) checkHash(token idToken, name, of string, needed bool) {
	r.Helper()
	got, ok := token.claims[name]
	if !ok {
		if needed {
			r.failure("the ID token has no %s", name)
		}
		return
	}
	alg, _ := token.header["alg"].(string)
	hash := jws.Hash(alg)
	if hash == 0 {
		return
	}
	if want := base64.RawURLEncoding.EncodeToString(half(hash, of)); got != want {
		r.failure("the ID token's %s = %v, want %s", name, got, want)
	}
}

// userInfo asks UserInfo with the token in the header, and wants 200.
func (p *party) userInfo(access string) *answer {
	p.Helper()
	req := p.request(http.MethodGet, p.op.endpoint("userinfo_endpoint"), nil)
	req.Header.Set("Authorization", "Bearer "+access)
	a := p.call(req, p.certificate)
	if a.status != http.StatusOK {
		p.failure("UserInfo: %d %s %s", a.status, a.header.Get("WWW-Authenticate"), a.body)
	}
	return a
}
