package registration

import (
	"encoding/json"
	"io"
	"log/slog"
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
			details, err := s.doubt(t.Context(), old, &next, false)
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
	if details, err := s.doubt(t.Context(), old, &next, true); err != nil || next.Trusted || details["changed"] != "client_secret" {
		t.Errorf("got %v, %v, want trust to fall", details, err)
	}
	if !strings.Contains(log.String(), "client_id=app") || !strings.Contains(log.String(), "changed=client_secret") {
		t.Errorf("got the log %q", log.String())
	}
}
