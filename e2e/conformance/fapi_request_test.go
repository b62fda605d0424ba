package conformance

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/e2e/jws"
)

// pushed is an authorization request of a FAPI client, on its way: what it asks, the object that it signs, what PAR answered, and what came back.
type pushed struct {
	*fapi
	params   object // what is asked
	verifier string
	object   []any      // pairs for the request object's claims
	header   []any      // pairs for its header
	outer    url.Values // beside the object, or beside the parameters
	how      how
	uri      string // the request_uri
	at       visit
	answered url.Values
	lenient  bool // where nobody knows the client's wishes for sure, the error may come unsigned
}

// ask is what the suite's client asks. Pairs change it; nil leaves a parameter out.
func (f *fapi) ask(pairs ...any) *pushed {
	f.Helper()
	q := &pushed{fapi: f, verifier: rand.Text() + rand.Text(), outer: url.Values{}}
	state := rand.Text()
	if f.second {
		state = text(128)
	}
	q.params = object{
		"client_id": f.id, "redirect_uri": f.redirect, "scope": f.scope, "state": state, "nonce": rand.Text(), "response_type": "code",
		"code_challenge": digest(q.verifier), "code_challenge_method": "S256",
	}
	if f.jarm {
		q.params["response_mode"] = "jwt"
	}
	change(q.params, pairs)
	return q
}

// text is random, of some length.
func text(length int) string {
	var b strings.Builder
	for b.Len() < length {
		b.WriteString(rand.Text())
	}
	return b.String()[:length]
}

// form is the body of the pushed request.
func (q *pushed) form() url.Values {
	q.Helper()
	form := maps.Clone(q.outer)
	if q.signs {
		form.Set("request", q.requestObject())
		return form
	}
	for name, value := range q.params {
		if word, ok := value.(string); ok {
			form.Set(name, word)
			continue
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			q.stop("%v", err)
		}
		form.Set(name, string(encoded))
	}
	return form
}

// requestObject signs the request (FAPI 2.0 Message Signing §5.3.1). The second client says what kind of JWT it is, and when it was made.
func (q *pushed) requestObject() string {
	q.Helper()
	now := time.Now().Unix()
	claims := maps.Clone(q.params)
	header := object{"alg": q.party.key.Algorithm, "kid": q.party.key.KeyID}
	claims["aud"], claims["iss"], claims["nbf"], claims["exp"] = q.op.Issuer, q.id, now, now+300
	if q.second {
		claims["iat"], header["typ"] = now, "oauth-authz-req+jwt"
	}
	change(claims, q.object)
	change(header, q.header)
	key := q.party.key.Key
	if q.how.identity != nil {
		key = q.how.identity.party.key.Key
	}
	return q.signed(key, header, claims)
}

// push sends the request to PAR.
func (q *pushed) push() *answer {
	q.Helper()
	h := q.how
	h.identity = nil // signs request objects only
	return q.post("pushed_authorization_request_endpoint", q.form(), h)
}

// wantPushed checks the answer to a good pushed request (RFC 9126 §2.2).
func (q *pushed) wantPushed(a *answer) *pushed {
	q.Helper()
	if a.status != http.StatusCreated || a.json["error"] != nil {
		q.stop("PAR: %d %s, want 201", a.status, a.body)
	}
	q.wantJSON(a)
	q.uri = a.str("request_uri")
	expires, ok := a.json["expires_in"].(json.Number)
	if seconds, err := expires.Int64(); !ok || err != nil || seconds < 5 || seconds > 365*86400 {
		q.failure("PAR: expires_in = %v", a.json["expires_in"])
	}
	if bits := entropy(q.uri); bits < 96 {
		q.failure("PAR: the request_uri %q has %.0f bits", q.uri, bits)
	}
	return q
}

// wantRefusal checks that PAR refused (RFC 9126 §2.3).
func (q *pushed) wantRefusal(a *answer, codes ...string) {
	q.Helper()
	q.wantJSON(a)
	if a.status != http.StatusBadRequest && (a.status != http.StatusUnauthorized || a.str("error") != "invalid_client") {
		q.failure("PAR: %d %s, want 400", a.status, a.body)
	}
	if !slices.Contains(codes, a.str("error")) {
		q.failure("PAR: error %q, want one of %q: %s", a.str("error"), codes, a.body)
	}
}

// address is where the browser goes. The first client repeats beside the request_uri what OAuth and OpenID Connect want to see in the open; more
// may stand there, and does not count. The second one has nothing but its client_id, and last.
func (q *pushed) address(pairs ...string) string {
	query := url.Values{"request_uri": {q.uri}, "client_id": {q.id}}
	for _, name := range []string{"response_type", "scope", "redirect_uri"} {
		if word, ok := q.params[name].(string); ok && !q.second {
			query.Set(name, word)
		}
	}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			query.Del(pair[0])
		} else {
			query.Set(pair[0], pair[1])
		}
	}
	return q.op.endpoint("authorization_endpoint") + "?" + asSuite(query)
}

