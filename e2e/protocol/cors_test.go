package protocol

// The Fetch standard's CORS protocol; account-features.md FL-20, SEC-2.

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func preflight(t *testing.T, s *site, at, origin, method string) *answer {
	t.Helper()
	req := newRequest(t, http.MethodOptions, at, nil)
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", method)
	req.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
	return s.call(t, req)
}

func TestCORS_PreflightIsAnsweredForKnownOrigins(t *testing.T) { // FL-20
	t.Parallel()
	s := shared(t)
	for name, method := range map[string]string{"token_endpoint": "POST", "userinfo_endpoint": "GET", "revocation_endpoint": "POST"} {
		at := s.endpoint(t, name)
		for _, origin := range []string{"https://spa.example", "https://rp.example", "https://other.example"} { // listed, listed, by its redirect URI
			a := preflight(t, s, at, origin, method)
			if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("%s from %s: %d, Access-Control-Allow-Origin %q, want 204 and the origin", name, origin, a.status, a.header.Get("Access-Control-Allow-Origin"))
			}
			if got := a.header.Get("Access-Control-Allow-Methods"); !strings.Contains(got, method) {
				t.Errorf("%s: Access-Control-Allow-Methods %q, want %s in it", name, got, method)
			}
			if got := strings.ToLower(a.header.Get("Access-Control-Allow-Headers")); !strings.Contains(got, "authorization") || !strings.Contains(got, "content-type") {
				t.Errorf("%s: Access-Control-Allow-Headers %q, want authorization and content-type", name, got)
			}
			if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
				t.Errorf("%s: Vary %q, want Origin, or a cache mixes them up", name, a.header.Values("Vary"))
			}
		}
		for _, origin := range []string{"https://evil.example", "null", "https://spa.example.evil.example", "http://spa.example", "https://spa.example:8443", "https://SPA.example"} {
			if got := preflight(t, s, at, origin, method).header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s from %s: Access-Control-Allow-Origin %q, want none", name, origin, got)
			}
		}
	}
}

// Who is not registered yet must be able to find out how to register, from a page in a browser: nothing of this knows a cookie.
func TestCORS_DiscoveryAndRegistrationAreForEverybody(t *testing.T) { // FL-20; RFC 8414 §3, RFC 9728 §3, RFC 7591 §3
	t.Parallel()
	s := start(t, server.Set("IDP_MCP", "true"), server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"))
	s.Run(t, "resource", "create", "tools", "--identifier", "https://tools.example/mcp")
	metadata := s.Issuer + "/.well-known/oauth-protected-resource/tools"
	eventually(t, 5*time.Second, "the resource has metadata", func() bool { return s.get(t, metadata).status == http.StatusOK })
	for at, method := range map[string]string{
		s.Issuer + "/.well-known/openid-configuration": "GET", s.Issuer + "/.well-known/oauth-authorization-server": "GET",
		s.endpoint(t, "jwks_uri"): "GET", metadata: "GET", s.endpoint(t, "registration_endpoint"): "POST",
	} {
		for _, origin := range []string{"https://stranger.example", "null", ""} {
			a := preflight(t, s, at, origin, method)
			for name, want := range map[string]string{"Origin": "*", "Methods": method, "Headers": "MCP-Protocol-Version"} {
				if got := a.header.Get("Access-Control-Allow-" + name); a.status != http.StatusNoContent || !strings.Contains(got, want) {
					t.Errorf("preflight of %s from %q: %d, Access-Control-Allow-%s %q, want %s in it", at, origin, a.status, name, got, want)
				}
			}
			req := newRequest(t, method, at, nil)
			if method == http.MethodPost { // an error can be read as well
				req.Header.Set("Content-Type", "application/json")
			}
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			// Without an Origin too: a cache may hand that answer to a script.
			a = s.call(t, req)
			if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s from %q: Access-Control-Allow-Origin %q, want everybody without cookies", method, at, origin, got)
			}
		}
	}
	// Who registers from a browser manages the registration from there too (RFC 7592).
	made := s.register(t, webApp())
	uri, token := made.str("registration_client_uri"), made.str("registration_access_token")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		a := preflight(t, s, uri, "https://stranger.example", method)
		if got := a.header.Get("Access-Control-Allow-Methods"); a.status != http.StatusNoContent || !strings.Contains(got, method) || a.header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("preflight of %s at the registration: %d %v, want it allowed for everybody", method, a.status, a.header)
		}
		var body any
		if method == "PUT" {
			body = webApp().and(doc{"client_id": made.str("client_id")})
		}
		a = s.registrationCall(t, method, uri, token, body)
		if method == "PUT" {
			token = a.str("registration_access_token")
		}
		if a.status >= 300 || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s at the registration: %d, Access-Control-Allow-Origin %q, want an answer that the script may read", method, a.status, a.header.Get("Access-Control-Allow-Origin"))
		}
	}
	if got := preflight(t, s, s.endpoint(t, "token_endpoint"), "https://stranger.example", "POST").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("token endpoint: Access-Control-Allow-Origin %q, want none for a stranger", got)
	}
	// A registration brings the origin of its redirect URI along, and the tokens with it.
	a := s.register(t, doc{"redirect_uris": []string{"https://stranger.example/cb"}, "token_endpoint_auth_method": "none"})
	a.want(http.StatusCreated)
	eventually(t, 5*time.Second, "the token endpoint lets the origin in", func() bool {
		return preflight(t, s, s.endpoint(t, "token_endpoint"), "https://stranger.example", "POST").header.Get("Access-Control-Allow-Origin") == "https://stranger.example"
	})
}

