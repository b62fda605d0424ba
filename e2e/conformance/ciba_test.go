package conformance

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The plans of FAPI-CIBA, Implementer's Draft 1: private_key_jwt or mtls, poll or ping.

const cibaPrefix = "fapi-ciba-id1"

func cibaPlans() []playedPlan {
	var list []playedPlan
	for _, auth := range []string{"jwt", "mtls"} {
		for _, mode := range []string{"poll", "ping"} {
			var ids []string
			for _, m := range cibaTable() {
				if (!strings.Contains(m.when, "J") || auth == "jwt") && (!strings.Contains(m.when, "M") || auth == "mtls") && (!strings.Contains(m.when, "P") || mode == "ping") {
					ids = append(ids, m.id)
				}
			}
			method := map[string]string{"jwt": "private_key_jwt", "mtls": "mtls"}[auth]
			list = append(list, playedPlan{"fapi-ciba-" + auth + "-" + mode, []entry{{variant{auth: method}, ids}}})
		}
	}
	return list
}

func cibaModules() []module {
	var list []module
	for _, m := range cibaTable() {
		list = append(list, m.module)
	}
	return list
}

// cibaTable has the modules of the profile plain_fapi, and when they are played: J with private_key_jwt alone, M with mtls, P in mode ping.
func cibaTable() []fapiModule {
	m := func(id, when, shows string, play func(*run)) fapiModule {
		return fapiModule{module{id: cibaPrefix + id, shows: shows, play: play}, when}
	}
	object := func(pairs ...any) func(*run) { // a signed request that is wrong
		return func(r *run) {
			q := r.ciba().ask()
			q.object = pairs
			q.wantRefusal(q.send(how{}), "invalid_request")
		}
	}
	good := func(pairs ...any) func(*run) {
		return func(r *run) { r.ciba().ask(pairs...).finish() }
	}
	atToken := func(h how, codes ...string) func(*run) { // a poll that is wrong
		return func(r *run) {
			q := r.ciba().ask().begin()
			q.wantTokenError(q.poll(h), codes...)
		}
	}
	atAsk := func(h how, codes ...string) func(*run) {
		return func(r *run) {
			q := r.ciba().ask()
			q.wantRefusal(q.send(h), codes...)
		}
	}
	return []fapiModule{
		m("-discovery-end-point-verification", "", "discovery says what the profile wants", playCIBADiscovery),
		m("", "", "two clients go all the way; tokens of the one are nothing to the other; an auth_req_id goes once", playCIBA),
		m("-user-rejects-authentication", "", "who says no sends access_denied", playCIBARejected),
		m("-multiple-call-to-token-endpoint", "", "twenty polls at once are pending, or too fast", playCIBAHurry),
		m("-auth-req-id-expired", "", "an auth_req_id that nobody answers expires", playCIBAExpired),
		m("-ensure-authorization-request-with-binding-message-succeeds", "", "a binding_message", good("binding_message", "1234")),
		m("-ensure-other-scope-order-succeeds", "", "scopes in another order", playCIBAScopeOrder),
		m("-ensure-requested-expiry-as-string-succeeds", "", "requested_expiry as a text", good("requested_expiry", "30")),
		m("-ensure-authorization-request-with-potentially-bad-binding-message", "", "a long binding_message is refused as such", playCIBABadMessage),
		m("-ensure-request-object-missing-aud-fails", "", "a signed request without aud is refused", object("aud", nil)),
		m("-ensure-request-object-bad-aud-fails", "", "a signed request for another server is refused", object("aud", "https://www.example.com/")),
		m("-ensure-request-object-missing-iss-fails", "", "a signed request without iss is refused", object("iss", nil)),
		m("-ensure-request-object-bad-iss-fails", "", "a signed request of another client is refused", func(r *run) {
			other := r.ciba2()
			object("iss", other.id)(r)
		}),
		m("-ensure-request-object-missing-exp-fails", "", "a signed request without exp is refused", object("exp", nil)),
		m("-ensure-request-object-expired-exp-fails", "", "a signed request that has expired is refused", object("exp", -5*time.Minute)),
		m("-ensure-request-object-exp-is-70-minutes-in-future-fails", "", "a signed request that lives for more than an hour is refused", object("exp", 70*time.Minute)),
		m("-ensure-request-object-missing-iat-fails", "", "a signed request without iat is refused", object("iat", nil)),
		m("-ensure-request-object-missing-nbf-fails", "", "a signed request without nbf is refused", object("nbf", nil)),
		m("-ensure-request-object-nbf-is-10-minutes-in-future-fails", "", "a signed request from the future is refused", object("nbf", 10*time.Minute)),
		m("-ensure-request-object-nbf-is-70-minutes-in-past-fails", "", "a signed request of more than an hour ago is refused", object("nbf", -70*time.Minute)),
		m("-ensure-request-object-missing-jti-fails", "", "a signed request without jti is refused", object("jti", nil)),
		m("-ensure-request-object-signature-algorithm-is-none-fails", "", "alg none is refused", func(r *run) {
			q := r.ciba().ask()
			q.header = []any{"alg", "none", "kid", nil}
			q.wantRefusal(q.send(how{}), "invalid_request")
		}),
		m("-ensure-request-object-signature-algorithm-is-bad-fails", "", "a signed request that somebody changed is refused", func(r *run) {
			q := r.ciba().ask()
			form := q.form()
			form.Set("request", forged(form.Get("request")))
			q.wantRefusal(q.post("backchannel_authentication_endpoint", form, how{}), "invalid_request")
		}),
		m("-ensure-request-object-signature-algorithm-is-RS256-fails", "", "RS256 is refused", func(r *run) {
			q := r.ciba().ask()
			q.header = []any{"alg", "RS256"}
			q.wantRefusal(q.send(how{}), "invalid_request")
		}),
		m("-ensure-request-object-signed-by-other-client-fails", "", "a signed request with another client's signature is refused", func(r *run) {
			q := r.ciba().ask()
			q.signer = r.ciba2()
			q.wantRefusal(q.send(how{}), "invalid_request")
		}),
		m("-ensure-authorization-request-with-multiple-hints-fails", "", "two hints are refused", func(r *run) {
			q := r.ciba().ask("id_token_hint", "one", "login_hint_token", "another")
			q.wantRefusal(q.send(how{}), "invalid_request")
		}),
		m("-ensure-wrong-auth-req-id-in-token-endpoint-request", "", "an auth_req_id is its client's alone", func(r *run) {
			q := r.ciba().ask().begin()
			stolen := *q
			stolen.ciba = r.ciba2()
			stolen.wantTokenError(stolen.poll(how{}), "invalid_grant")
		}),
		m("-ensure-different-client-id-and-issuer-in-backchannel-authorization-request", "M", "another client's id beside the own certificate is refused", playCIBAOtherID),
		m("-ensure-wrong-client-id-in-token-endpoint-request", "M", "another client's id with the own certificate gets no tokens", func(r *run) {
			q := r.ciba().ask().begin()
			q.wantTokenError(q.poll(how{claimed: r.ciba2().id}), "invalid_client")
		}),
		m("-ensure-wrong-client-id-in-backchannel-authorization-request", "M", "another client's request with the own certificate is refused", playCIBAOtherID),
		m("-ensure-without-client-assertion-in-token-endpoint-request", "J", "no assertion, no tokens", atToken(how{bare: true}, "invalid_client", "invalid_request")),
		m("-ensure-without-client-assertion-in-backchannel-authorization-request", "J", "no assertion, no question", atAsk(how{bare: true}, "access_denied", "invalid_request", "invalid_client")),
		m("-ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails", "J", "RS256 is refused", atAsk(how{rs256: true}, "access_denied", "invalid_request", "invalid_client")),
		m("-ensure-client-assertion-signature-algorithm-in-token-endpoint-request-is-RS256-fails", "J", "RS256 is refused", atToken(how{rs256: true}, "invalid_client")),
		m("-ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds", "J", "the issuer is an audience too", func(r *run) {
			q := r.ciba().ask().begin()
			q.wantTokenError(q.poll(how{claims: []any{"aud", q.op.Issuer}}), "authorization_pending", "slow_down")
		}),
		m("-ping-backchannel-notification-endpoint-response-has-body", "P", "a notification may be answered with a body", playCIBAEar(http.StatusOK)),
		m("-ping-backchannel-notification-endpoint-response-401", "P", "who answers 401 gets the tokens all the same", playCIBAEar(http.StatusUnauthorized)),
		m("-ping-backchannel-notification-endpoint-response-403", "P", "who answers 403 gets the tokens all the same", playCIBAEar(http.StatusForbidden)),
		m("-ping-with-mtls-ciba-notification-endpoint-response-401-and-require-server-does-not-retry", "P", "who answers 401 is not told again", func(r *run) {
			q := playCIBAHeard(r, http.StatusUnauthorized, "")
			q.unnoticed(5 * time.Second)
			q.readTokens(q.poll(how{}), "")
		}),
		m("-ping-backchannel-notification-endpoint-return-redirect-request", "P", "a notification is not sent on", func(r *run) {
			q := playCIBAHeard(r, http.StatusMovedPermanently, r.op.suite.url+notificationPath)
			q.unnoticed(15 * time.Second)
			q.readTokens(q.poll(how{}), "")
		}),
		m("-ensure-unsigned-backchannel-authorization-request-fails", "", "an unsigned request is refused", func(r *run) {
			q := r.ciba().ask()
			q.open = true
			q.wantRefusal(q.send(how{}), "invalid_request")
		}),
		m("-refresh-token", "", "refresh tokens work, for their client alone", playCIBARefresh),
		m("-ensure-mtls-holder-of-key-required", "", "no tokens without the certificate; TLS of every endpoint", playCIBAKeyless),
	}
}

