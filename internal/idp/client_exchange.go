package idp

import "slices"

// GrantTokenExchange is the grant type of RFC 8693.
const GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// ClientExchange is the policy of a client that may trade a person's access token for one of its own (RFC 8693): an API that calls another.
type ClientExchange struct {
	ExchangeAudiences    []string `json:"token_exchange_audiences,omitempty" doc:"APIs for which it may exchange a person's token that was meant for it"`
	ExchangeImpersonates bool     `json:"token_exchange_impersonation,omitempty" doc:"What it gets by exchange does not say that it acts for the person"`
	ExchangeIDTokens     bool     `json:"token_exchange_id_tokens,omitempty" doc:"It may exchange the ID tokens that it got itself too"`
}

func (c *Client) checkExchange(f *faults) {
	has := slices.Contains(c.GrantTypes, GrantTokenExchange)
	switch {
	case has && c.Public():
		f.add("grant_types", "The grant type %q is for clients with credentials: anybody could trade with a stolen token.", GrantTokenExchange)
	case has && len(c.ExchangeAudiences) == 0:
		f.add("token_exchange_audiences", "The grant type %q needs at least one audience to exchange for.", GrantTokenExchange)
	case !has && (len(c.ExchangeAudiences) > 0 || c.ExchangeImpersonates || c.ExchangeIDTokens):
		f.add("grant_types", "A policy for exchanges needs the grant type %q.", GrantTokenExchange)
	}
	checkEntries(f, "token_exchange_audiences", c.ExchangeAudiences, wordFault)
}