func TestCORS_NeverWithCookiesNorOnPages(t *testing.T) { // FL-20, SEC-2
	t.Parallel()
	s := shared(t)
	for _, at := range []string{
		s.endpoint(t, "authorization_endpoint"), s.endpoint(t, "end_session_endpoint"), s.endpoint(t, "introspection_endpoint"), s.Issuer + "/login", s.Issuer + "/consent", s.Issuer + "/",
	} {
		if got := preflight(t, s, at, "https://spa.example", "GET").header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("preflight of %s: Access-Control-Allow-Origin %q, want none", at, got)
		}
		req := newRequest(t, http.MethodGet, at, nil)
		req.Header.Set("Origin", "https://spa.example")
		if got := s.call(t, req).header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("GET %s: Access-Control-Allow-Origin %q, want none", at, got)
		}
	}
	for _, name := range []string{"token_endpoint", "userinfo_endpoint", "revocation_endpoint", "jwks_uri"} {
		if got := preflight(t, s, s.endpoint(t, name), "https://spa.example", "POST").header.Get("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Credentials %q, want none", name, got)
		}
	}
}

func TestCORS_TheAnswerItselfIsReadable(t *testing.T) { // errors too, or a browser application cannot tell what happened
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	for origin, want := range map[string]string{"https://trusted.example": "https://trusted.example", "https://evil.example": ""} {
		for name, form := range map[string]url.Values{
			"success": {"grant_type": {"client_credentials"}, "client_id": {"service"}, "client_secret": {server.Service().Secret}},
			"error":   {"grant_type": {"authorization_code"}, "client_id": {"trusted"}, "client_secret": {server.Trusted().Secret}, "code": {"x"}},
		} {
			req := newRequest(t, http.MethodPost, s.endpoint(t, "token_endpoint"), form)
			req.Header.Set("Origin", origin)
			a := s.call(t, req)
			got := a.header.Get("Access-Control-Allow-Origin")
			if name == "success" && origin == "https://trusted.example" {
				continue // another client's origin: either is right
			}
			if got != want {
				t.Errorf("token endpoint, %s, from %s: Access-Control-Allow-Origin %q, want %q", name, origin, got, want)
			}
		}
		req := newRequest(t, http.MethodGet, s.endpoint(t, "userinfo_endpoint"), nil)
		req.Header.Set("Origin", origin)
		req.Header.Set("Authorization", "Bearer "+in.access)
		if got := s.call(t, req).header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("UserInfo from %s: Access-Control-Allow-Origin %q, want %q", origin, got, want)
		}
	}
}
