package idp

import "slices"

// Wire words of RFC 8628 and OpenID Connect CIBA.
const (
	GrantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	GrantCIBA       = "urn:openid:params:grant-type:ciba"

	DeliveryPoll = "poll" // the client asks until the person has answered
	DeliveryPing = "ping" // it is told, and asks then
)

// ClientCIBA says how an application that asks people on another device hears of their answer (CIBA §4).
type ClientCIBA struct {
	DeliveryMode         string `json:"backchannel_token_delivery_mode,omitempty" doc:"poll, ping: how it hears of a person's answer (CIBA)"`
	NotificationEndpoint string `json:"backchannel_client_notification_endpoint,omitempty" doc:"Where it is told of the answer, in mode ping"`
	CIBARequestAlg       string `json:"backchannel_authentication_request_signing_alg,omitempty" doc:"Its requests are signed, with this algorithm; without it they may be"`
}

// SupportedDeliveryModes lists how clients may hear of answers. Push is not among them: it sends tokens to an address instead of to who
// authenticates.
func SupportedDeliveryModes() []string { return []string{DeliveryPoll, DeliveryPing} }

// NamesPeople reports whether the client may name people by their sub, and not only compare it with who is there (CIBA §7.1).
func (c *Client) NamesPeople() bool { return slices.Contains(c.GrantTypes, GrantCIBA) }

// hasPeople reports whether some grant of the client ends in tokens for a person, so that scopes about people and refresh tokens make
// sense.
func (c *Client) hasPeople() bool {
	return slices.ContainsFunc([]string{GrantAuthorizationCode, GrantDeviceCode, GrantCIBA}, func(grant string) bool {
		return slices.Contains(c.GrantTypes, grant)
	})
}

// checkCIBA checks what a client says about back-channel authentication (CIBA §4).
func (c *Client) checkCIBA(f *faults) {
	if !slices.Contains(c.GrantTypes, GrantCIBA) {
		if c.ClientCIBA != (ClientCIBA{}) {
			f.add("backchannel_token_delivery_mode", "The client has not the grant type %q, so nothing of backchannel_… is used. Add it, or leave them out.", GrantCIBA)
		}
		return
	}
	if c.Public() {
		// CIBA §7.1: the client authenticates.
		f.add("grant_types", "The grant type %q is for clients that can prove who they are.", GrantCIBA)
	}
	switch {
	case !slices.Contains(SupportedDeliveryModes(), c.DeliveryMode):
		f.add("backchannel_token_delivery_mode", "%s is not supported. Use %s.", quote(c.DeliveryMode), list(SupportedDeliveryModes()))
	case c.DeliveryMode == DeliveryPing && c.NotificationEndpoint == "":
		f.add("backchannel_client_notification_endpoint", "The delivery mode %q needs the address to be told at.", DeliveryPing)
	}
	if at := c.NotificationEndpoint; at != "" && (!isWebAddress(at) || redirectURIFault(at) != "") {
		f.add("backchannel_client_notification_endpoint", "%s is no https address, or has a fragment. Write it in full, such as https://app.example/ciba.", quote(at))
	}
	switch {
	case c.CIBARequestAlg == "":
	case !slices.Contains(SupportedSigningAlgs(), c.CIBARequestAlg):
		f.add("backchannel_authentication_request_signing_alg", "%s is not supported. Use %s.", quote(c.CIBARequestAlg), list(SupportedSigningAlgs()))
	case !c.HasKeys():
		f.add("backchannel_authentication_request_signing_alg", "The client has no key to sign with. Register jwks or jwks_uri, or leave it out.")
	}
}
