package client

import (
	"idp/internal/idp"
)

// Registration is what an operator says about a client, in a file or to the API. What is left out (nil, for lists and pointers) gets its
// default. It has no place for a secret's digest, for managed_by or for times: those are ours.
type Registration struct {
	ID       string `json:"client_id,omitempty" doc:"Letters, digits, dashes, underscores and dots; made by the server if it is left out"`
	Name     string `json:"client_name,omitempty" doc:"What people see on the consent page"`
	Disabled bool   `json:"disabled,omitempty" doc:"Refused at every endpoint"`

	AuthMethods            []string `json:"token_endpoint_auth_methods,omitempty" doc:"client_secret_basic and client_secret_post, or none alone for an application that can keep no secret"`
	RedirectURIs           []string `json:"redirect_uris,omitempty" doc:"Where codes may be sent: compared byte for byte, but for the port of 127.0.0.1 and [::1]"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty" doc:"Where the browser may be sent after signing out"`
	AllowedOrigins         []string `json:"allowed_origins,omitempty" doc:"Origins whose scripts may call the token endpoint; without them those of the redirect URIs"`
	GrantTypes             []string `json:"grant_types,omitempty" doc:"authorization_code, refresh_token, client_credentials, implicit, urn:ietf:params:oauth:grant-type:device_code, urn:openid:params:grant-type:ciba"`
	ResponseTypes          []string `json:"response_types,omitempty" doc:"code, id_token, id_token token, code id_token, code token, code id_token token, none"`
	Scopes                 []string `json:"scopes,omitempty" doc:"What it may ask for, and gets if it asks for nothing"`
	Audience               []string `json:"audience,omitempty" doc:"aud of its access tokens; without it the issuer"`
	RequirePKCE            bool     `json:"require_pkce,omitempty" doc:"Refuse requests without PKCE; always so for clients without a secret"`
	Trusted                bool     `json:"trusted,omitempty" doc:"Your own application: nobody is asked for consent"`

	LogoURI   string   `json:"logo_uri,omitempty"`
	ClientURI string   `json:"client_uri,omitempty"`
	PolicyURI string   `json:"policy_uri,omitempty"`
	TosURI    string   `json:"tos_uri,omitempty"`
	Contacts  []string `json:"contacts,omitempty"`

	DefaultMaxAge        *int64      `json:"default_max_age,omitempty" doc:"Seconds; max_age of requests that name none"`
	AlwaysReauthenticate bool        `json:"always_reauthenticate,omitempty" doc:"Every request asks for the password, whatever the session"`
	MaxSessionAge        idp.Seconds `json:"max_session_age,omitempty" doc:"Seconds after which people sign in again for this client; 0 is no limit"`
	DefaultACRValues     []string    `json:"default_acr_values,omitempty"`

	Contract ContractPatch `json:"contract,omitempty" doc:"What differs from today's defaults, or from what the client was promised before"`

	Topics
}

// Topics are the parts of a registration that are the same here and in idp.Client: one struct and one file of package idp each.
type Topics struct {
	idp.ClientProfile
	idp.ClientAnswers
	idp.ClientRequests
	idp.ClientSender
	idp.ClientExchange
	idp.ClientAssertion
	idp.ClientApplication
	idp.ClientKeys
	idp.ClientAuthentication
	idp.ClientLogout
	idp.ClientCIBA
	idp.ClientFormats
	idp.ClientSubject
}

// ContractPatch is what somebody says of a contract; members that are nil leave what stands.
type ContractPatch struct {
	Version                *int         `json:"version,omitempty"`
	IDTokenAlg             *string      `json:"id_token_alg,omitempty" doc:"RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519"`
	AccessTokenAlg         *string      `json:"access_token_alg,omitempty" doc:"RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519"`
	AccessTokenFormat      *string      `json:"access_token_format,omitempty" doc:"jwt, opaque"`
	ClaimsInIDToken        *bool        `json:"claims_in_id_token,omitempty" doc:"Profile and address in the ID token too"`
	ReleaseUnverifiedEmail *bool        `json:"release_unverified_email,omitempty" doc:"Tell addresses that nobody has confirmed"`
	RolesClaim             *string      `json:"roles_claim,omitempty" doc:"Name of the claim behind the scope roles"`
	CodeTTL                *idp.Seconds `json:"code_ttl,omitempty"`
	AccessTokenTTL         *idp.Seconds `json:"access_token_ttl,omitempty"`
	IDTokenTTL             *idp.Seconds `json:"id_token_ttl,omitempty"`
	RefreshMode            *string      `json:"refresh_mode,omitempty" doc:"rotate, static"`
	RefreshGrace           *idp.Seconds `json:"refresh_grace,omitempty" doc:"How long a used refresh token gives the same successor"`
	RefreshIdle            *idp.Seconds `json:"refresh_idle,omitempty"`
	RefreshMax             *idp.Seconds `json:"refresh_max,omitempty"`
	EndWithSession         *bool        `json:"end_with_session,omitempty" doc:"Refresh tokens end with the session even with offline_access"`
}

