package protocol

// RFC 7662, token introspection; fosite D7.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestIntrospect_TellsWhatAnAccessTokenIs(t *testing.T) { // RFC 7662 §2.2, FL-6
	t.Parallel()
	s := shared(t)
	for _, c := range []server.Client{server.Trusted(), server.Opaque()} {
		in := s.signIn(t, c, "scope", "openid email offline_access")
		a := s.introspect(t, c, in.access).wantActive(true)
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control %q, want no-store", got)
		}
		for name, want := range map[string]any{
			"client_id": c.ID, "token_type": "Bearer", "iss": s.Issuer, "sub": s.verify(t, in.id).claims["sub"],
		} {
			if got := a.json[name]; got != want {
				t.Errorf("%s: %s = %v, want %v", c.ID, name, got, want)
			}
		}
		if got := a.words("scope"); !slices.Equal(got, []string{"email", "offline_access", "openid"}) {
			t.Errorf("%s: scope = %v, want the granted ones", c.ID, got)
		}
		now := time.Now().Unix()
		exp, _ := a.json["exp"].(json.Number)
		iat, _ := a.json["iat"].(json.Number)
		if n, err := exp.Int64(); err != nil || n <= now || n > now+3600 {
			t.Errorf("%s: exp = %v, want a JSON number soon after %d", c.ID, a.json["exp"], now)
		}
		if n, err := iat.Int64(); err != nil || n > now || n < now-60 {
			t.Errorf("%s: iat = %v, want a JSON number just before %d", c.ID, a.json["iat"], now)
		}
		for name, value := range a.json {
			if value == nil || value == "" {
				t.Errorf("%s: %s is %v, want it left out", c.ID, name, value)
			}
		}
	}
}

func TestIntrospect_RefreshTokenHasItsOwnExpiry(t *testing.T) { // fosite D7
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	a := s.introspect(t, server.Web(), in.refresh, "token_type_hint", "refresh_token").wantActive(true)
	exp, _ := a.json["exp"].(json.Number)
	if n, _ := exp.Int64(); n < time.Now().Add(24*time.Hour).Unix() {
		t.Errorf("exp = %v, want the refresh token's, not the access token's", a.json["exp"])
	}
	if got := a.json["token_type"]; got == "Bearer" {
		t.Error("token_type of a refresh token is Bearer: it is none")
	}
}

func TestIntrospect_InactiveSaysNothing(t *testing.T) { // RFC 7662 §2.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	for name, token := range map[string]string{
		"garbage": "garbage", "ID token": in.id, "one byte off": flip(in.access), "alg none": withoutSignature(t, in.access), "8 kB": strings.Repeat("A", 8000),
		"spent code": in.grant.code, "empty parts": "..",
	} {
		t.Run(name, func(t *testing.T) { s.introspect(t, server.Web(), token).wantActive(false) })
	}
	for name, token := range forgeries(t, s, in.access) {
		t.Run(name, func(t *testing.T) { s.introspect(t, server.Web(), token).wantActive(false) })
	}
}

func TestIntrospect_WhoMayAsk(t *testing.T) { // RFC 7662 §2.1, §4; fosite D7
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	s.form(t, "introspection_endpoint", nobody, "token", in.access).wantError(401, "invalid_client")
	s.form(t, "introspection_endpoint", named(server.Web()), "token", in.access).wantError(401, "invalid_client")
	// A public client cannot prove who it is, so it may not ask.
	s.form(t, "introspection_endpoint", named(server.Native()), "token", in.access).wantError(401, "invalid_client")
	// Nor may a person's token.
	req := newRequest(t, http.MethodPost, s.endpoint(t, "introspection_endpoint"), url.Values{"token": {in.access}})
	req.Header.Set("Authorization", "Bearer "+in.access)
	s.call(t, req).wantError(401, "invalid_client")
	s.form(t, "introspection_endpoint", inBody(server.Web()), "token", in.access).wantActive(true)
	// Another client is no resource server of this token and learns nothing.
	s.introspect(t, server.Other(), in.refresh).wantActive(false)
	s.introspect(t, server.Web(), "", "token", absent).wantError(400, "invalid_request")
	if a := s.get(t, s.endpoint(t, "introspection_endpoint")); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", a.status)
	}
}

// The answer says no more than for garbage, so the log is where whoever runs a new API finds out why every token is inactive.
func TestIntrospect_TheLogSaysThatAnAPIMayNotAsk(t *testing.T) { // RFC 7662 §2.2, §4
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	for name, asked := range map[string]struct{ token, want string }{
		"access token":  {in.access, `"inactive":"issued to web for other audiences"`},
		"refresh token": {in.refresh, `"inactive":"a refresh token of web"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.introspect(t, server.Other(), asked.token).wantActive(false)
			if len(a.json) != 1 || a.header.Get("X-Trace-Id") != "" {
				t.Errorf("the answer says more than to garbage: %v, X-Trace-Id %q", a.json, a.header.Get("X-Trace-Id"))
			}
			eventually(t, 5*time.Second, "the log says "+asked.want, func() bool { return strings.Contains(s.Log(), asked.want) })
		})
	}
}

func TestIntrospect_AudienceMayAsk(t *testing.T) { // RFC 7662 §2.1: a protected resource asks about tokens meant for it
	t.Parallel()
	s := shared(t)
	machine := s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
	a := s.introspect(t, server.Service(), machine.access).wantActive(true)
	if a.json["client_id"] != "service" || a.json["sub"] != "service" {
		t.Errorf("client_id = %v, sub = %v, want service in both (RFC 9068 §2.2)", a.json["client_id"], a.json["sub"])
	}
	// A person's token that an application got for an API: the API may ask, another API may not.
	person := s.forCalendar(t)
	if a := s.introspect(t, server.CalendarAPI(), person.access).wantActive(true); a.json["client_id"] != server.Resources().ID {
		t.Errorf("client_id = %v, want the application's", a.json["client_id"])
	}
	s.introspect(t, server.InnerAPI(), person.access).wantActive(false)
}

func TestIntrospect_RotatedTokenIsInactive(t *testing.T) { // RFC 7662 §2.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Quick(), "scope", "openid offline_access")
	s.refresh(t, server.Quick(), in.refresh).tokens()
	pause(t, 1500*time.Millisecond) // past this client's grace
	s.introspect(t, server.Quick(), in.refresh).wantActive(false)
	// Asking is not using: the family lives.
	s.userInfo(t, in.access).want(200)
}
