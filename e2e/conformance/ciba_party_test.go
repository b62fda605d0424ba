package conformance

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ciba is the relying party of the FAPI-CIBA plans. Its tokens are bound to its certificate, whichever way it authenticates.
type ciba struct {
	*fapi
	audience string // of its assertions at the backchannel authentication endpoint; empty: that endpoint
	ear      *ear
}

// ciba returns the plan's first client, and ciba2 the second.
func (r *run) ciba() *ciba  { return r.cibaParty(false) }
func (r *run) ciba2() *ciba { return r.cibaParty(true) }

func (r *run) cibaParty(second bool) *ciba {
	r.Helper()
	if r.op == shared {
		r.moveTo(development())
	}
	c := &ciba{fapi: r.fapiParty(second)}
	c.fapi.audience = c.endpoint("token_endpoint") // CIBA asks for no more than RFC 7523 §3
	if r.plan.Variant["ciba_mode"] == "ping" {
		c.ear = listen(text(20))
	}
	return c
}

// question is a request at the backchannel authentication endpoint (CIBA §7.1).
type question struct {
	*ciba
	params object
	object []any // pairs for the claims of the signed request
	header []any
	signer *ciba // whose key signs it, if not its own
	open   bool  // unsigned
	id     string
	wait   time.Duration // between polls
}

// ask is what the suite's client asks. Pairs change it.
func (c *ciba) ask(pairs ...any) *question {
	c.Helper()
	q := &question{ciba: c, wait: 5 * time.Second, params: object{"scope": c.scope, c.plan.Config.Client.HintType: c.plan.Config.Client.HintValue}}
	if c.ear != nil {
		q.params["client_notification_token"] = c.ear.token
	}
	change(q.params, pairs)
	return q
}

// form is the body of the request: one that is signed (CIBA §7.1.1), as FAPI-CIBA §5.2.2 wants it.
func (q *question) form() url.Values {
	q.Helper()
	form := url.Values{}
	if q.open {
		for name, value := range q.params {
			form.Set(name, value.(string))
		}
		return form
	}
	now := time.Now().Unix()
	claims := object{"iss": q.fapi.id, "aud": q.op.Issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text()}
	for name, value := range q.params {
		claims[name] = value
	}
	change(claims, at(q.object))
	signer := q.ciba
	if q.signer != nil {
		signer = q.signer
	}
	header := object{"alg": signer.party.key.Algorithm, "kid": signer.party.key.KeyID}
	if q.second { // RFC 9101 §4
		header["typ"] = "oauth-authz-req+jwt"
	}
	change(header, q.header)
	form.Set("request", q.signed(signer.party.key.Key, header, claims))
	return form
}

// send sends the request.
func (q *question) send(h how) *answer {
	q.Helper()
	if q.auth == "private_key_jwt" && !h.bare {
		audience := q.audience
		if audience == "" {
			audience = q.op.endpoint("backchannel_authentication_endpoint")
		}
		h.claims = append([]any{"aud", audience}, h.claims...)
	}
	return q.post("backchannel_authentication_endpoint", q.form(), h)
}

// begin sends a good request, and checks the answer (CIBA §7.3).
func (q *question) begin() *question {
	q.Helper()
	a := q.send(how{})
	if a.status != http.StatusOK || a.json["error"] != nil {
		q.stop("the request: %d %s", a.status, a.body)
	}
	q.wantJSON(a)
	q.id = a.str("auth_req_id")
	if bits := entropy(q.id); len(q.id) < 22 || bits < 128 {
		q.failure("the auth_req_id %q has %.0f bits", q.id, bits)
	} else if bits <= 160 {
		q.warning("the auth_req_id %q has %.0f bits, want more than 160", q.id, bits)
	}
	if strings.ContainsFunc(q.id, func(c rune) bool {
		return c >= 128 || !strings.ContainsRune("-._", c) && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	}) {
		q.failure("the auth_req_id %q has other characters than those of CIBA §7.3", q.id)
	}
	for name, needed := range map[string]bool{"expires_in": true, "interval": false} {
		number, is := a.json[name].(json.Number)
		if n, err := number.Int64(); (is || needed || a.json[name] != nil) && (!is || err != nil || n <= 0) {
			q.failure("%s = %v", name, a.json[name])
		}
	}
	return q
}

