package protocol

// RFC 9068, JWT profile for access tokens; RFC 8725; fosite D16.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestAccessToken_OfAPersonHasTheClaimsOfRFC9068(t *testing.T) { // RFC 9068 §2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid email")
	token := s.verify(t, in.access)
	if token.header["typ"] != "at+jwt" {
		t.Errorf("typ = %v, want at+jwt (§2.1)", token.header["typ"])
	}
	if token.header["alg"] != "ES256" {
		t.Errorf("alg = %v, want ES256 by default", token.header["alg"])
	}
	id := s.verify(t, in.id)
	for name, want := range map[string]any{"iss": s.Issuer, "sub": id.claims["sub"], "client_id": "trusted"} {
		if got := token.claims[name]; got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	text, _ := token.claims["scope"].(string)
	if words := strings.Fields(text); !slices.Equal(slices.Sorted(slices.Values(words)), []string{"email", "openid"}) {
		t.Errorf("scope = %v, want a string with openid and email (§2.2.3)", token.claims["scope"])
	}
	if got := audience(token); len(got) == 0 || slices.Contains(got, "") {
		t.Errorf("aud = %v, want the issuer by default (§3)", token.claims["aud"])
	}
	now := time.Now().Unix()
	if iat, exp := token.number("iat"), token.number("exp"); iat > now || iat < now-60 || exp-iat != 600 {
		t.Errorf("iat = %d, exp = %d, want now and ten minutes later", iat, exp)
	}
	if jti, _ := token.claims["jti"].(string); len(jti) < 16 {
		t.Errorf("jti = %q, want something unique (§2.2)", jti)
	}
	// §2.2.1: when and how the person signed in, as the ID token says it.
	if token.claims["auth_time"] == nil || token.number("auth_time") != id.number("auth_time") {
		t.Errorf("auth_time = %v, want the ID token's", token.claims["auth_time"])
	}
	if got, want := fmt.Sprint(token.claims["amr"]), fmt.Sprint(id.claims["amr"]); got != want || got != "[pwd]" {
		t.Errorf("amr = %s, want the ID token's, which says %s", got, want)
	}
	for _, name := range []string{"scp", "nonce", "email", "name", "at_hash", "preferred_username"} {
		if got, there := token.claims[name]; there {
			t.Errorf("claim %s = %v in an access token", name, got)
		}
	}
	for name, value := range token.claims {
		if list, isList := value.([]any); value == nil || value == "" || isList && len(list) == 0 {
			t.Errorf("claim %s is %v, want it left out", name, value)
		}
	}
}

func TestAccessToken_OfAMachineNamesTheClientAsItsSubject(t *testing.T) { // RFC 9068 §2.2, §3
	t.Parallel()
	s := shared(t)
	got := s.token(t, basic(server.Service()), "grant_type", "client_credentials", "scope", "api.read").tokens()
	token := s.verify(t, got.access)
	for name, want := range map[string]any{"sub": "service", "client_id": "service", "scope": "api.read", "iss": s.Issuer} {
		if got := token.claims[name]; got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if got := audience(token); len(got) != 1 || got[0] != "https://api.example" {
		t.Errorf("aud = %v, want the client's audience", token.claims["aud"])
	}
	if _, there := token.claims["auth_time"]; there {
		t.Error("auth_time in a machine's token: nobody signed in")
	}
	// Unique: two at the same second are two tokens.
	again := s.token(t, basic(server.Service()), "grant_type", "client_credentials", "scope", "api.read").tokens()
	if decode(t, again.access).claims["jti"] == token.claims["jti"] {
		t.Error("two tokens have one jti")
	}
}

func TestAccessToken_OpaqueSaysNothing(t *testing.T) { // per-client contract
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Opaque(), "scope", "openid email")
	if strings.Count(in.access, ".") == 2 {
		t.Errorf("the access token of a client with access_token_format opaque is a JWT")
	}
	if n := len(in.access); n < 43 || n > 128 {
		t.Errorf("the opaque token has %d characters, want 256 random bits and short", n)
	}
	s.userInfo(t, in.access).want(200)
}

func TestAccessToken_ForgeriesOpenNothing(t *testing.T) { // RFC 9068 §4, SEC-17
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for name, token := range forgeries(t, s, in.access) {
		if a := s.userInfo(t, token); a.status != 401 {
			t.Errorf("%s: UserInfo answers %d, want 401", name, a.status)
		}
	}
	s.userInfo(t, in.access).want(200)
}

func audience(token jwt) []string {
	switch aud := token.claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var all []string
		for _, one := range aud {
			text, _ := one.(string)
			all = append(all, text)
		}
		return all
	}
	return nil
}
