package protocol

// OpenID Connect Core §5.5, the claims parameter.

import (
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestClaimsParameter_ReleasesWhatIsNamed(t *testing.T) { // OpenID Connect Core §5.5; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	in := s.signInAs(t, server.Person("alice"), server.Trusted())
	ask := func(claims string) (info map[string]any, id map[string]any, tk tokens) {
		t.Helper()
		g := in.b.az(server.Trusted(), "scope", "openid offline_access", "claims", claims).wantCode()
		tk = s.exchange(t, g).tokens()
		return s.userInfo(t, tk.access).want(200).json, s.verify(t, tk.id).claims, tk
	}
	info, id, _ := ask(`{"userinfo":{"email":{"essential":true}}}`)
	if info["email"] == nil || info["name"] != nil || info["email_verified"] != nil || id["email"] != nil {
		t.Errorf("userinfo.email: UserInfo says %v, the ID token %v, want the address in the one alone", info, id)
	}
	info, id, tk := ask(`{"id_token":{"name":null,"auth_time":{"essential":true},"http://example.info/groups":{"essential":true}},"userinfo":{"email_verified":null}}`)
	if id["name"] == nil || info["name"] != nil || info["email_verified"] == nil || info["email"] != nil || id["auth_time"] == nil {
		t.Errorf("id_token.name: UserInfo says %v, the ID token %v", info, id)
	}
	if again := s.verify(t, s.refresh(t, server.Trusted(), tk.refresh).tokens().id).claims; again["name"] == nil { // §12.2
		t.Errorf("after a refresh the ID token says %v, want the name as before", again)
	}
	// Lean gets no claims in its ID tokens, but for those that it names.
	g := in.b.az(server.Lean(), "scope", "openid profile", "claims", `{"id_token":{"given_name":null}}`).wantCode()
	if id := s.verify(t, s.exchange(t, g).tokens().id).claims; id["given_name"] == nil || id["family_name"] != nil {
		t.Errorf("the ID token says %v, want the given name alone", id)
	}
	// Pushed, the parameter is the same.
	g = in.b.open(in.b.pushed(server.Trusted(), "claims", `{"userinfo":{"email":null}}`)).wantCode()
	if info := s.userInfo(t, s.exchange(t, g).tokens().access).want(200).json; info["email"] == nil {
		t.Errorf("UserInfo says %v, want the address", info)
	}
}

func TestClaimsParameter_NeedsConsent(t *testing.T) { // OpenID Connect Core §5.5: asked one by one, they need the consent that their scope needs; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	in.b.az(server.Web(), "scope", "openid").allow().wantCode()
	in.b.az(server.Web(), "scope", "openid").wantCode()
	in.b.az(server.Web(), "scope", "openid", "claims", `{"userinfo":{"email":null}}`, "prompt", "none").wantErr("consent_required")
	p := in.b.az(server.Web(), "scope", "openid", "claims", `{"userinfo":{"email":null}}`).wantConsent()
	if !p.is("scope-email") {
		t.Error("the consent page does not say that the address is asked for")
	}
	g := p.allow().wantCode()
	tk := s.exchange(t, g).tokens()
	if info := s.userInfo(t, tk.access).want(200).json; info["email"] == nil {
		t.Errorf("UserInfo says %v, want the address", info)
	}
	in.b.az(server.Web(), "scope", "openid", "claims", `{"userinfo":{"email":null}}`, "prompt", "none").wantCode()
	// What a client may not ask for by scope it does not get by name: phone is not among the scopes of this one.
	g = in.b.az(server.PKCE(), "claims", `{"userinfo":{"phone_number":{"essential":true}}}`).wantCode()
	if info := s.userInfo(t, s.exchange(t, g).tokens().access).want(200).json; info["phone_number"] != nil {
		t.Errorf("UserInfo says %v, want no phone number", info)
	}
}

func TestClaimsParameter_SubIsThePersonOrNobody(t *testing.T) { // OpenID Connect Core §5.5.1; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	sub, _ := s.verify(t, in.id).claims["sub"].(string)
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+sub+`"}}}`).wantCode()
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"sub":{"value":"somebody else"}}}`).wantErr("login_required")
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"userinfo":{"sub":{"value":"somebody else"}}}`).wantErr("login_required")
	in.b.az(server.Trusted(), "claims", `{"id_token":{"sub":{"value":"somebody else"}}}`).wantLogin()
	in.b.az(server.Trusted(), "id_token_hint", in.id, "claims", `{"id_token":{"sub":{"value":"somebody else"}}}`).wantErr("invalid_request")
}

func TestClaimsParameter_EssentialACRIsMetOrRefused(t *testing.T) { // OpenID Connect Core §5.5.1.1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"acr":{"values":["urn:example:gold"]}}}`).wantCode()
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true}}}`).wantCode()
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"values":["urn:example:gold"]}}}`).wantErr("unmet_authentication_requirements")
	// Nobody types a password for what no sign-in here can reach.
	s.browser(t).az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:gold"}}}`).wantErr("unmet_authentication_requirements")
	g := in.b.az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"values":["urn:example:gold","`+passwordContext+`"]}}}`).wantCode()
	s.wantACR(t, g, passwordContext)
	p := s.browser(t).az(server.Trusted(), "claims", `{"id_token":{"acr":{"essential":true,"value":"`+passwordContext+`"}}}`).wantLogin()
	if !p.is("notice") || p.is("upstream-google") {
		t.Errorf("want the password alone, and a sentence why: %s", p.describe())
	}
	s.wantACR(t, p.login(s.user(t)).wantCode(), passwordContext)
}

func TestClaimsParameter_HostileOnesAreRefused(t *testing.T) { // OpenID Connect Core §5.5; bounded before anything is parsed; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	for name, text := range map[string]string{
		"no JSON": "{", "a list": "[]", "nested deeply": strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000), "long": `{"x":"` + strings.Repeat("x", 5000) + `"}`,
		"a member twice": `{"userinfo":{"email":null},"userinfo":{}}`, "a number": "1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.browser(t).az(server.Trusted(), "claims", text).wantErr("invalid_request")
		})
	}
}
