package idp

import (
	"net/url"
	"slices"
)

// Profiles that a client may be registered for. A profile sets switches of the registration and holds them: what it forbids cannot be registered.
const (
	ProfilePlain   = "plain"   // what the registration says, and no more; the same as none
	ProfileOAuth21 = "oauth21" // OAuth 2.1: code with PKCE, and no token in a front channel
	ProfileFAPI2   = "fapi2"   // FAPI 2.0 Security Profile
	ProfileMCP     = "mcp"     // Model Context Protocol authorization: OAuth 2.1 for clients that nobody here knows
)

// ClientProfile names the profile that a client is held to.
type ClientProfile struct {
	Profile string `json:"profile,omitempty" enum:"plain,oauth21,fapi2,mcp" doc:"Sets and holds the switches of a protocol profile: oauth21, fapi2, mcp; plain, or nothing, leaves them to the registration"`
}

// SupportedProfiles lists the profiles.
func SupportedProfiles() []string {
	return []string{ProfilePlain, ProfileOAuth21, ProfileFAPI2, ProfileMCP}
}

// fapiAlgorithms lists what may sign in the FAPI 2.0 Security Profile (§5.4.1).
func fapiAlgorithms() []string { return []string{"PS256", AlgES256, AlgEdDSA, AlgEd25519} }

// FAPI reports whether the client is held to the FAPI 2.0 Security Profile.
func (c *Client) FAPI() bool { return c.Profile == ProfileFAPI2 }

// Held leaves those of some algorithms that the client's profile lets it sign with.
func (c *Client) Held(algs []string) []string {
	if !c.FAPI() {
		return algs
	}
	return slices.DeleteFunc(slices.Clone(algs), func(alg string) bool { return !fapiAlg(alg) })
}

// profileRule is one thing that profiles demand.
type profileRule struct {
	field string
	in    []string           // profiles
	set   func(*Client)      // what the profile can say by itself; nil where the operator has to
	holds func(*Client) bool // after set
	wants string             // what is demanded, why, and the clause
}

var (
	everyStrict = []string{ProfileOAuth21, ProfileFAPI2, ProfileMCP}
	onlyFAPI    = []string{ProfileFAPI2}
	onlyMCP     = []string{ProfileMCP}
)

// profileRules is the one table of what the profiles set and refuse: ApplyDefaults, Validate and `idp client check` go by it (FAPI 2.0 Security Profile
// §5.3.2.1, §5.3.2.2, §5.4.1).
func profileRules() []profileRule {
	return []profileRule{
		{
			"response_types", everyStrict, nil, func(c *Client) bool { return only(c.ResponseTypes, ResponseTypeCode) },
			"the response type code alone: tokens do not travel through the browser (OAuth 2.1 §10.1, FAPI 2.0 §5.3.2.2)",
		},
		{
			"grant_types", everyStrict, nil, func(c *Client) bool { return !slices.Contains(c.GrantTypes, GrantImplicit) },
			"no implicit grant (OAuth 2.1 §10.1)",
		},
		{
			"require_pkce", everyStrict, func(c *Client) { c.RequirePKCE = c.RequirePKCE || c.usesCode() }, func(c *Client) bool { return c.RequirePKCE || !c.usesCode() },
			"PKCE in every request (OAuth 2.1 §4.1.1, FAPI 2.0 §5.3.2.2)",
		},
		{"contract.refresh_mode", []string{ProfileOAuth21, ProfileMCP}, nil, func(c *Client) bool {
			return !c.Public() || c.Contract.RefreshMode == RefreshRotate || c.DPoPBound || c.CertificateBound
		}, "refresh tokens of a client without a credential that rotate or are bound to a key (OAuth 2.1 §4.3.1)"},
		{
			"redirect_uris",
			[]string{ProfileFAPI2},
			nil, func(c *Client) bool { return allURIs(c.RedirectURIs, isHTTPS) },
			"redirect URIs with https (FAPI 2.0 §5.3.2.2)",
		},
		{
			"redirect_uris", onlyMCP, nil, func(c *Client) bool { return allURIs(c.RedirectURIs, isHTTPSOrLoopback) },
			"redirect URIs with https, or on the loopback interface (MCP authorization, communication security)",
		},

		{"token_endpoint_auth_methods", onlyFAPI, func(c *Client) {
			if c.AuthMethods == nil {
				c.AuthMethods = []string{AuthPrivateKeyJWT}
			}
		}, func(c *Client) bool {
			return len(c.AuthMethods) > 0 && only(c.AuthMethods, AuthPrivateKeyJWT, AuthTLSClient, AuthSelfSignedTLSClient)
		}, "authentication by private_key_jwt, tls_client_auth or self_signed_tls_client_auth (FAPI 2.0 §5.3.2.1)"},
		{
			"require_pushed_authorization_requests", onlyFAPI, func(c *Client) { c.RequirePushedRequests = c.RequirePushedRequests || c.makesRequests() },
			func(c *Client) bool { return c.RequirePushedRequests || !c.makesRequests() },
			"pushed authorization requests (FAPI 2.0 §5.3.2.2)",
		},
		{
			"dpop_bound_access_tokens", onlyFAPI, func(c *Client) { c.DPoPBound = c.DPoPBound || !c.CertificateBound }, func(c *Client) bool { return c.DPoPBound || c.CertificateBound },
			"access tokens bound to a DPoP key or a certificate (FAPI 2.0 §5.3.2.1)",
		},
		{"dpop_signing_algs", onlyFAPI, func(c *Client) {
			if c.DPoPAlgs == nil {
				c.DPoPAlgs = fapiAlgorithms()
			}
		}, func(c *Client) bool { return len(c.DPoPAlgs) > 0 && only(c.DPoPAlgs, fapiAlgorithms()...) }, fapiAlgs("DPoP proofs")},
		{
			"client_assertion_audience", onlyFAPI, func(c *Client) { c.AssertionAudience = AudienceIssuer }, func(c *Client) bool { return c.AssertionAudience == AudienceIssuer },
			"client assertions whose aud is the issuer, as a text (FAPI 2.0 §5.3.2.1)",
		},
		{"token_endpoint_auth_signing_alg", onlyFAPI, nil, func(c *Client) bool { return fapiOrNone(c.AuthSigningAlg) }, fapiAlgs("client assertions")},
		{"contract.id_token_alg", onlyFAPI, func(c *Client) { c.Contract.IDTokenAlg = fapiInsteadOf(c.Contract.IDTokenAlg) }, func(c *Client) bool { return fapiAlg(c.Contract.IDTokenAlg) }, fapiAlgs("ID tokens")},
		{"contract.access_token_alg", onlyFAPI, func(c *Client) { c.Contract.AccessTokenAlg = fapiInsteadOf(c.Contract.AccessTokenAlg) }, func(c *Client) bool { return fapiAlg(c.Contract.AccessTokenAlg) }, fapiAlgs("access tokens")},
		{"authorization_signed_response_alg", onlyFAPI, func(c *Client) { c.SignedAnswerAlg = fapiInsteadOf(c.SignedAnswerAlg) }, func(c *Client) bool { return fapiAlg(c.SignedAnswerAlg) }, fapiAlgs("answers")},
		{"introspection_signed_response_alg", onlyFAPI, func(c *Client) { c.IntrospectionSignedAlg = fapiInsteadOf(c.IntrospectionSignedAlg) }, func(c *Client) bool { return fapiAlg(c.IntrospectionSignedAlg) }, fapiAlgs("introspection answers")},
		{"userinfo_signed_response_alg", onlyFAPI, nil, func(c *Client) bool { return fapiOrNone(c.UserInfoSignedAlg) }, fapiAlgs("UserInfo")},
		{"request_object_signing_alg", onlyFAPI, nil, func(c *Client) bool { return fapiOrNone(c.RequestObjectSigningAlg) }, fapiAlgs("request objects")},
		{
			"contract.refresh_mode", onlyFAPI, func(c *Client) { c.Contract.RefreshMode = RefreshStatic }, func(c *Client) bool { return c.Contract.RefreshMode == RefreshStatic },
			"refresh tokens that do not rotate: they are bound to the client's key (FAPI 2.0 §5.3.2.1)",
		},
		{"contract.code_ttl", onlyFAPI, nil, func(c *Client) bool { return c.Contract.CodeTTL <= 60 }, "codes that live a minute at most (FAPI 2.0 §5.3.2.1)"},

		{"trusted", onlyMCP, nil, func(c *Client) bool { return !c.Trusted }, "consent: the application is nobody's own"},
		{"scopes", onlyMCP, nil, func(c *Client) bool { return !slices.Contains(c.Scopes, ScopeAdmin) }, "no administration of this server"},
	}
}