func playCIBADiscovery(r *run) {
	c := r.ciba()
	r.checkServer()
	for name, values := range map[string][]string{
		"id_token_signing_alg_values_supported": {"PS256", "ES256"}, "token_endpoint_auth_signing_alg_values_supported": {"PS256", "ES256"},
		"userinfo_signing_alg_values_supported": {"PS256", "ES256"}, "grant_types_supported": {"urn:openid:params:grant-type:ciba"},
		"backchannel_authentication_request_signing_alg_values_supported": {"PS256", "ES256"}, "backchannel_token_delivery_modes_supported": {r.plan.Variant["ciba_mode"]},
		"token_endpoint_auth_methods_supported": map[string][]string{"mtls": {"tls_client_auth", "self_signed_tls_client_auth"}, "private_key_jwt": {"private_key_jwt"}}[c.auth],
	} {
		if list, _ := r.op.meta[name].([]any); lacks(list, values...) {
			r.failure("%s = %v has none of %q", name, r.op.meta[name], values)
		}
	}
	if r.op.meta["tls_client_certificate_bound_access_tokens"] != true {
		r.failure("tls_client_certificate_bound_access_tokens = %v", r.op.meta["tls_client_certificate_bound_access_tokens"])
	}
	if supported, is := r.op.meta["backchannel_user_code_parameter_supported"]; is && supported != true && supported != false {
		r.warning("backchannel_user_code_parameter_supported = %v", supported)
	}
	r.checkAddresses("backchannel_authentication_endpoint", "token_endpoint", "jwks_uri")
}

