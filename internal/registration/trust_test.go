package registration

import (
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"idp/internal/idp"
)

// Whoever holds a registration access token could else have codes sent elsewhere, or hold the keys, with nobody asked.
func TestReplace_TrustEndsWithWhatWasTrusted(t *testing.T) {
	t.Parallel()
	s := &Service{Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Scopes: []string{"openid", "email", "profile"}}}
	app := map[string]any{
		"client_name": "Notes", "redirect_uris": []string{"https://notes.example/cb"}, "scope": "openid email", "token_endpoint_auth_method": "private_key_jwt",
		"jwks": map[string]any{"keys": []any{map[string]any{"kty": "EC", "kid": "first"}}}, "contacts": []string{"old@notes.example"},
	}
	become := func(c *idp.Client, change map[string]any) {
		t.Helper()
		members := map[string]json.RawMessage{}
		for _, part := range []map[string]any{app, change} {
			for name, value := range part {
				text, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				if members[name] = text; value == nil {
					delete(members, name)
				}
			}
		}
		if err := s.fill(c, members); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what    string
		change  map[string]any
		changed string
	}{
		{"nothing", nil, ""},
		{"a contact", map[string]any{"contacts": []string{"new@notes.example"}}, ""},
		{"an empty list instead of none", map[string]any{"request_uris": []string{}}, ""},
		{"the version of the software", map[string]any{"software_version": "2"}, ""},
		{"fewer scopes", map[string]any{"scope": "openid"}, ""},
		{"more scopes", map[string]any{"scope": "openid email profile"}, "scope"},
		{"a redirect URI", map[string]any{"redirect_uris": []string{"https://elsewhere.example/cb"}}, "redirect_uris"},
		{"one more redirect URI", map[string]any{"redirect_uris": []string{"https://notes.example/cb", "https://elsewhere.example/cb"}}, "redirect_uris"},
		{"where people go after signing out", map[string]any{"post_logout_redirect_uris": []string{"https://elsewhere.example/"}}, "post_logout_redirect_uris"},
		{"where it is told of the end of sessions", map[string]any{"backchannel_logout_uri": "https://elsewhere.example/"}, "backchannel_logout_uri"},
		{"where its requests are read", map[string]any{"request_uris": []string{"https://elsewhere.example/"}}, "request_uris"},
		{"the name", map[string]any{"client_name": "Your Bank"}, "client_name"},
		{"the name in another language", map[string]any{"client_name#de": "Ihre Bank"}, "localized"},
		{"the logo", map[string]any{"logo_uri": "https://notes.example/other.png"}, "logo_uri"},
		{"the keys", map[string]any{"jwks": map[string]any{"keys": []any{map[string]any{"kty": "EC", "kid": "second"}}}}, "jwks"},
		{"where the keys are", map[string]any{"jwks": nil, "jwks_uri": "https://elsewhere.example/keys"}, "jwks jwks_uri"},
		{"the method of authentication", map[string]any{"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_methods"},
		{"the certificate", map[string]any{"tls_client_auth_san_dns": "elsewhere.example"}, "tls_client_auth_san_dns"},
	} {
		for _, source := range []string{idp.ManagedByToken, idp.ManagedByOpenApproved} {
			old := &idp.Client{ID: "app", Trusted: source == idp.ManagedByToken, ManagedBy: source, Contract: idp.StrangersContract()}
			old.AllowedScopes, old.AllowedGrants = s.Scopes, []string{idp.GrantAuthorizationCode}
			become(old, nil)
			next := *old
			become(&next, c.change)
			details, _, err := s.doubt(t.Context(), old, &next, false)
			if err != nil {
				t.Fatal(err)
			}
			lost := old.Trusted && !next.Trusted || source == idp.ManagedByOpenApproved && next.ManagedBy == idp.ManagedByOpen
			if lost != (c.changed != "") || details["changed"] != c.changed || details["source"] != next.ManagedBy {
				t.Errorf("%s of a client of %s: got lost %t and %v, want %q", c.what, source, lost, details, c.changed)
			}
		}
	}
}

