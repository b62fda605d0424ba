package idp

import "time"

// Client is a relying party as it is registered: RFC 7591 metadata, and the contract of what it gets. It is the same struct
// whichever door it came through (CLI, API, files, later dynamic registration). Values are shared between requests: nobody
// changes a Client that came from the store.
type Client struct {
	ID        string    `json:"client_id"`
	Name      string    `json:"client_name,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	ManagedBy string    `json:"managed_by,omitempty"` // the set of files it is kept in, or one of the constants ManagedBy…; empty for the database alone
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`

	Secrets     []ClientSecret `json:"secrets,omitempty"`
	AuthMethods []string       `json:"token_endpoint_auth_methods"` // any of the constants Auth…; one entry "none" makes it public

	RedirectURIs           []string `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	AllowedOrigins         []string `json:"allowed_origins,omitempty"` // CORS; empty = the origins of the redirect URIs (Origins)
	GrantTypes             []string `json:"grant_types"`
	ResponseTypes          []string `json:"response_types,omitempty"`
	Scopes                 []string `json:"scopes"`
	Audience               []string `json:"audience,omitempty"` // aud of its access tokens; empty = the issuer
	RequirePKCE            bool     `json:"require_pkce,omitempty"`
	Trusted                bool     `json:"trusted,omitempty"` // first party: no consent page

	LogoURI   string   `json:"logo_uri,omitempty"`
	ClientURI string   `json:"client_uri,omitempty"`
	PolicyURI string   `json:"policy_uri,omitempty"`
	TosURI    string   `json:"tos_uri,omitempty"`
	Contacts  []string `json:"contacts,omitempty"`

	DefaultMaxAge        *int64   `json:"default_max_age,omitempty"` // seconds
	AlwaysReauthenticate bool     `json:"always_reauthenticate,omitempty"`
	MaxSessionAge        Seconds  `json:"max_session_age,omitempty"` // FL-10: an older session must sign in again for this client
	DefaultACRValues     []string `json:"default_acr_values,omitempty"`

	Contract Contract `json:"contract"`

	// Topics: one struct and one file each, promoted here, in client files, on the wire and in the database.
	ClientProfile
	ClientAnswers
	ClientRequests
	ClientSender
	ClientExchange
	ClientAssertion
	ClientApplication

	ClientOrigin `json:"origin,omitzero"` // not the operator's words; kept in the database alone
	ClientKeys
	ClientAuthentication
	ClientLogout
	ClientCIBA
	ClientFormats
	ClientSubject
}

// Contract is what a client was promised when it was made: formats, algorithms, claims and lifetimes. A later release that changes a
// default changes it for new clients only, because every value is written down here.
type Contract struct {
	Version                int     `json:"version"`             // of the defaults it was made with
	IDTokenAlg             string  `json:"id_token_alg"`        // RS256
	AccessTokenAlg         string  `json:"access_token_alg"`    // ES256
	AccessTokenFormat      string  `json:"access_token_format"` // jwt
	ClaimsInIDToken        bool    `json:"claims_in_id_token"`  // RP-7
	ReleaseUnverifiedEmail bool    `json:"release_unverified_email,omitempty"`
	RolesClaim             string  `json:"roles_claim"` // name of the claim behind the scope "roles"
	CodeTTL                Seconds `json:"code_ttl"`
	AccessTokenTTL         Seconds `json:"access_token_ttl"`
	IDTokenTTL             Seconds `json:"id_token_ttl"`
	RefreshMode            string  `json:"refresh_mode"` // rotate, static
	RefreshGrace           Seconds `json:"refresh_grace"`
	RefreshIdle            Seconds `json:"refresh_idle"`
	RefreshMax             Seconds `json:"refresh_max"`
	EndWithSession         bool    `json:"end_with_session,omitempty"` // refresh tokens die with the session even with offline_access
}

// Seconds is a duration that is written as a whole number of seconds.
type Seconds int64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// ClientSecret is one secret of a client, of which only a keyed digest is kept, unless the client signs with it. Several may be valid at once, so that a secret
// can be changed without an outage.
type ClientSecret struct {
	ID        string     `json:"id"`
	Digest    string     `json:"digest"`           // secret.KeyedDigest
	Sealed    string     `json:"sealed,omitempty"` // the secret itself, encrypted; of client_secret_jwt alone, which is verified with it
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Wire words of RFC 6749, RFC 7591 and OpenID Connect Core.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantImplicit          = "implicit" // tokens from the authorization endpoint; the token endpoint knows nothing of it

	ResponseTypeNone             = "none"
	ResponseTypeCode             = "code"
	ResponseTypeIDToken          = "id_token"
	ResponseTypeIDTokenToken     = "id_token token"
	ResponseTypeCodeIDToken      = "code id_token"
	ResponseTypeCodeToken        = "code token"
	ResponseTypeCodeIDTokenToken = "code id_token token"

	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeAddress       = "address"
	ScopePhone         = "phone"
	ScopeOfflineAccess = "offline_access"
	ScopeRoles         = "roles"

	AccessTokenJWT    = "jwt"
	AccessTokenOpaque = "opaque"

	RefreshRotate = "rotate"
	RefreshStatic = "static"
)

// ScopeAdmin opens the admin API: to a person who has the role of an administrator now, and to a client that an operator gave it for its
// own use.
const ScopeAdmin = "idp.admin"

// SecretPurpose keeps digests of client secrets apart from every other keyed digest (secret.Keyring.KeyedDigest). Whoever stores one and
// whoever verifies one use it.
const SecretPurpose = "client_secret"

// MaxTokenTTL is the longest life that a contract may give a signed token. A key that stopped signing stays published that long.
const MaxTokenTTL Seconds = 86400

// Public reports whether the client has no credentials (RFC 6749 §2.1).
func (c *Client) Public() bool { return len(c.AuthMethods) == 1 && c.AuthMethods[0] == AuthNone }

// StrangersContract returns the contract of a new client that registered itself. It asks for what it wants by the letter of the specifications, so that
// claims come from UserInfo where it has an access token (OpenID Connect Core §5.4); whoever registers a client here can give it the ones in the ID token (RP-7).
func StrangersContract() Contract {
	k := DefaultContract()
	k.ClaimsInIDToken = false
	return k
}

// DefaultContract returns the contract that a new client gets today.
func DefaultContract() Contract {
	return Contract{
		Version: 1, IDTokenAlg: AlgRS256, AccessTokenAlg: AlgES256, AccessTokenFormat: AccessTokenJWT,
		ClaimsInIDToken: true, RolesClaim: "roles",
		CodeTTL: 60, AccessTokenTTL: 600, IDTokenTTL: 3600,
		RefreshMode: RefreshRotate, RefreshGrace: 60, RefreshIdle: 30 * 86400, RefreshMax: 365 * 86400,
	}
}
