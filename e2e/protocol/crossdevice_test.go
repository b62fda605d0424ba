package protocol

// What a device (RFC 8628) and a CIBA request ask for beyond scopes: resources (RFC 8707) and authorization details (RFC 9396).

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idp/e2e/server"
)

// elsewhere is one of the two ways in which the client payments asks people on another device.
type elsewhere struct {
	name, endpoint, grantType, parameter string
	// question is the page that asks, for u in b, with the suffix of its ids.
	question func(s *site, b *browser, u server.User, began *answer) (p *page, suffix string)
}

func everywhereElse() []elsewhere {
	return []elsewhere{
		{"device", "device_authorization_endpoint", grantDevice, "device_code", func(_ *site, b *browser, u server.User, began *answer) (*page, string) {
			return b.enter(device{userCode: began.str("user_code"), page: began.str("verification_uri")}, u), ""
		}},
		{"ciba", "backchannel_authentication_endpoint", grantCIBA, "auth_req_id", func(_ *site, b *browser, u server.User, _ *answer) (*page, string) {
			p, id := b.one(u)
			return p, "-" + id
		}},
	}
}

// begin asks as payments for u.
func (e elsewhere) begin(t *testing.T, s *site, u server.User, resources []string, pairs ...string) *answer {
	t.Helper()
	form := with(url.Values{"scope": {"openid api.read offline_access"}, "resource": resources}, pairs...)
	if e.name == "ciba" {
		form.Set("login_hint", u.Email)
	}
	header := http.Header{}
	basic(server.Payments())(header, form)
	req := newRequest(t, http.MethodPost, s.endpoint(t, e.endpoint), form)
	req.Header = header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.call(t, req)
}

func (e elsewhere) poll(t *testing.T, s *site, began *answer, resources []string, pairs ...string) *answer {
	t.Helper()
	code := began.str("device_code") + began.str("auth_req_id")
	return s.tokenFor(t, server.Payments(), resources, append([]string{"grant_type", e.grantType, e.parameter, code}, pairs...)...)
}

func TestCrossDevice_TokensAreForTheResourcesThatWereAsked(t *testing.T) { // RFC 8707 §2, §2.2
	t.Parallel()
	for _, e := range everywhereElse() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			u := s.user(t)
			c := server.Payments()
			for name, resource := range map[string]string{
				"not registered": "https://evil.example/", "almost": calendar + "/", "with a fragment": calendar + "#x", "no URI": "calendar",
			} {
				if a := e.begin(t, s, u, []string{resource}); a.status != http.StatusBadRequest || a.str("error") != "invalid_target" {
					t.Errorf("%s: %d %s, want 400 invalid_target", name, a.status, a.body)
				}
			}
			began := e.begin(t, s, u, []string{contacts, calendar, calendar}).want(http.StatusOK)
			p, suffix := e.question(s, s.browser(t), u, began)
			id := "asked-for"
			if suffix != "" {
				id = "for" + suffix
			}
			if text := p.text(id); !strings.Contains(text, calendar) || !strings.Contains(text, contacts) {
				t.Errorf("#%s says %q, want both resources", id, text)
			}
			p.submit("allow" + suffix)
			// What a token cannot be for costs nothing.
			e.poll(t, s, began, []string{"urn:example:files"}).wantError(http.StatusBadRequest, "invalid_target")
			tk := e.poll(t, s, began, []string{calendar}).tokens()
			s.wantAudience(t, tk.access, calendar, s.Issuer)
			tk = s.tokenFor(t, c, nil, "grant_type", "refresh_token", "refresh_token", tk.refresh).tokens()
			s.wantAudience(t, tk.access, calendar, contacts, s.Issuer)
			s.tokenFor(t, c, []string{"urn:example:files"}, "grant_type", "refresh_token", "refresh_token", tk.refresh).wantError(http.StatusBadRequest, "invalid_target")
			// Without any they are for what is registered, and no other can be added when they are fetched.
			began = e.begin(t, s, u, nil).want(http.StatusOK)
			p, suffix = e.question(s, s.browser(t), u, began)
			p.submit("allow" + suffix)
			e.poll(t, s, began, []string{calendar}).wantError(http.StatusBadRequest, "invalid_target")
			s.wantAudience(t, e.poll(t, s, began, nil).tokens().access, s.Issuer)
		})
	}
}

