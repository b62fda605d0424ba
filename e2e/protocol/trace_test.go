package protocol

// What `idp trace` tells of requests that were refused (FD-17).

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// check is one line of a trace.
type check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Expected string `json:"expected"`
	Received string `json:"received"`
	Mend     string `json:"mend"`
}

// wantMend wants the trace of a refusal to tell what was expected, what came and how to mend it.
func (s *site) wantMend(t *testing.T, id, code string) {
	t.Helper()
	if id == "" {
		t.Fatal("the refusal names no trace")
	}
	var got struct {
		Outcome string  `json:"outcome"`
		Checks  []check `json:"checks"`
	}
	eventually(t, 20*time.Second, "the trace is written", func() bool {
		code, text, _ := s.Try(t, "trace", id, "-o", "json")
		return code == 0 && json.Unmarshal([]byte(text), &got) == nil && got.Outcome != "waiting" // for the person, who has answered
	})
	failed := 0
	for _, c := range got.Checks {
		if c.OK {
			continue
		}
		if failed++; c.Name == "" || c.Expected == "" || c.Received == "" || c.Mend == "" {
			t.Errorf("check %+v, want a name, what was expected, what came and how to mend it", c)
		}
	}
	if got.Outcome != code || failed == 0 {
		t.Errorf("outcome %s with %d failed checks, want %s and what is wrong: %+v", got.Outcome, failed, code, got.Checks)
	}
}

func TestTrace_EveryRefusalSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	s := start(t) // its own: of the many refusals of a whole suite, not every one is kept
	t.Run("authorization requests", s.refusedAuthorizations)
	t.Run("token requests", s.refusedTokens)
}

func (s *site) refusedAuthorizations(t *testing.T) {
	t.Parallel()
	in := s.signIn(t, server.Trusted())
	for name, c := range map[string]struct {
		client server.Client
		code   string
		pairs  []string
	}{
		"no client":               {server.Trusted(), "invalid_request", []string{"client_id", absent}},
		"another client":          {server.Trusted(), "invalid_client", []string{"client_id", "nobody"}},
		"no redirect_uri":         {server.Trusted(), "invalid_request", []string{"redirect_uri", absent}},
		"another redirect_uri":    {server.Trusted(), "invalid_request", []string{"redirect_uri", "https://evil.example/cb"}},
		"no response_type":        {server.Trusted(), "invalid_request", []string{"response_type", absent}},
		"another response_type":   {server.Trusted(), "unsupported_response_type", []string{"response_type", "magic"}},
		"not its response_type":   {server.Trusted(), "unauthorized_client", []string{"response_type", "id_token"}},
		"response_mode":           {server.Trusted(), "invalid_request", []string{"response_mode", "magic"}},
		"state":                   {server.Trusted(), "invalid_request", []string{"state", strings.Repeat("a", 4097)}},
		"nonce":                   {server.Trusted(), "invalid_request", []string{"nonce", strings.Repeat("a", 1025)}},
		"scope":                   {server.Trusted(), "invalid_scope", []string{"scope", "openid everything"}},
		"no PKCE":                 {server.PKCE(), "invalid_request", []string{"code_challenge", absent, "code_challenge_method", absent}},
		"plain":                   {server.PKCE(), "invalid_request", []string{"code_challenge_method", "plain"}},
		"challenge":               {server.PKCE(), "invalid_request", []string{"code_challenge", "short"}},
		"method alone":            {server.PKCE(), "invalid_request", []string{"code_challenge", absent}},
		"prompt":                  {server.Trusted(), "invalid_request", []string{"prompt", "magic"}},
		"prompt none and more":    {server.Trusted(), "invalid_request", []string{"prompt", "none login"}},
		"max_age":                 {server.Trusted(), "invalid_request", []string{"max_age", "soon"}},
		"negative max_age":        {server.Trusted(), "invalid_request", []string{"max_age", "-1"}},
		"id_token_hint":           {server.Trusted(), "invalid_request", []string{"id_token_hint", "x.y.z"}},
		"claims":                  {server.Trusted(), "invalid_request", []string{"claims", "{"}},
		"acr_values":              {server.Trusted(), "invalid_request", []string{"acr_values", strings.Repeat("a ", 400)}},
		"registration":            {server.Trusted(), "registration_not_supported", []string{"registration", "{}"}},
		"resource":                {server.Trusted(), "invalid_target", []string{"resource", "https://evil.example"}},
		"authorization_details":   {server.Trusted(), "invalid_authorization_details", []string{"authorization_details", "[]x"}},
		"no requests":             {server.Trusted(), "request_not_supported", []string{"request", "x.y.z"}},
		"request":                 {server.Signer(), "invalid_request_object", []string{"request", "x.y.z"}},
		"request_uri":             {server.Trusted(), "invalid_request_uri", []string{"request_uri", "urn:ietf:params:oauth:request_uri:nothing"}},
		"both":                    {server.Trusted(), "invalid_request", []string{"request", "x.y.z", "request_uri", "https://trusted.example/r"}},
		"not pushed":              {server.Pushed(), "invalid_request", nil},
		"not signed":              {server.Strict(), "invalid_request", nil},
		"dpop_jkt":                {server.Trusted(), "invalid_request", []string{"dpop_jkt", "x"}},
		"login_required":          {server.Trusted(), "login_required", []string{"prompt", "none", "max_age", "0"}},
		"consent_required":        {server.Web(), "consent_required", []string{"prompt", "none"}},
		"somebody else is meant":  {server.Trusted(), "login_required", []string{"prompt", "none", "claims", `{"id_token":{"sub":{"value":"x"}}}`}},
		"an unmet authentication": {server.Trusted(), "unmet_authentication_requirements", []string{"prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := in.b.copy()
			b.t = t
			p := b.get(b.azURL(c.client, c.pairs...))
			id := p.header.Get("X-Trace-Id")
			if id == "" {
				id = p.text("trace-id")
			}
			s.wantMend(t, id, c.code)
		})
	}
	t.Run("the person says no", func(t *testing.T) {
		t.Parallel()
		b := in.b.copy()
		b.t = t
		action, fields := b.az(server.Web(), "prompt", "consent").wantConsent().form("deny")
		p := b.send(newRequest(t, "POST", action, fields))
		for p.header.Get("X-Trace-Id") == "" && strings.HasPrefix(p.target(), s.Issuer) {
			p = b.get(p.target())
		}
		s.wantMend(t, p.header.Get("X-Trace-Id"), "access_denied")
	})
	t.Run("sign-out", func(t *testing.T) {
		t.Parallel()
		for _, pairs := range [][]string{{"id_token_hint", "x"}, {"client_id", "trusted", "post_logout_redirect_uri", "https://evil.example"}, {"state", strings.Repeat("a", 4097)}} {
			s.wantMend(t, s.browser(t).logout(pairs...).text("trace-id"), "invalid_request")
		}
	})
}

