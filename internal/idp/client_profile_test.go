package idp

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// A client of a profile that says no more than it must is a good registration: the profile sets the rest.
func TestClientProfile_SetsWhatItCan(t *testing.T) { // FAPI 2.0 Security Profile §5.3.2, OAuth 2.1 §10; protocol.md §3.7
	t.Parallel()
	keys := json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"k","alg":"ES256"}]}`)
	for _, profile := range SupportedProfiles() {
		c := &Client{ID: "app", RedirectURIs: []string{"https://app.example/cb"}, ClientProfile: ClientProfile{profile}}
		switch profile {
		case ProfileFAPI2:
			c.JWKS = keys
		case ProfilePlain:
			c.AuthMethods = []string{AuthNone}
		default:
			c.AuthMethods = []string{AuthNone}
		}
		c.ApplyDefaults()
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", profile, err)
		}
	}
	c := &Client{ID: "bank", RedirectURIs: []string{"https://app.example/cb"}, ClientProfile: ClientProfile{ProfileFAPI2}, ClientKeys: ClientKeys{JWKS: keys}}
	c.ApplyDefaults()
	if !c.RequirePushedRequests || !c.DPoPBound || !c.RequirePKCE || c.Contract.IDTokenAlg != "ES256" || c.Contract.RefreshMode != RefreshStatic ||
		!slices.Equal(c.AuthMethods, []string{AuthPrivateKeyJWT}) || slices.Contains(c.DPoPAlgs, "RS256") {
		t.Errorf("fapi2 left something to chance: %+v", c)
	}
	robot := &Client{ID: "robot", GrantTypes: []string{GrantClientCredentials}, ClientProfile: ClientProfile{ProfileFAPI2}, ClientKeys: ClientKeys{JWKS: keys}}
	robot.ApplyDefaults()
	if err := robot.Validate(); err != nil || robot.RequirePushedRequests || !robot.DPoPBound {
		t.Errorf("fapi2 without people: %v, %+v", err, robot)
	}
}

// Whatever a profile demands, a registration without it is refused, by the name of the member.
func TestClientProfile_HoldsWhatItSets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		profile, field string
		spoil          func(*Client)
	}{
		{ProfileOAuth21, "response_types", func(c *Client) { c.ResponseTypes = []string{"code id_token"} }},
		{ProfileOAuth21, "grant_types", func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantImplicit) }},
		{ProfileOAuth21, "require_pkce", func(c *Client) { c.RequirePKCE = false }},
		{ProfileOAuth21, "contract.refresh_mode", func(c *Client) { c.Contract.RefreshMode = RefreshStatic }},
		{ProfileMCP, "redirect_uris", func(c *Client) { c.RedirectURIs = []string{"com.example.app:/cb"} }},
		{ProfileMCP, "trusted", func(c *Client) { c.Trusted = true }},
		{ProfileMCP, "scopes", func(c *Client) { c.Scopes = append(c.Scopes, ScopeAdmin) }},
		{ProfileFAPI2, "redirect_uris", func(c *Client) { c.RedirectURIs = []string{"http://127.0.0.1/cb"} }},
		{ProfileFAPI2, "token_endpoint_auth_methods", func(c *Client) { c.AuthMethods = []string{AuthClientSecretBasic} }},
		{ProfileFAPI2, "token_endpoint_auth_methods", func(c *Client) { c.AuthMethods = []string{AuthNone} }},
		{ProfileFAPI2, "require_pushed_authorization_requests", func(c *Client) { c.RequirePushedRequests = false }},
		{ProfileFAPI2, "dpop_bound_access_tokens", func(c *Client) { c.DPoPBound = false }},
		{ProfileFAPI2, "dpop_signing_algs", func(c *Client) { c.DPoPAlgs = []string{"RS256"} }},
		{ProfileFAPI2, "dpop_signing_algs", func(c *Client) { c.DPoPAlgs = nil }},
		{ProfileFAPI2, "token_endpoint_auth_signing_alg", func(c *Client) { c.AuthSigningAlg = "RS256" }},
		{ProfileFAPI2, "client_assertion_audience", func(c *Client) { c.AssertionAudience = "" }},
		{ProfileFAPI2, "contract.id_token_alg", func(c *Client) { c.Contract.IDTokenAlg = "RS256" }},
		{ProfileFAPI2, "contract.access_token_alg", func(c *Client) { c.Contract.AccessTokenAlg = "RS512" }},
		{ProfileFAPI2, "authorization_signed_response_alg", func(c *Client) { c.SignedAnswerAlg = "" }},
		{ProfileFAPI2, "introspection_signed_response_alg", func(c *Client) { c.IntrospectionSignedAlg = "" }},
		{ProfileFAPI2, "userinfo_signed_response_alg", func(c *Client) { c.UserInfoSignedAlg = "RS256" }},
		{ProfileFAPI2, "request_object_signing_alg", func(c *Client) { c.RequestObjectSigningAlg = RequestObjectUnsigned }},
		{ProfileFAPI2, "contract.refresh_mode", func(c *Client) { c.Contract.RefreshMode = RefreshRotate }},
		{ProfileFAPI2, "contract.code_ttl", func(c *Client) { c.Contract.CodeTTL = 61 }},
		{"strict", "profile", func(*Client) {}},
	} {
		c := &Client{ID: "app", RedirectURIs: []string{"https://app.example/cb"}, ClientProfile: ClientProfile{tc.profile}}
		if tc.profile != ProfileFAPI2 {
			c.AuthMethods = []string{AuthNone}
		}
		c.ApplyDefaults()
		tc.spoil(c)
		var told []string
		for fault := range strings.SplitSeq(faultFields(c.Validate()), " ") {
			told = append(told, fault)
		}
		if !slices.Contains(told, tc.field) {
			t.Errorf("%s without %s: got faults of %v", tc.profile, tc.field, told)
		}
		if tc.profile != "strict" && len(c.ProfileFaults(tc.profile)) == 0 {
			t.Errorf("%s without %s: the check finds nothing", tc.profile, tc.field)
		}
		if len(c.ProfileFaults(ProfilePlain)) > 0 {
			t.Errorf("plain refuses %s", tc.field)
		}
	}
}

func faultFields(err error) string {
	var fields []string
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range all.Unwrap() {
			if e := (*Error)(nil); errors.As(one, &e) {
				fields = append(fields, e.Field)
			}
		}
	}
	return strings.Join(fields, " ")
}