func TestCrossDevice_DetailsAreAllowedAndTold(t *testing.T) { // RFC 9396 §2, §3, §5, §6, §7
	t.Parallel()
	details := "[" + payment + `,{"type":"urn:example:account","actions":["read"]}]`
	one := `[{"actions":["read"],"type":"urn:example:account"}]`
	for _, e := range everywhereElse() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := paying(t)
			u := s.user(t)
			for name, text := range map[string]string{
				"no JSON": "{", "a type of no client": `[{"type":"other"}]`, "a type that nobody registered": `[{"type":"ghost"}]`,
				"a wrong value": `[{"type":"payment","amount":{"currency":"eur","value":1}}]`, "nested deeply": strings.Repeat("[", 500) + strings.Repeat("]", 500),
			} {
				if a := e.begin(t, s, u, nil, "authorization_details", text); a.status != http.StatusBadRequest || a.str("error") != "invalid_authorization_details" {
					t.Errorf("%s: %d %s, want 400 invalid_authorization_details", name, a.status, a.body)
				}
			}
			began := e.begin(t, s, u, nil, "authorization_details", details).want(http.StatusOK)
			p, suffix := e.question(s, s.browser(t), u, began)
			for _, want := range []string{"About payment", "EUR", "123.50", "Merchant <b>A</b>", "About urn:example:account"} {
				if text := p.text("details" + suffix); !strings.Contains(text, want) {
					t.Errorf("the page says %q, want %q in it", text, want)
				}
			}
			// An answer to a page that said something else does not count.
			if again := p.submit("allow"+suffix, "details", "0"); !again.is("allow" + suffix) {
				t.Fatalf("want the question again, got %s", again.describe())
			}
			e.poll(t, s, began, nil).wantError(http.StatusBadRequest, "authorization_pending")
			p.submit("allow" + suffix)
			e.poll(t, s, began, nil, "authorization_details", strings.Replace(details, "123.50", "999", 1)).wantError(http.StatusBadRequest, "invalid_authorization_details")
			a := e.poll(t, s, began, nil, "authorization_details", one)
			tk := a.tokens()
			sameDetails(t, "one of two", a.json["authorization_details"], one)
			sameDetails(t, "the access token", s.verify(t, tk.access).claims["authorization_details"], one)
			sameDetails(t, "after a refresh all that were allowed", s.refresh(t, server.Payments(), tk.refresh).json["authorization_details"], details)
		})
	}
}

func TestCrossDevice_SignedRequestHoldsBoth(t *testing.T) { // CIBA §7.1.1, RFC 8707 §2, RFC 9396 §2
	t.Parallel()
	s := paying(t)
	u := s.user(t)
	o := s.tellerRequest(t, u, members{
		"iss": server.Payments().ID, "scope": "openid", "resource": []string{calendar, contacts}, "authorization_details": []members{{"type": "urn:example:account", "actions": []string{"read"}}},
	})
	began := s.form(t, "backchannel_authentication_endpoint", basic(server.Payments()), "request", signed(t, o, "ES256", "ec", "", server.SignerKey())).want(http.StatusOK)
	p, id := s.browser(t).one(u)
	p.submit("allow-" + id)
	a := s.pollCIBA(t, server.Payments(), began.str("auth_req_id"))
	s.wantAudience(t, a.tokens().access, calendar, contacts, s.Issuer)
	sameDetails(t, "the token answer", a.json["authorization_details"], `[{"type":"urn:example:account","actions":["read"]}]`)
	for name, more := range map[string]members{"invalid_target": {"resource": []string{"https://evil.example/"}}, "invalid_authorization_details": {"authorization_details": "[1]"}} {
		o := s.tellerRequest(t, u, members{"iss": server.Payments().ID, "scope": "openid"})
		for member, value := range more {
			o[member] = value
		}
		s.form(t, "backchannel_authentication_endpoint", basic(server.Payments()), "request", signed(t, o, "ES256", "ec", "", server.SignerKey())).wantError(http.StatusBadRequest, name)
	}
}
