package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Modules about pushed requests, and about what is wrong with a request.

// playFAPINotPushed wants PAR to refuse a request that is changed so.
func playFAPINotPushed(pairs []any, codes ...string) func(*run) {
	return func(r *run) {
		q := r.fapi().ask(pairs...)
		q.wantRefusal(q.push(), codes...)
	}
}

func playFAPIPlainPKCE(r *run) {
	q := r.fapi().ask("code_challenge_method", "plain")
	q.params["code_challenge"] = q.verifier
	q.wantRefusal(q.push(), "invalid_request")
}

// The server may take an address that is not registered (RFC 9126 §2.4). This one does not.
func playFAPIUnregistered(r *run) {
	f := r.fapi()
	q := f.ask("redirect_uri", f.redirect+"/"+text(10))
	q.wantRefusal(q.push(), "invalid_request", "invalid_request_object")
}

func playFAPIWithoutPAR(r *run) {
	q := r.fapi().ask()
	query := url.Values{}
	for name, value := range q.params {
		query.Set(name, value.(string))
	}
	q.entered()
	q.arrive(q.visit(q.op.endpoint("authorization_endpoint")+"?"+asSuite(query), nil))
	q.wantError("invalid_request")
}

// playFAPIBeside puts another value beside the request_uri: what was pushed counts (RFC 9126 §4).
func playFAPIBeside(name string) func(*run) {
	return func(r *run) {
		q := r.fapi().ask()
		q.wantPushed(q.push()).open(name, text(20)).finish()
	}
}

func playFAPIStateOutside(r *run) {
	q := r.fapi().ask("state", nil)
	q.wantPushed(q.push()).open("state", text(20)).finish()
}

func playFAPIBare(r *run) {
	q := r.fapi().ask()
	q.wantPushed(q.push()).open("response_type", "", "scope", "", "redirect_uri", "").finish()
}

// FAPI 2.0 Security Profile §5.3.2.2, note 3: people load pages twice.
func playFAPIOpenedTwice(r *run) {
	f := r.fapi()
	r.newBrowser()
	q := f.ask()
	q.wantPushed(q.push())
	if first := r.visit(q.address(), nil); !first.page.Is("submit-login") || first.did("sign in") {
		r.failure("the first visit shows %s", first.page.Describe())
	}
	r.look("the sign-in page")
	q.open().finish()
}

// deadPage wants an error page for a request_uri that is no good.
func (q *pushed) deadPage() {
	q.Helper()
	if q.at.arrival != nil {
		q.wantError("invalid_request_uri")
		return
	}
	if code := q.at.page.Text("error-code"); code != "invalid_request_uri" {
		q.failure("the page says %q: %s", code, q.at.page.Describe())
	}
	q.look("the page of a dead request_uri")
}

func playFAPIRequestURITwice(r *run) {
	q := r.fapi().ask()
	q.wantPushed(q.push()).open().finish()
	q.lenient = true
	q.open().deadPage()
}

func playFAPIRequestURILate(r *run) {
	q := r.fapi().ask()
	a := q.push()
	q.wantPushed(a)
	expires, _ := a.json["expires_in"].(json.Number)
	seconds, err := expires.Int64()
	if err != nil || seconds > 1800 {
		r.stop("expires_in = %v", a.json["expires_in"])
	}
	r.pause(time.Duration(seconds+1) * time.Second)
	q.lenient = true
	q.open().deadPage()
}

func playFAPIRequestURIOfAnother(r *run) {
	q, other := r.fapi().ask(), r.fapi2()
	q.wantPushed(q.push())
	q.lenient = true
	q.open("client_id", other.id).deadPage()
}

func playFAPIRequestURIPushed(r *run) {
	q := r.fapi().ask()
	q.outer.Set("request_uri", "urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2")
	q.wantRefusal(q.push(), "invalid_request", "invalid_request_object", "request_uri_not_supported")
}