// Over returns k with what p says.
func (p ContractPatch) Over(k idp.Contract) idp.Contract {
	set(&k.Version, p.Version)
	set(&k.IDTokenAlg, p.IDTokenAlg)
	set(&k.AccessTokenAlg, p.AccessTokenAlg)
	set(&k.AccessTokenFormat, p.AccessTokenFormat)
	set(&k.ClaimsInIDToken, p.ClaimsInIDToken)
	set(&k.ReleaseUnverifiedEmail, p.ReleaseUnverifiedEmail)
	set(&k.RolesClaim, p.RolesClaim)
	set(&k.CodeTTL, p.CodeTTL)
	set(&k.AccessTokenTTL, p.AccessTokenTTL)
	set(&k.IDTokenTTL, p.IDTokenTTL)
	set(&k.RefreshMode, p.RefreshMode)
	set(&k.RefreshGrace, p.RefreshGrace)
	set(&k.RefreshIdle, p.RefreshIdle)
	set(&k.RefreshMax, p.RefreshMax)
	set(&k.EndWithSession, p.EndWithSession)
	return k
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// FromContract returns the patch that says all of k.
func FromContract(k idp.Contract) ContractPatch {
	return ContractPatch{
		Version: &k.Version, IDTokenAlg: &k.IDTokenAlg, AccessTokenAlg: &k.AccessTokenAlg, AccessTokenFormat: &k.AccessTokenFormat,
		ClaimsInIDToken: &k.ClaimsInIDToken, ReleaseUnverifiedEmail: &k.ReleaseUnverifiedEmail, RolesClaim: &k.RolesClaim,
		CodeTTL: &k.CodeTTL, AccessTokenTTL: &k.AccessTokenTTL, IDTokenTTL: &k.IDTokenTTL, RefreshMode: &k.RefreshMode,
		RefreshGrace: &k.RefreshGrace, RefreshIdle: &k.RefreshIdle, RefreshMax: &k.RefreshMax, EndWithSession: &k.EndWithSession,
	}
}

// FromClient returns what an operator would have to say to get c.
func FromClient(c *idp.Client) Registration {
	return Registration{
		ID: c.ID, Name: c.Name, Disabled: c.Disabled,
		AuthMethods: c.AuthMethods, RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, AllowedOrigins: c.AllowedOrigins,
		GrantTypes: c.GrantTypes, ResponseTypes: c.ResponseTypes, Scopes: c.Scopes, Audience: c.Audience, RequirePKCE: c.RequirePKCE, Trusted: c.Trusted,
		LogoURI: c.LogoURI, ClientURI: c.ClientURI, PolicyURI: c.PolicyURI, TosURI: c.TosURI, Contacts: c.Contacts,
		DefaultMaxAge: c.DefaultMaxAge, AlwaysReauthenticate: c.AlwaysReauthenticate, MaxSessionAge: c.MaxSessionAge, DefaultACRValues: c.DefaultACRValues,
		Contract: FromContract(c.Contract), Topics: topicsOf(c),
	}
}

func topicsOf(c *idp.Client) Topics {
	return Topics{
		ClientAnswers:        c.ClientAnswers,
		ClientRequests:       c.ClientRequests,
		ClientSender:         c.ClientSender,
		ClientExchange:       c.ClientExchange,
		ClientAssertion:      c.ClientAssertion,
		ClientApplication:    c.ClientApplication,
		ClientKeys:           c.ClientKeys,
		ClientAuthentication: c.ClientAuthentication,
		ClientLogout:         c.ClientLogout,
		ClientCIBA:           c.ClientCIBA,
		ClientFormats:        c.ClientFormats,
		ClientSubject:        c.ClientSubject,
		ClientProfile:        c.ClientProfile,
	}
}

// On writes what r says onto c, whose id, times, secrets and source stay. The contract is laid over the one that c has, so that nobody
// who says nothing about it changes what a client was promised. Call c.ApplyDefaults after it.
func (r Registration) On(c *idp.Client) {
	c.Name, c.Disabled = r.Name, r.Disabled
	c.AuthMethods, c.RedirectURIs, c.PostLogoutRedirectURIs, c.AllowedOrigins = r.AuthMethods, r.RedirectURIs, r.PostLogoutRedirectURIs, r.AllowedOrigins
	c.GrantTypes, c.ResponseTypes, c.Scopes, c.Audience, c.RequirePKCE, c.Trusted = r.GrantTypes, r.ResponseTypes, r.Scopes, r.Audience, r.RequirePKCE, r.Trusted
	c.LogoURI, c.ClientURI, c.PolicyURI, c.TosURI, c.Contacts = r.LogoURI, r.ClientURI, r.PolicyURI, r.TosURI, r.Contacts
	c.DefaultMaxAge, c.AlwaysReauthenticate, c.MaxSessionAge, c.DefaultACRValues = r.DefaultMaxAge, r.AlwaysReauthenticate, r.MaxSessionAge, r.DefaultACRValues
	c.Contract = r.Contract.Over(c.Contract)
	c.ClientAnswers = r.ClientAnswers
	c.ClientRequests = r.ClientRequests
	c.ClientProfile = r.ClientProfile
	c.ClientSender = r.ClientSender
	c.ClientExchange = r.ClientExchange
	c.ClientAssertion = r.ClientAssertion
	c.ClientApplication = r.ClientApplication
	c.ClientKeys = r.ClientKeys
	c.ClientAuthentication = r.ClientAuthentication
	c.ClientLogout = r.ClientLogout
	c.ClientCIBA = r.ClientCIBA
	c.ClientFormats = r.ClientFormats
	c.ClientSubject = r.ClientSubject
}

// Client returns a new client from r, with every default written out. It has no secret yet.
func (r Registration) Client() *idp.Client {
	c := &idp.Client{ID: r.ID, Contract: idp.DefaultContract()}
	r.On(c)
	c.ApplyDefaults()
	return c
}