// applyProfile sets what the client's profile can say by itself.
func (c *Client) applyProfile() {
	for _, rule := range profileRules() {
		if rule.set != nil && slices.Contains(rule.in, c.Profile) {
			rule.set(c)
		}
	}
}

func (c *Client) checkProfile(f *faults) {
	if c.Profile != "" && !slices.Contains(SupportedProfiles(), c.Profile) {
		f.add("profile", "%s is no profile. Use %s.", quote(c.Profile), list(SupportedProfiles()))
		return
	}
	c.checkAgainst(c.Profile, f)
}

func (c *Client) checkAgainst(profile string, f *faults) {
	for _, rule := range profileRules() {
		if slices.Contains(rule.in, profile) && !rule.holds(c) {
			f.add(rule.field, "The profile %q wants %s. Change it, or choose another profile.", profile, rule.wants)
		}
	}
}

// ProfileFaults returns what a profile would refuse about the client as it is, beside what the profile would set by itself. Each is an *Error that
// names its field.
func (c *Client) ProfileFaults(profile string) []error {
	f := &faults{}
	c.checkAgainst(profile, f)
	return f.list
}

// makesRequests reports whether the client has a use for the authorization endpoint.
func (c *Client) makesRequests() bool { return c.usesCode() || len(c.ResponseTypes) > 0 }

func (c *Client) usesCode() bool { return slices.Contains(c.GrantTypes, GrantAuthorizationCode) }

// only reports whether every word of have is among allowed.
func only(have []string, allowed ...string) bool {
	return !slices.ContainsFunc(have, func(word string) bool { return !slices.Contains(allowed, word) })
}

func fapiAlg(alg string) bool { return slices.Contains(fapiAlgorithms(), alg) }

func fapiOrNone(alg string) bool { return alg == "" || fapiAlg(alg) }

// fapiInsteadOf replaces the algorithm that a client gets which says nothing.
func fapiInsteadOf(alg string) string {
	if alg == "" || alg == AlgRS256 {
		return AlgES256
	}
	return alg
}

func fapiAlgs(what string) string {
	return what + " signed with " + list(fapiAlgorithms()) + " (FAPI 2.0 §5.4.1)"
}

func allURIs(uris []string, good func(*url.URL) bool) bool {
	return !slices.ContainsFunc(uris, func(text string) bool {
		u, err := url.Parse(text)
		return err != nil || !good(u)
	})
}

func isHTTPS(u *url.URL) bool { return u.Scheme == "https" }

func isHTTPSOrLoopback(u *url.URL) bool {
	return isHTTPS(u) || u.Scheme == "http" && isLoopback(u.Hostname())
}
