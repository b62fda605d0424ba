package client

import (
	"slices"
	"testing"
	"time"

	"idp/internal/idp"
)

func TestExplain_EachFindingAndNoneWithoutReason(t *testing.T) { // RP-3, RP-4, RP-6, RP-7, RP-10, RP-11
	t.Parallel()
	at := time.Now()
	past := at.Add(-time.Hour)
	best := func() *idp.Client {
		c := web("app")
		c.RequirePKCE, c.PostLogoutRedirectURIs = true, []string{"https://app.example/"}
		c.Secrets = []idp.ClientSecret{{ID: "1", Digest: "x"}}
		c.ApplyDefaults()
		c.Scopes = append(c.Scopes, idp.ScopeOfflineAccess)
		return c
	}
	if got := explain(best(), at); len(got) != 0 {
		t.Errorf("a client with nothing unusual: got %v, want no finding", got)
	}
	for check, change := range map[string]func(*idp.Client){
		"disabled":               func(c *idp.Client) { c.Disabled = true },
		"trusted":                func(c *idp.Client) { c.Trusted = true },
		"secret_expired":         func(c *idp.Client) { c.Secrets[0].ExpiresAt = &past },
		"secret_several":         func(c *idp.Client) { c.Secrets = append(c.Secrets, c.Secrets[0]) },
		"auth_method_single":     func(c *idp.Client) { c.AuthMethods = c.AuthMethods[:1] },
		"pkce_optional":          func(c *idp.Client) { c.RequirePKCE = false },
		"redirect_http":          func(c *idp.Client) { c.RedirectURIs[0] = "http://localhost:3000/" },
		"redirect_query":         func(c *idp.Client) { c.RedirectURIs[0] += "?a=b" },
		"logout_no_return":       func(c *idp.Client) { c.PostLogoutRedirectURIs = nil },
		"scope_no_openid":        func(c *idp.Client) { c.Scopes = c.Scopes[1:] },
		"refresh_with_session":   func(c *idp.Client) { c.Scopes = c.Scopes[:3] },
		"id_token_alg":           func(c *idp.Client) { c.Contract.IDTokenAlg = "EdDSA" },
		"claims_not_in_id_token": func(c *idp.Client) { c.Contract.ClaimsInIDToken = false },
		"unverified_email":       func(c *idp.Client) { c.Contract.ReleaseUnverifiedEmail = true },
		"access_token_long":      func(c *idp.Client) { c.Contract.AccessTokenTTL = 86400 },
		"access_token_opaque":    func(c *idp.Client) { c.Contract.AccessTokenFormat = idp.AccessTokenOpaque },
		"code_long":              func(c *idp.Client) { c.Contract.CodeTTL = 600 },
		"refresh_static":         func(c *idp.Client) { c.Contract.RefreshMode = idp.RefreshStatic },
		"refresh_no_grace":       func(c *idp.Client) { c.Contract.RefreshGrace = 0 },
		"token_in_browser": func(c *idp.Client) {
			c.ResponseTypes, c.GrantTypes = append(c.ResponseTypes, idp.ResponseTypeCodeToken), append(c.GrantTypes, idp.GrantImplicit)
		},
		"id_token_in_browser": func(c *idp.Client) {
			c.ResponseTypes, c.GrantTypes = append(c.ResponseTypes, idp.ResponseTypeCodeIDToken), append(c.GrantTypes, idp.GrantImplicit)
		},
		"response_mode_named": func(c *idp.Client) { c.ResponseModes = []string{idp.ModeJWT} },
		"userinfo_jwt":        func(c *idp.Client) { c.UserInfoSignedAlg = "RS256" },
		"id_token_encrypted":  func(c *idp.Client) { c.IDTokenEncryptedAlg = idp.AlgECDHES },
		"rsa_oaep_sha1":       func(c *idp.Client) { c.RequestObjectEncryptionAlg = idp.AlgRSAOAEP },
		"pairwise_by_host":    func(c *idp.Client) { c.SubjectType = idp.SubjectPairwise },
		"redirect_localhost": func(c *idp.Client) {
			c.AuthMethods, c.Secrets, c.RedirectURIs = []string{idp.AuthNone}, nil, []string{"http://localhost:3000/"}
		},
	} {
		c := best()
		change(c)
		got := explain(c, at)
		if len(got) != 1 || got[0].Check != check || got[0].Cause == "" || got[0].Mend == "" {
			t.Errorf("got %v, want %s alone, with cause and mend", got, check)
		}
	}
}

func TestCheck_FindsARedirectToThisServer(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := web("loop")
	c.RedirectURIs = []string{"https://idp.example/login"}
	if _, _, err := s.Create(t.Context(), c, SecretOptions{Generate: true}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Check(t.Context(), "loop")
	if err != nil || !slices.ContainsFunc(got, func(f Finding) bool { return f.Check == "redirect_own" }) {
		t.Errorf("got %v, %v, want redirect_own", got, err)
	}
	if _, err := s.Check(t.Context(), "gone"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("client that is not there: got %v, want not found", err)
	}
}
