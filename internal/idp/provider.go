package idp

import (
	"slices"
	"time"
)

// Provider is an upstream that people can sign in with.
type Provider struct {
	ID                string        `json:"-"`    // part of its callback URL
	Type              string        `json:"type"` // a row of upstream.Types
	Name              string        `json:"name"` // on the button
	Issuer            string        `json:"issuer"`
	ClientID          string        `json:"client_id"`
	ClientSecret      string        `json:"-"` // in clear in memory only; encrypted at rest and bound to its row
	Scopes            []string      `json:"scopes,omitempty"`
	HostedDomain      string        `json:"hosted_domain,omitempty"`   // Google's hd, enforced in the claim
	AllowedDomains    []string      `json:"allowed_domains,omitempty"` // of verified addresses; empty = any
	TrustEmail        bool          `json:"trust_email,omitempty"`     // its email_verified may be believed for automatic linking
	Linking           LinkingPolicy `json:"linking,omitempty"`
	Provision         bool          `json:"provision,omitempty"`           // an unknown person gets an account
	EmailVerifiedText bool          `json:"email_verified_text,omitempty"` // accepts "true" as a string (Apple)
	ClientAuthMethod  string        `json:"client_auth_method,omitempty"`  // client_secret_basic (default), client_secret_post
	Vouchers          []Voucher     `json:"vouches_for,omitempty"`         // what its word is worth here; without any it proves no context
	ProviderEndpoints               // of plain OAuth 2 only
	Disabled          bool          `json:"disabled,omitempty"`
	CreatedAt         time.Time     `json:"-"`
	UpdatedAt         time.Time     `json:"-"`
}

// LinkingPolicy says what happens when an upstream identity is new but its verified address belongs to a local account.
type LinkingPolicy string

// The linking policies. Automatic linking needs TrustEmail, email_verified and a verified local address all at once.
const (
	LinkNever     LinkingPolicy = "never"
	LinkProve     LinkingPolicy = "prove" // the default: ask for proof of the local account first
	LinkAutomatic LinkingPolicy = "automatic"
)

// Voucher is the operator's word that a sign-in at an upstream is worth a context here, if the upstream's ID token says all of this.
type Voucher struct {
	Context string   `json:"context" minLength:"1" maxLength:"256" doc:"one of the setting authentication_contexts"`
	ACR     string   `json:"acr,omitempty" maxLength:"256" doc:"the acr that the upstream's ID token must have"`
	AMR     []string `json:"amr,omitempty" maxItems:"16" doc:"what the upstream's ID token must have among its amr, all of them"`
}

// Vouched returns the contexts that an upstream's verified ID token is worth.
func (p *Provider) Vouched(acr string, amr []string) []string {
	var out []string
	for _, v := range p.Vouchers {
		said := (v.ACR != "" || len(v.AMR) > 0) && (v.ACR == "" || v.ACR == acr)
		for _, method := range v.AMR {
			said = said && slices.Contains(amr, method)
		}
		if said && !slices.Contains(out, v.Context) {
			out = append(out, v.Context)
		}
	}
	return out
}

// Vouchable lists the contexts that the upstream may vouch for.
func (p *Provider) Vouchable() []string {
	var out []string
	for _, v := range p.Vouchers {
		if !slices.Contains(out, v.Context) {
			out = append(out, v.Context)
		}
	}
	return out
}

// AskFor returns the acr values to ask the upstream for, so that it can vouch for one of the contexts.
func (p *Provider) AskFor(contexts []string) []string {
	var out []string
	for _, context := range contexts {
		for _, v := range p.Vouchers {
			if v.Context == context && v.ACR != "" && !slices.Contains(out, v.ACR) {
				out = append(out, v.ACR)
			}
		}
	}
	return out
}
