package idp

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestValidate_CIBAHasWhatItsDeliveryNeeds(t *testing.T) { // CIBA §4, §7.1
	t.Parallel()
	good := func() *Client {
		c := &Client{
			ID: "bank", AuthMethods: []string{AuthClientSecretBasic}, Secrets: []ClientSecret{{ID: "1", Digest: "d"}}, GrantTypes: []string{GrantCIBA, GrantRefreshToken},
			Contract: DefaultContract(),
		}
		c.JWKS = json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"1i8Bah79Hk_feT60LNhEceG6nwzwTRKHtcxx9hYofLg"}]}`)
		c.ApplyDefaults()
		return c
	}
	if c := good(); c.DeliveryMode != DeliveryPoll || !slices.Contains(c.Scopes, ScopeOpenID) || c.Validate() != nil {
		t.Errorf("got mode %q, scopes %v, %v", c.DeliveryMode, c.Scopes, c.Validate())
	}
	for name, c := range map[string]struct {
		change func(*Client)
		field  string
	}{
		"push":                     {func(c *Client) { c.DeliveryMode = "push" }, "backchannel_token_delivery_mode"},
		"ping without an address":  {func(c *Client) { c.DeliveryMode = DeliveryPing }, "backchannel_client_notification_endpoint"},
		"an address without TLS":   {func(c *Client) { c.NotificationEndpoint = "http://bank.example/ciba" }, "backchannel_client_notification_endpoint"},
		"an address of script":     {func(c *Client) { c.NotificationEndpoint = "javascript:alert(1)" }, "backchannel_client_notification_endpoint"},
		"an address with fragment": {func(c *Client) { c.NotificationEndpoint = "https://bank.example/ciba#x" }, "backchannel_client_notification_endpoint"},
		"an algorithm of nobody":   {func(c *Client) { c.CIBARequestAlg = "none" }, "backchannel_authentication_request_signing_alg"},
		"a symmetric one":          {func(c *Client) { c.CIBARequestAlg = "HS256" }, "backchannel_authentication_request_signing_alg"},
		"signed without a key":     {func(c *Client) { c.CIBARequestAlg, c.JWKS = AlgES256, nil }, "backchannel_authentication_request_signing_alg"},
		"no secret":                {func(c *Client) { c.AuthMethods, c.Secrets = []string{AuthNone}, nil }, "grant_types"},
		"not the grant":            {func(c *Client) { c.GrantTypes = []string{GrantClientCredentials} }, "backchannel_token_delivery_mode"},
	} {
		bad := good()
		c.change(bad)
		faults := Faults(bad.Validate())
		if !slices.ContainsFunc(faults, func(e *Error) bool { return e.Field == c.field }) {
			t.Errorf("%s: got %v, want a fault of %s", name, faults, c.field)
		}
	}
}
