package protocol

// RFC 9728, metadata of the operator's protected resources.

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestResource_MetadataIsPublished(t *testing.T) { // RFC 9728 §2, §3, §4
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("open", server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"))...)
	own := s.Issuer + "/tools/mcp"
	s.Run(t, "resource", "create", "calendar", "--identifier", "https://calendar.example/mcp", "--name", "Calendar", "--scope", "calendar.read,calendar.write")
	s.Run(t, "resource", "create", "tools", "--identifier", own)
	eventually(t, 5*time.Second, "discovery names both", func() bool {
		list := list(s.get(t, s.Issuer+"/.well-known/oauth-authorization-server"), "protected_resources")
		return slices.Contains(list, "https://calendar.example/mcp") && slices.Contains(list, own)
	})
	a := s.get(t, s.Issuer+"/.well-known/oauth-protected-resource/calendar").want(http.StatusOK)
	if a.str("resource") != "https://calendar.example/mcp" || a.str("resource_name") != "Calendar" || !slices.Equal(list(a, "authorization_servers"), []string{s.Issuer}) ||
		!slices.Equal(list(a, "scopes_supported"), []string{"calendar.read", "calendar.write"}) || !slices.Equal(list(a, "bearer_methods_supported"), []string{"header"}) {
		t.Errorf("got %v", a.json)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type %q", kind)
	}
	for name, value := range a.json {
		if value == nil || value == "" || name == "id" || name == "created_at" {
			t.Errorf("%s is %v: members without a value are left out, and ours are not told", name, value)
		}
	}
	// RFC 9728 §3.1: the well-known part stands between host and path.
	if got := s.get(t, s.Issuer+"/.well-known/oauth-protected-resource/tools/mcp").want(http.StatusOK).str("resource"); got != own {
		t.Errorf("resource %q, want %q", got, own)
	}
	// A proxy in front of the resource may hand the well-known path on.
	req, _ := http.NewRequest(http.MethodGet, s.Issuer+"/.well-known/oauth-protected-resource/mcp", nil)
	req.Host = "calendar.example"
	if got := s.call(t, req).str("resource"); got != "https://calendar.example/mcp" {
		t.Errorf("resource %q, want that of the host", got)
	}
	s.get(t, s.Issuer+"/.well-known/oauth-protected-resource/nothing").want(http.StatusNotFound)
	// What a tool server has, an application may ask for that nobody registered.
	c := h.app("/client.json", nil)
	verifier, pairs := pkce()
	// RFC 8707 §2: and get a token for that server alone.
	p := s.browser(t).az(c, append(pairs, "scope", "calendar.read", "resource", "https://calendar.example/mcp")...).login(s.user(t)).wantConsent().allow()
	g := p.wantCode()
	answer := s.form(t, "token_endpoint", named(c), "grant_type", "authorization_code", "code", g.code, "redirect_uri", c.Redirect, "code_verifier", verifier, "resource", "https://calendar.example/mcp")
	answer.want(http.StatusOK)
	if got := s.verify(t, answer.str("access_token")).claims["aud"]; got != "https://calendar.example/mcp" {
		t.Errorf("aud %v, want the tool server alone", got)
	}
	s.browser(t).az(c, append(pairs, "scope", "calendar.read", "resource", "https://other.example/mcp")...).wantErr("invalid_target")
	s.browser(t).az(server.Client{ID: c.ID, Redirect: c.Redirect}, append(pairs, "scope", "calendar.delete")...).wantErr("invalid_scope")
	if got := s.register(t, webApp().and(doc{"scope": "calendar.read calendar.delete"})).str("scope"); got != "calendar.read" {
		t.Errorf("an application that registers itself gets the scope %q, want calendar.read", got)
	}
	s.Run(t, "resource", "delete", "calendar", "--yes")
	eventually(t, 5*time.Second, "a removed one is gone", func() bool {
		return s.get(t, s.Issuer+"/.well-known/oauth-protected-resource/calendar").status == http.StatusNotFound
	})
	if strings.Contains(s.Log(), "panic") {
		t.Error("the log has a panic")
	}
}

// RFC 8707 §2.2: a resource that the operator took back leaves the authorizations that were for it.
func TestResource_OneThatWasTakenBackIsNoAudienceAnyMore(t *testing.T) {
	t.Parallel()
	h := newHomepage(t)
	s := start(t, h.options("open")...)
	const kept, gone = "https://calendar.example/mcp", "https://mail.example/mcp"
	s.Run(t, "resource", "create", "calendar", "--identifier", kept, "--scope", "calendar.read")
	s.Run(t, "resource", "create", "mail", "--identifier", gone, "--scope", "mail.read")
	count := func() int {
		return len(list(s.get(t, s.Issuer+"/.well-known/oauth-authorization-server"), "protected_resources"))
	}
	eventually(t, 5*time.Second, "discovery names both", func() bool { return count() == 2 })
	c := h.app("/client.json", nil)
	grant := func(scope string, resources ...string) tokens {
		t.Helper()
		verifier, pairs := pkce()
		b := s.browser(t)
		form := b.azForm(c, append(pairs, "scope", scope, "prompt", "consent")...)
		form["resource"] = resources
		g := b.open(s.endpoint(t, "authorization_endpoint") + "?" + form.Encode()).login(s.user(t)).wantConsent().allow().wantCode()
		return s.form(t, "token_endpoint", named(c), "grant_type", "authorization_code", "code", g.code, "redirect_uri", c.Redirect, "code_verifier", verifier).tokens()
	}
	both, one := grant("calendar.read offline_access", kept, gone), grant("mail.read offline_access", gone)
	s.Run(t, "--yes", "resource", "delete", "mail")
	eventually(t, 5*time.Second, "discovery names one", func() bool { return count() == 1 })
	s.form(t, "token_endpoint", named(c), "grant_type", "refresh_token", "refresh_token", both.refresh, "resource", gone).wantError(400, "invalid_target")
	got := s.refresh(t, c, both.refresh).tokens()
	if aud := s.verify(t, got.access).claims["aud"]; aud != kept {
		t.Errorf("aud %v after a refresh, want the resource that is still there", aud)
	}
	s.refresh(t, c, one.refresh).wantError(400, "invalid_target")
}