// open sends the browser.
func (q *pushed) open(pairs ...string) *pushed {
	q.Helper()
	q.entered()
	q.arrive(q.visit(q.address(pairs...), nil))
	return q
}

// arrive reads what came back to the suite, if something did.
func (q *pushed) arrive(at visit) {
	q.Helper()
	q.at, q.answered = at, nil
	if at.arrival == nil {
		return
	}
	query := at.url.Query()
	if at.url.Fragment != "" {
		q.failure("the answer has a fragment: %s", at.url)
	}
	registered, err := url.Parse(q.redirect)
	if err != nil {
		q.stop("%v", err)
	}
	for name, values := range registered.Query() {
		if !slices.Equal(query[name], values) {
			q.failure("the query of the redirect URI came back as %q", at.url.RawQuery)
		}
		query.Del(name)
	}
	if q.jarm && (query.Has("response") || !q.lenient) {
		query = q.readJARM(query)
	}
	q.answered = query
}

// readJARM opens the signed answer (JARM §2.1, §2.4) and returns its parameters.
func (q *pushed) readJARM(query url.Values) url.Values {
	q.Helper()
	if len(query) != 1 || len(query["response"]) != 1 { // JARM §2.3
		q.stop("the answer is %v, want response and nothing beside it", query)
	}
	raw := query.Get("response")
	header, claims, err := jws.Decode(raw)
	if err != nil {
		q.stop("the answer: %v", err)
	}
	q.checkAlg("the answer", header)
	if alg, _ := header["alg"].(string); !q.op.lists("authorization_signing_alg_values_supported", alg) {
		q.failure("the answer's alg = %v is not in authorization_signing_alg_values_supported", alg)
	}
	q.checkSignature(idToken{raw, header, claims})
	token := idToken{raw, header, claims}
	audience, _ := claims["aud"].([]any)
	if token.str("iss") != q.op.Issuer || claims["aud"] != q.id && !slices.Contains(audience, any(q.id)) {
		q.failure("the answer's iss = %v and aud = %v", claims["iss"], claims["aud"])
	}
	now := time.Now().Unix()
	if exp := token.number("exp"); exp < now+10 || exp > now+600 {
		q.warning("the answer's exp = %v, want one in ten seconds to ten minutes", claims["exp"])
	}
	params := url.Values{}
	for name, value := range claims {
		if word, ok := value.(string); ok && !slices.Contains([]string{"aud", "sub", "jti"}, name) {
			params.Set(name, word)
		}
	}
	return params
}

// checkAlg wants an algorithm of the profile (FAPI 2.0 Security Profile §5.4.1).
func (f *fapi) checkAlg(what string, header map[string]any) {
	f.Helper()
	if alg, _ := header["alg"].(string); !slices.Contains([]string{"PS256", "ES256", "EdDSA", "Ed25519"}, alg) {
		f.failure("%s is signed with %v", what, header["alg"])
	}
}

// code wants a code, and checks the answer as every module does.
func (q *pushed) code() string {
	q.Helper()
	if q.at.arrival == nil {
		q.stop("the browser did not come back: %s", q.at.page.Describe())
	}
	if q.answered.Has("error") {
		q.stop("the answer is %s: %s", q.answered.Get("error"), q.answered.Get("error_description"))
	}
	state, _ := q.params["state"].(string)
	if q.answered.Get("state") != state || q.answered.Has("state") != (state != "") {
		q.failure("state = %q, want %q", q.answered["state"], state)
	}
	// RFC 9207 §2, FAPI 2.0 Security Profile §5.3.2.2
	if !slices.Equal(q.answered["iss"], []string{q.op.Issuer}) {
		q.failure("iss = %q", q.answered["iss"])
	}
	for name := range q.answered {
		if !slices.Contains([]string{"code", "state", "session_state", "iss"}, name) {
			q.warning("the answer has an unexpected %s", name)
		}
	}
	code := q.answered.Get("code")
	if bits := entropy(code); len(code) < 22 || bits < 96 {
		q.failure("the code %q has %.0f bits", code, bits)
	}
	return code
}

// wantError wants an error to have come back to the client.
func (q *pushed) wantError(codes ...string) {
	q.Helper()
	if q.at.arrival == nil {
		q.stop("the browser did not come back: %s", q.at.page.Describe())
	}
	if got := q.answered.Get("error"); !slices.Contains(codes, got) {
		q.failure("error = %q, want one of %q", got, codes)
	}
	state, _ := q.params["state"].(string)
	if got := q.answered.Get("state"); got != state {
		q.failure("state = %q, want %q", got, state)
	}
	for name := range q.answered {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "session_state", "iss"}, name) {
			q.warning("the error has an unexpected %s", name)
		}
	}
	q.checkFault(q.answered.Get("error_description"), q.answered.Get("error_uri"))
}

// checkFault checks what goes with an error (RFC 6749 §4.1.2.1, §5.2).
func (r *run) checkFault(description, uri string) {
	r.Helper()
	r.checkDescription(description)
	if u, err := url.Parse(uri); uri != "" && (err != nil || u.Scheme == "") {
		r.failure("error_uri = %q is no address", uri)
	}
}