// RFC 9126 §2.3
func playFAPIPut(r *run) {
	q := r.fapi().ask()
	q.how.method = http.MethodPut
	if a := q.push(); a.status < 400 || a.status >= 600 {
		r.failure("PUT at PAR: %d", a.status)
	}
}

// fapiObjectTable are the modules about request objects (FAPI 2.0 Message Signing §5.3.1).
func fapiObjectTable(m func(id, when, shows string, play func(*run)) fapiModule) []fapiModule {
	refused := func(pairs ...any) func(*run) {
		return func(r *run) {
			q := r.fapi().ask()
			q.object = at(pairs)
			q.wantRefusal(q.push(), "invalid_request_object")
		}
	}
	taken := func(pairs func(*run) []any) func(*run) {
		return func(r *run) {
			f := r.fapi()
			q := f.ask()
			q.object = at(pairs(r))
			q.flow()
		}
	}
	return []fapiModule{
		m("ensure-request-object-with-multiple-aud-succeeds", "S", "an object may be meant for other servers too", taken(func(r *run) []any {
			return []any{"aud", []string{"https://other1.example.com", r.op.Issuer, "invalid"}}
		})),
		m("ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted", "S", "clocks differ", taken(func(*run) []any { return []any{"nbf", 8 * time.Second} })),
		m("ensure-request-object-without-exp-fails", "S", "an object without exp is refused", refused("exp", nil)),
		m("ensure-request-object-without-nbf-fails", "S", "an object without nbf is refused", refused("nbf", nil)),
		m("ensure-expired-request-object-fails", "S", "an expired object is refused", refused("exp", -5*time.Minute)),
		m("ensure-request-object-with-bad-aud-fails", "S", "an object for another server is refused", refused("aud", "https://www.example.com/")),
		m("ensure-request-object-with-exp-over-60-fails", "S", "an object that lives for more than an hour is refused", refused("exp", 70*time.Minute)),
		m("ensure-request-object-with-nbf-over-60-fails", "S", "an object of more than an hour ago is refused", refused("nbf", -70*time.Minute)),
		m("ensure-signed-request-object-with-RS256-fails", "S", "RS256 is refused", func(r *run) {
			q := r.fapi().ask()
			q.header = []any{"alg", "RS256"}
			q.wantRefusal(q.push(), "invalid_request_object")
		}),
		m("ensure-request-object-signature-algorithm-is-not-none", "S", "an object that nobody signed is refused", func(r *run) {
			q := r.fapi().ask()
			q.header = []any{"alg", "none", "kid", nil}
			q.wantRefusal(q.push(), "invalid_request_object")
		}),
		m("ensure-request-object-with-invalid-signature-fails", "S", "an object that somebody changed is refused", func(r *run) {
			f := r.fapi()
			q := f.ask()
			form := q.form()
			form.Set("request", forged(form.Get("request")))
			q.wantRefusal(q.post("pushed_authorization_request_endpoint", form, how{}), "invalid_request_object")
		}),
		m("ensure-matching-key-in-authorization-request", "S", "an object that another client signed is refused", func(r *run) {
			q, other := r.fapi().ask(), r.fapi2()
			q.how.identity, q.header = other, []any{"alg", other.party.key.Algorithm, "kid", other.party.key.KeyID}
			q.wantRefusal(q.push(), "invalid_request", "invalid_request_object")
		}),
		m("ensure-unsigned-request-at-par-endpoint-fails", "S", "parameters in the open are refused", func(r *run) {
			q := r.fapi().ask()
			q.signs = false
			q.wantRefusal(q.push(), "invalid_request")
		}),
		m("par-authorization-request-containing-request_uri", "S", "an object with a request_uri in it is refused", refused("request_uri", "urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2")),
	}
}

// at turns durations among pairs into times from now.
func at(pairs []any) []any {
	list := make([]any, len(pairs))
	for i, value := range pairs {
		if d, is := value.(time.Duration); is {
			value = time.Now().Add(d).Unix()
		}
		list[i] = value
	}
	return list
}