// wantRefusal wants the request to be refused (CIBA §13).
func (q *question) wantRefusal(a *answer, codes ...string) {
	q.Helper()
	q.wantJSON(a)
	if !slices.Contains(codes, a.str("error")) {
		q.failure("the request: %d %s, want one of %q", a.status, a.body, codes)
	}
	want := http.StatusBadRequest
	if a.str("error") == "invalid_client" {
		want = http.StatusUnauthorized
	}
	if a.status != want {
		q.failure("the request: status %d with %s, want %d", a.status, a.str("error"), want)
	}
	q.checkFault(a.str("error_description"), a.str("error_uri"))
}

// poll asks the token endpoint.
func (q *question) poll(h how) *answer {
	q.Helper()
	return q.post("token_endpoint", url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {q.id}}, h)
}

// waits polls twice before anybody has answered.
func (q *question) waits() {
	q.Helper()
	q.wantTokenError(q.poll(how{}), "authorization_pending", "slow_down")
	q.pause(q.wait)
	a := q.poll(how{})
	q.wantTokenError(a, "authorization_pending", "slow_down")
	if a.str("error") == "slow_down" { // RFC 8628 §3.5: five seconds more
		q.wait += 5 * time.Second
		q.pause(q.wait)
	}
}

// answers decides in the person's place: the automated_ciba_approval_url of the plan.
func (q *question) answers(action string) {
	q.Helper()
	address := strings.NewReplacer("{auth_req_id}", url.QueryEscape(q.id), "{action}", action).Replace(q.plan.Config.Approval)
	if address == "" {
		q.stop("the plan has no automated_ciba_approval_url")
	}
	if a := q.call(q.request(http.MethodPost, address, nil), nil); a.status < 200 || a.status >= 300 {
		q.stop("%s: %d %s", action, a.status, a.body)
	}
}

// hears waits until the party may fetch what was decided: by the notification, or by polling.
func (q *question) hears() *answer {
	q.Helper()
	if q.ear != nil {
		q.notified()
		return q.poll(how{})
	}
	for range 20 {
		q.pause(q.wait)
		a := q.poll(how{})
		if error := a.str("error"); error != "authorization_pending" && error != "slow_down" {
			return a
		}
		q.wait += q.wait / 2
	}
	q.stop("nobody answered in time")
	return nil
}

// finish goes all the way: the person allows it, and the token opens the resource.
func (q *question) finish() (tokens, idToken) {
	q.Helper()
	q.begin().waits()
	q.answers("allow")
	t, id := q.readTokens(q.hears(), "")
	if t.id == "" {
		q.stop("no id_token: %s", t.body)
	}
	for _, name := range []string{"c_hash", "s_hash"} {
		if id.claims[name] != nil {
			q.warning("the ID token has %s", name)
		}
	}
	q.wantJSON(q.reads(t.access, nil))
	return t, id
}

// ear is where a party in mode ping is told of an answer.
type ear struct {
	token    string
	status   int    // what it answers
	location string // where it sends the server on
	body     string
	heard    chan notice
}

// notice is a notification as it came.
type notice struct {
	contentType, body string
	version           uint16 // of TLS
}

// notificationPath is where the plans' clients are registered.
const notificationPath = "/test/a/" + suiteAlias + "/ciba-notification-endpoint"

var ears sync.Map // by token

func listen(token string) *ear {
	e := &ear{token: token, status: http.StatusNoContent, heard: make(chan notice, 16)}
	ears.Store(token, e)
	return e
}

// hear takes a notification and gives it to whose token it bears.
func hear(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	found, ok := ears.Load(token)
	body, err := io.ReadAll(r.Body)
	if !ok || err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	e := found.(*ear)
	e.heard <- notice{r.Header.Get("Content-Type"), string(body), r.TLS.Version}
	if e.location != "" {
		w.Header().Set("Location", e.location)
	}
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.body) // the server may be gone already
}

// notified waits for the notification and checks it (CIBA §10.2).
func (q *question) notified() {
	q.Helper()
	select {
	case n := <-q.ear.heard:
		if media, _, _ := strings.Cut(n.contentType, ";"); media != "application/json" {
			q.failure("the notification is %q", n.contentType)
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(n.body), &members); err != nil || len(members) != 1 || members["auth_req_id"] != q.id {
			q.failure("the notification says %s", n.body)
		}
		if n.version < 0x0304 {
			q.warning("the notification came over an old TLS")
		}
	case <-time.After(30 * time.Second):
		q.stop("no notification came")
	}
}

// unnoticed wants no further notification for some time.
func (q *question) unnoticed(d time.Duration) {
	q.Helper()
	q.pause(d)
	select {
	case n := <-q.ear.heard:
		q.failure("another notification came: %s", n.body)
	default:
	}
}
