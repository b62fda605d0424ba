package protocol

// RFC 9396, Rich Authorization Requests.

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

const paymentSchema = `{"type":"object","required":["type","amount"],"additionalProperties":false,"properties":{"type":{"const":"payment"},
	"amount":{"type":"object","required":["currency","value"],"properties":{"currency":{"type":"string","pattern":"^[A-Z]{3}$"},"value":{"type":"number","exclusiveMinimum":0}}},
	"to":{"type":"string","maxLength":100}}}`

const payment = `{"type":"payment","amount":{"currency":"EUR","value":123.50},"to":"Merchant <b>A</b>"}`

// paying starts a server at which an operator has registered two types.
func paying(t *testing.T) *site {
	t.Helper()
	s := start(t)
	for name, schema := range map[string]string{"payment": paymentSchema, "urn:example:account": `{"type":"object"}`} {
		file := filepath.Join(t.TempDir(), "schema.json")
		if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Run(t, "authorization-type", "apply", name, "--title", "About "+name, "--schema", file)
	}
	return s
}

// sameDetails compares two texts of JSON.
func sameDetails(t *testing.T, what string, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(text, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s: got %s, want %s", what, text, want)
	}
}

func TestDetails_DiscoveryNamesTheTypes(t *testing.T) { // RFC 9396 §10
	t.Parallel()
	s := paying(t)
	at := s.Issuer + "/.well-known/openid-configuration"
	want := func(what string, names ...string) {
		eventually(t, 5*time.Second, what, func() bool {
			return slices.Equal(list(s.get(t, at), "authorization_details_types_supported"), names)
		})
	}
	want("discovery names both", "payment", "urn:example:account")
	s.Run(t, "authorization-type", "delete", "payment", "--yes")
	want("discovery forgets one", "urn:example:account")
	s.Restart(t)
	want("it does after a restart", "urn:example:account")
	s.Run(t, "authorization-type", "delete", "urn:example:account", "--yes")
	eventually(t, 5*time.Second, "an empty list is left out", func() bool { // RFC 8414 §3.2
		_, has := s.get(t, at).json["authorization_details_types_supported"]
		return !has
	})
}

func TestDetails_AreAllowedAndTold(t *testing.T) { // RFC 9396 §2, §3, §7, §9.1, §9.2
	t.Parallel()
	s := paying(t)
	c := server.Payments()
	in := s.signIn(t, server.Trusted())
	details := "[" + payment + "]"
	p := in.b.az(c, "scope", "openid offline_access", "authorization_details", details).wantConsent()
	for _, want := range []string{"About payment", "EUR", "123.50", "Merchant <b>A</b>"} {
		if !strings.Contains(p.text("details"), want) {
			t.Errorf("the consent page says %q, want %q in it", p.text("details"), want)
		}
	}
	a := s.exchange(t, p.allow().wantCode())
	tk := a.tokens()
	sameDetails(t, "the token answer", a.json["authorization_details"], details)
	sameDetails(t, "the access token", s.verify(t, tk.access).claims["authorization_details"], details)
	sameDetails(t, "introspection", s.introspect(t, c, tk.access).want(200).json["authorization_details"], details)
	a = s.refresh(t, c, tk.refresh)
	sameDetails(t, "after a refresh", a.json["authorization_details"], details)
	tk = a.tokens()
	s.refresh(t, c, tk.refresh, "authorization_details", strings.Replace(details, "123.50", "999", 1)).wantError(400, "invalid_authorization_details")
	sameDetails(t, "named at the refresh", s.refresh(t, c, tk.refresh, "authorization_details", details).json["authorization_details"], details)
	// What was allowed was allowed once: neither the next request nor another amount goes without asking.
	in.b.az(c, "scope", "openid offline_access", "prompt", "none").wantCode()
	in.b.az(c, "scope", "openid offline_access", "authorization_details", details, "prompt", "none").wantErr("consent_required")
	in.b.az(c, "scope", "openid", "authorization_details", details).wantConsent().submit("deny").wantErr("access_denied")
	// Nor does an answer to a page that said something else count.
	in.b.az(c, "scope", "openid", "authorization_details", details).wantConsent().submit("allow", "details", "0").wantConsent()
}

func TestDetails_AreNarrowedAtTheExchange(t *testing.T) { // RFC 9396 §6
	t.Parallel()
	s := paying(t)
	c := server.Payments()
	in := s.signIn(t, server.Trusted())
	both := "[" + payment + `,{"type":"urn:example:account","actions":["read"]}]`
	g := in.b.open(in.b.pushed(c, "scope", "api.read", "authorization_details", both)).allow().wantCode()
	one := `[{"actions":["read"],"type":"urn:example:account"}]`
	sameDetails(t, "one of two", s.exchange(t, g, "authorization_details", one).json["authorization_details"], one)
	sameDetails(t, "as itself", s.token(t, basic(c), "grant_type", "client_credentials", "scope", "api.read", "authorization_details", one).want(http.StatusOK).json["authorization_details"], one)
	s.token(t, basic(c), "grant_type", "client_credentials", "authorization_details", `[{"type":"other"}]`).wantError(400, "invalid_authorization_details")
}

func TestDetails_UnfitOnesAreRefused(t *testing.T) { // RFC 9396 §5
	t.Parallel()
	s := paying(t)
	for name, text := range map[string]string{
		"no JSON": "{", "no array": payment, "empty": "[]", "no object": "[1]", "no type": `[{"amount":1}]`, "a type of no client": `[{"type":"other"}]`, "a type that nobody registered": `[{"type":"ghost"}]`,
		"a member too much": `[{"type":"payment","amount":{"currency":"EUR","value":1},"x":1}]`, "a wrong value": `[{"type":"payment","amount":{"currency":"eur","value":1}}]`, "a missing member": `[{"type":"payment"}]`,
		"a member twice": `[{"type":"payment","type":"payment","amount":{"currency":"EUR","value":1}}]`, "nested deeply": strings.Repeat("[", 500) + strings.Repeat("]", 500), "too long": `[{"type":"urn:example:account","x":"` + strings.Repeat("x", 9000) + `"}]`,
		"too many": "[" + strings.Repeat(`{"type":"urn:example:account"},`, 20) + `{"type":"urn:example:account"}]`,
	} {
		s.browser(t).az(server.Payments(), "authorization_details", text).wantErr("invalid_authorization_details")
		s.browser(t).push(server.Payments(), "authorization_details", text).wantError(400, "invalid_authorization_details")
		_ = name
	}
	s.browser(t).az(server.Trusted(), "authorization_details", "["+payment+"]").wantErr("invalid_authorization_details")
	// A type that is gone can be asked for no more.
	s.Run(t, "authorization-type", "delete", "payment", "--yes")
	if list := s.Run(t, "authorization-type", "list", "-o", "json"); strings.Contains(list, `"payment"`) || !strings.Contains(list, "urn:example:account") {
		t.Errorf("the list says %s", list)
	}
	s.browser(t).az(server.Payments(), "authorization_details", "["+payment+"]").wantErr("invalid_authorization_details")
}
