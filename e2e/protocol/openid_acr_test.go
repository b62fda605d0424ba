package protocol

// OpenID Connect Core §2 (acr), §3.1.2.1 (acr_values), §15.1; Discovery §3 (acr_values_supported); Registration §2 (default_acr_values).

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// passwordContext is what a sign-in with a password is called, where nothing is configured.
const passwordContext = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

// wantACR redeems a code and wants this acr in the ID token, none where it is empty.
func (s *site) wantACR(t *testing.T, g grant, want string) jwt {
	t.Helper()
	token := s.verify(t, s.exchange(t, g).tokens().id)
	if got, there := token.claims["acr"]; there != (want != "") || there && got != want {
		t.Errorf("acr = %v, want %q", got, want)
	}
	return token
}

func TestACR_IsTheSameWhereverItIsSaid(t *testing.T) { // OpenID Connect Core §2, §12.2; RFC 9068 §2.2.1; RFC 9470 §6
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	again := s.refresh(t, server.Trusted(), in.refresh).tokens()
	for what, claims := range map[string]map[string]any{
		"ID token": s.verify(t, in.id).claims, "access token": s.verify(t, in.access).claims, "introspection": s.introspect(t, server.Trusted(), again.access).want(200).json,
		"refreshed ID token": s.verify(t, again.id).claims, "refreshed access token": s.verify(t, again.access).claims,
	} {
		if claims["acr"] != passwordContext {
			t.Errorf("%s: acr = %v, want %s", what, claims["acr"], passwordContext)
		}
	}
	machine := s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
	if acr, there := s.verify(t, machine.access).claims["acr"]; there {
		t.Errorf("acr = %v in a token that nobody signed in for", acr)
	}
}

func TestACRValues_OneOfThoseThatAreSupportedComesBack(t *testing.T) { // OpenID Connect Core §3.1.2.1, §15.1; Discovery §3; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	supported := stringsOf(t, metadata(t, s), "acr_values_supported")
	if len(supported) == 0 {
		t.Fatal("acr_values_supported is absent, so an application can ask for nothing")
	}
	g := s.browser(t).az(server.Trusted(), "acr_values", strings.Join(supported, " ")).login(s.user(t)).wantCode()
	if acr, _ := s.verify(t, s.exchange(t, g).tokens().id).claims["acr"].(string); !slices.Contains(supported, acr) {
		t.Errorf("acr = %q, want one of %v, which were asked for", acr, supported)
	}
}

func TestACRValues_AreVoluntary(t *testing.T) { // OpenID Connect Core §3.1.2.1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "acr_values", "urn:example:impossible pwd 0")
	if acr := s.verify(t, in.id).claims["acr"]; acr != passwordContext {
		t.Errorf("acr = %v, want what was proved: %s", acr, passwordContext)
	}
	in.b.az(server.Trusted(), "acr_values", "urn:example:impossible", "prompt", "none").wantCode()
	in.b.az(server.Trusted(), "claims", `{"id_token":{"acr":{"values":["urn:example:impossible"]}}}`, "prompt", "none").wantCode()
}

func TestACR_ThePreferenceOfTheRequestCounts(t *testing.T) { // OpenID Connect Core §3.1.2.1: in order of preference
	t.Parallel()
	s := start(t, server.Set("IDP_AUTHENTICATION_CONTEXTS", "urn:example:low=pwd,urn:example:nobody,urn:example:high=pwd"))
	if got := stringsOf(t, metadata(t, s), "acr_values_supported"); !slices.Equal(got, []string{"urn:example:low", "urn:example:nobody", "urn:example:high"}) {
		t.Errorf("acr_values_supported = %v, want the setting, weakest first", got)
	}
	in := s.signIn(t, server.Trusted())
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{nil, "urn:example:high"},
		{[]string{"acr_values", "urn:example:low"}, "urn:example:low"},
		{[]string{"acr_values", "urn:example:low urn:example:high"}, "urn:example:low"},
		{[]string{"acr_values", "urn:example:nobody urn:example:high"}, "urn:example:high"},
		{[]string{"claims", `{"id_token":{"acr":{"values":["urn:example:low"]}}}`}, "urn:example:low"},
		{[]string{"claims", `{"id_token":{"acr":{"essential":true,"values":["urn:example:nobody","urn:example:low"]}}}`}, "urn:example:low"},
		{[]string{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:low"}}}`, "acr_values", "urn:example:high"}, "urn:example:low"},
		{[]string{"claims", `{"userinfo":{"acr":{"essential":true,"value":"urn:example:nobody"}}}`}, "urn:example:high"},
	} {
		s.wantACR(t, in.b.az(server.Trusted(), append(c.pairs, "prompt", "none")...).wantCode(), c.want)
	}
	// On another device too (CIBA §7.1).
	id := s.askPerson(t, in.u, "acr_values", "urn:example:nobody urn:example:low").want(http.StatusOK).str("auth_req_id")
	p, request := in.b.one(in.u)
	p.submit("allow-" + request)
	if acr := s.verify(t, s.pollCIBA(t, server.Bank(), id).tokens().id).claims["acr"]; acr != "urn:example:low" {
		t.Errorf("CIBA: acr = %v, want the preference of the request", acr)
	}
	// The registration speaks where the request says nothing.
	s.Run(t, "client", "update", "trusted", "--force", "--acr-value", "urn:example:elsewhere", "--acr-value", "urn:example:low")
	eventually(t, 10*time.Second, "the client's default acr_values count", func() bool {
		g := in.b.az(server.Trusted(), "prompt", "none").wantCode()
		return s.verify(t, s.exchange(t, g).tokens().id).claims["acr"] == "urn:example:low"
	})
	s.wantACR(t, in.b.az(server.Trusted(), "prompt", "none", "acr_values", "urn:example:high").wantCode(), "urn:example:high")
	if text := s.Run(t, "client", "check", "trusted"); !strings.Contains(text, "urn:example:elsewhere") || strings.Contains(text, "urn:example:low ") {
		t.Errorf("idp client check says:\n%s\nwant a word about the default that nobody can satisfy", text)
	}
}

func TestACR_NothingIsClaimedWhereNothingIsConfigured(t *testing.T) { // OpenID Connect Core §2: never 0, never empty
	t.Parallel()
	s := start(t, server.Set("IDP_AUTHENTICATION_CONTEXTS", ","))
	if values, there := metadata(t, s)["acr_values_supported"]; there {
		t.Errorf("acr_values_supported = %v, want none", values)
	}
	s.wantACR(t, s.browser(t).az(server.Trusted(), "acr_values", "1 2").login(s.user(t)).wantCode(), "")
}

func TestACR_ListsThatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"0=pwd", "urn:example:a=otp", "urn:example:a=pwd,urn:example:a", "phr=pwd"} {
		code, said := server.Refuse(t, server.Set("IDP_AUTHENTICATION_CONTEXTS", list))
		if code == 0 || !strings.Contains(said, "authentication_contexts") {
			t.Errorf("%s: exit code %d, %s", list, code, said)
		}
	}
}