func (s *site) refusedTokens(t *testing.T) {
	t.Parallel()
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	spent := in.grant.code
	trusted := basic(server.Trusted())
	for name, c := range map[string]struct {
		as    auth
		code  string
		pairs []string
	}{
		"no grant_type":         {trusted, "invalid_request", nil},
		"another grant_type":    {trusted, "unsupported_grant_type", []string{"grant_type", "password"}},
		"not its grant_type":    {trusted, "unauthorized_client", []string{"grant_type", "client_credentials"}},
		"a wrong secret":        {basic(server.Client{ID: "trusted", Secret: "wrong"}), "invalid_client", []string{"grant_type", "refresh_token"}},
		"an unknown client":     {basic(server.Client{ID: "nobody", Secret: "wrong"}), "invalid_client", []string{"grant_type", "refresh_token"}},
		"no code":               {trusted, "invalid_request", []string{"grant_type", "authorization_code"}},
		"no code of ours":       {trusted, "invalid_grant", []string{"grant_type", "authorization_code", "code", "x"}},
		"a code used before":    {trusted, "invalid_grant", []string{"grant_type", "authorization_code", "code", spent, "redirect_uri", server.Trusted().Redirect}},
		"no refresh token":      {trusted, "invalid_request", []string{"grant_type", "refresh_token"}},
		"none of ours":          {trusted, "invalid_grant", []string{"grant_type", "refresh_token", "refresh_token", "x"}},
		"no subject_token":      {basic(server.CalendarAPI()), "invalid_request", []string{"grant_type", grantExchange}},
		"an odd subject_token":  {basic(server.CalendarAPI()), "invalid_request", []string{"grant_type", grantExchange, "subject_token", "x", "subject_token_type", typeAccess}},
		"an odd type":           {basic(server.CalendarAPI()), "invalid_request", []string{"grant_type", grantExchange, "subject_token", "x", "subject_token_type", "urn:x"}},
		"an odd requested type": {basic(server.CalendarAPI()), "invalid_request", []string{"grant_type", grantExchange, "requested_token_type", "urn:x"}},
		"scope":                 {basic(server.Service()), "invalid_scope", []string{"grant_type", "client_credentials", "scope", "openid"}},
		"resource":              {basic(server.Service()), "invalid_target", []string{"grant_type", "client_credentials", "resource", "https://evil.example"}},
		"authorization_details": {basic(server.Service()), "invalid_authorization_details", []string{"grant_type", "client_credentials", "authorization_details", "[{}]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.wantMend(t, s.token(t, c.as, c.pairs...).header.Get("X-Trace-Id"), c.code)
		})
	}
	t.Run("pushed", func(t *testing.T) {
		t.Parallel()
		for code, pairs := range map[string][]string{"invalid_scope": {"scope", "everything"}, "invalid_request": {"request_uri", "urn:x"}} {
			form := with(url.Values{}, append([]string{"client_id", "trusted", "response_type", "code", "redirect_uri", server.Trusted().Redirect, "scope", "openid"}, pairs...)...)
			var flat []string
			for key := range form {
				flat = append(flat, key, form.Get(key))
			}
			s.wantMend(t, s.form(t, "pushed_authorization_request_endpoint", trusted, flat...).header.Get("X-Trace-Id"), code)
		}
	})
	t.Run("a refresh token that asks for more", func(t *testing.T) {
		s.wantMend(t, s.refresh(t, server.Trusted(), in.refresh, "scope", "openid roles").header.Get("X-Trace-Id"), "invalid_scope")
	})
}