func playCIBA(r *run) {
	first, second := r.ciba(), r.ciba2()
	first.audience, second.audience = r.op.Issuer, first.endpoint("token_endpoint")
	t, _ := first.ask().finish()
	first.inQuery(t.access)
	first.reads(t.access, func(h http.Header) { h.Set("Accept", "application/json") })
	if second.ear != nil {
		second.ear = listen(text(1024)) // as long as CIBA §7.1 allows
	}
	acr := r.plan.Config.Client2.ACR
	if !r.op.lists("acr_values_supported", acr) {
		r.failure("acr_values_supported = %v has not the plan's acr_value %q", r.op.meta["acr_values_supported"], acr)
	}
	q := second.ask("requested_expiry", 300, "acr_values", acr)
	t, id := q.finish()
	if id.str("acr") != acr {
		r.failure("acr = %v, want %q, which was asked for", id.claims["acr"], acr)
	}
	first.refuses("another client's token", t.access, nil)
	q.wantTokenError(q.poll(how{}), "invalid_grant")
	r.checkTLS(first.endpoint("userinfo_endpoint"))
}

func playCIBARejected(r *run) {
	q := r.ciba().ask().begin()
	q.waits()
	q.answers("deny")
	q.wantTokenError(q.hears(), "access_denied")
}