func TestReplace_AFreshSecretIsAnotherCredential(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := &Service{Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	old := &idp.Client{ID: "app", Trusted: true, ManagedBy: idp.ManagedByToken}
	next := *old
	if details, _, err := s.doubt(t.Context(), old, &next, true); err != nil || next.Trusted || details["changed"] != "client_secret" {
		t.Errorf("got %v, %v, want trust to fall", details, err)
	}
	if !strings.Contains(log.String(), "client_id=app") || !strings.Contains(log.String(), "changed=client_secret") {
		t.Errorf("got the log %q", log.String())
	}
}

// With other keys, whoever holds a registration access token could trade the tokens of people for their own.
func TestReplace_LeaveToTradeEndsWithTheKeysThatHadIt(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := &Service{Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Scopes: []string{"openid"}}}
	trader := func(grants ...string) *idp.Client {
		return &idp.Client{
			ID: "api", ManagedBy: idp.ManagedByToken, GrantTypes: append(grants, idp.GrantTokenExchange, idp.GrantJWTBearer), AuthMethods: []string{idp.AuthPrivateKeyJWT},
			ClientExchange:  idp.ClientExchange{ExchangeAudiences: []string{"https://inner.example"}, ExchangeImpersonates: true, ExchangeIDTokens: true},
			ClientAssertion: idp.ClientAssertion{AssertionIssuers: []string{"https://hr.example"}},
		}
	}
	for what, c := range map[string]struct {
		change func(*idp.Client)
		ends   bool
	}{
		"nothing":                      {func(*idp.Client) {}, false},
		"a contact":                    {func(c *idp.Client) { c.Contacts = []string{"new@api.example"} }, false},
		"the keys":                     {func(c *idp.Client) { c.JWKSURI = "https://elsewhere.example/keys" }, true},
		"the method of authentication": {func(c *idp.Client) { c.AuthMethods = []string{idp.AuthClientSecretBasic} }, true},
		"the certificate":              {func(c *idp.Client) { c.TLSSANDNS = "elsewhere.example" }, true},
		"a grant left out":             {func(c *idp.Client) { c.GrantTypes = []string{idp.GrantClientCredentials} }, true},
	} {
		old := trader(idp.GrantClientCredentials)
		next := *old
		c.change(&next)
		details, _, err := s.doubt(t.Context(), old, &next, false)
		if err != nil {
			t.Fatal(err)
		}
		has := next.ExchangeAudiences != nil || next.ExchangeImpersonates || next.ExchangeIDTokens || next.AssertionIssuers != nil ||
			slices.Contains(next.GrantTypes, idp.GrantTokenExchange) || slices.Contains(next.GrantTypes, idp.GrantJWTBearer)
		if has == c.ends || c.ends != (details["lost"] == "token_exchange assertions") || !slices.Contains(next.GrantTypes, idp.GrantClientCredentials) {
			t.Errorf("%s: got %+v, %+v, grants %v and %v; want leave to end: %t", what, next.ClientExchange, next.ClientAssertion, next.GrantTypes, details, c.ends)
		}
		if !slices.Contains(old.GrantTypes, idp.GrantTokenExchange) || old.ExchangeAudiences == nil {
			t.Errorf("%s: what is in memory was changed: %+v", what, old)
		}
	}
	if !strings.Contains(log.String(), `lost="token_exchange assertions"`) {
		t.Errorf("got the log %q", log.String())
	}
	old := trader()
	next := *old
	next.JWKSURI = "https://elsewhere.example/keys"
	if _, _, err := s.doubt(t.Context(), old, &next, false); idp.KindOf(err) != idp.Invalid {
		t.Errorf("nothing but trading: got %v, want the change refused", err)
	}
}

// What an operator gave by hand stays where the application says again what it is told of itself.
func TestFill_AGrantOfTheOperatorsHandStays(t *testing.T) {
	t.Parallel()
	s := &Service{Config{Logger: slog.New(slog.DiscardHandler), Scopes: []string{"openid"}}}
	c := &idp.Client{GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantTokenExchange}}
	c.AllowedScopes, c.AllowedGrants = s.Scopes, []string{idp.GrantAuthorizationCode}
	members := map[string]json.RawMessage{
		"grant_types": json.RawMessage(`["authorization_code","` + idp.GrantTokenExchange + `","` + idp.GrantJWTBearer + `"]`), "redirect_uris": json.RawMessage(`["https://notes.example/cb"]`),
	}
	if err := s.fill(c, members); err != nil || !slices.Equal(c.GrantTypes, []string{idp.GrantAuthorizationCode, idp.GrantTokenExchange}) {
		t.Errorf("got %v, %v, want what it had, and nothing more", c.GrantTypes, err)
	}
}
