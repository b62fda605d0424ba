package idp

import "slices"

// GrantJWTBearer is the grant type of RFC 7523 §2.1.
const GrantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// ClientAssertion is the policy of a client that may trade what somebody else says about a person for a token (RFC 7523 §2.1).
type ClientAssertion struct {
	AssertionIssuers []string `json:"assertion_issuers,omitempty" doc:"Issuers of the setting assertions.issuers whose assertions about people it may trade for tokens"`
}

func (c *Client) checkAssertion(f *faults) {
	has := slices.Contains(c.GrantTypes, GrantJWTBearer)
	switch {
	case has && c.Public():
		f.add("grant_types", "The grant type %q is for clients with credentials: anybody could trade with a stolen assertion.", GrantJWTBearer)
	case has && len(c.AssertionIssuers) == 0:
		f.add("assertion_issuers", "The grant type %q needs at least one issuer whose assertions the client may trade.", GrantJWTBearer)
	case !has && len(c.AssertionIssuers) > 0:
		f.add("grant_types", "Issuers of assertions need the grant type %q.", GrantJWTBearer)
	}
	checkEntries(f, "assertion_issuers", c.AssertionIssuers, wordFault)
}