func playCIBAHurry(r *run) {
	q := r.ciba().ask().begin()
	for range 20 {
		q.wantTokenError(q.poll(how{}), "authorization_pending", "slow_down")
	}
	if q.ear != nil {
		q.answers("allow")
		q.notified()
	}
}

func playCIBAExpired(r *run) {
	q := r.ciba().ask("requested_expiry", 30).begin()
	q.waits()
	q.pause(30 * time.Second)
	q.wantTokenError(q.poll(how{}), "expired_token")
}

func playCIBAScopeOrder(r *run) {
	c := r.ciba()
	words := strings.Fields(c.scope)
	slices.Reverse(words)
	c.ask("scope", strings.Join(words, " ")).finish()
}

func playCIBABadMessage(r *run) {
	q := r.ciba().ask("binding_message", "1234 "+strings.Repeat("\u00e4\u4e16\U0001f600 and so on, ", 10))
	q.wantRefusal(q.send(how{}), "invalid_binding_message")
}

func playCIBAOtherID(r *run) {
	q := r.ciba().ask()
	q.wantRefusal(q.send(how{claimed: r.ciba2().id}), "invalid_client")
}

// playCIBAHeard goes to where the party is told of the answer, and answers so.
func playCIBAHeard(r *run, status int, location string) *question {
	r.Helper()
	q := r.ciba().ask().begin()
	q.ear.status, q.ear.location = status, location
	if status == http.StatusOK {
		q.ear.body = "The notification endpoint answers with a body."
	}
	q.answers("allow")
	q.notified()
	return q
}

func playCIBAEar(status int) func(*run) {
	return func(r *run) {
		q := playCIBAHeard(r, status, "")
		t, _ := q.readTokens(q.poll(how{}), "")
		q.reads(t.access, nil)
	}
}

func playCIBARefresh(r *run) {
	first := r.ciba()
	if !first.op.lists("grant_types_supported", "refresh_token") {
		r.warning("grant_types_supported lacks refresh_token")
	}
	for _, c := range []*ciba{first, r.ciba2()} {
		t, id := c.ask().finish()
		if t.refresh == "" {
			r.stop("no refresh_token, and the plan asks for offline_access")
		}
		r.pause(time.Second)
		next, again := c.readTokens(c.refresh(t.refresh, how{}), "")
		c.reads(next.access, nil)
		if next.id != "" {
			c.checkRefreshed(id, again)
		}
		if c.second {
			first.second = true // says no scope
			token := t.refresh
			if next.refresh != "" {
				token = next.refresh
			}
			first.wantTokenError(first.refresh(token, how{}), "invalid_grant")
		}
	}
}

func playCIBAKeyless(r *run) {
	c := r.ciba()
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "registration_endpoint"} {
		if c.endpoint(name) != "" {
			r.checkTLS(c.endpoint(name))
		}
	}
	q := c.ask().begin()
	codes := []string{"invalid_client", "invalid_request"}
	if c.auth != "mtls" {
		codes = append(codes, "invalid_grant")
	}
	q.wantTokenError(q.poll(how{keyless: true}), codes...)
}
