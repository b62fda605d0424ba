package oauth

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ory/fosite"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/authdetail"
	"idp/internal/clientkeys"
	"idp/internal/crossdevice"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/keys"
	"idp/internal/oauth/clientauth"
	"idp/internal/oauth/grant"
	"idp/internal/oauth/mint"
	"idp/internal/oauth/requestobject"
	"idp/internal/outbound"
	"idp/internal/outbox"
	"idp/internal/registration"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/subject"
	"idp/internal/trace"
)

// Config is what a Provider needs.
type Config struct {
	Issuer       string // without a trailing slash; may have a path
	Store        *store.Store
	Clients      *directory.Clients
	ClientKeys   *clientkeys.Keys
	Subjects     *subject.Names
	Outbound     *outbound.Client
	MTLS         MTLS
	Keys         *keys.Manager
	Keyring      *secret.Keyring
	Sessions     *session.Manager
	Interactions *interaction.Service
	CrossDevice  *crossdevice.Service
	Traces       *trace.Recorder
	Audit        *audit.Log
	Logger       *slog.Logger
	UILocales    []string // for discovery
	// Resources are the operator's protected resources; nil for none. Whoever changes them calls ReloadDiscovery.
	Resources *directory.Resources
	// Contexts are the authentication contexts that a sign-in here may be called by.
	Contexts idp.AuthenticationContexts
	// Ways says by which ways people sign in here.
	Ways *auth.Ways
	// Registration lets applications register themselves; nil where they may not.
	Registration *registration.Service
	// MayRegister says that people may create accounts for themselves: prompt=create leads to the page for it.
	MayRegister bool
	// Documents finds clients that the document at their id describes; nil where there are none.
	Documents *registration.Documents
	// PushesPerAddress and PushesPerClient are how many requests may be pushed in a minute: by one address without credentials that are good, and
	// by one client. 0 bounds nothing.
	PushesPerAddress, PushesPerClient int
	// LoopLimit is how many codes one session may fetch for one client within loopWindow before a page explains the loop
	// (FD-3); 0 switches that off.
	LoopLimit int
	// Assertions are the issuers whose assertions about people are taken (RFC 7523 §2.1), by their iss; without any the grant does not exist.
	Assertions map[string]grant.TrustedIssuer
	// RequirePushed takes from every client only authorization requests that were pushed.
	RequirePushed bool
	// UserInfoMaxAge is how old the sign-in behind an access token may be at UserInfo (RFC 9470); 0 sets no bound.
	UserInfoMaxAge time.Duration
	// SignedOut writes the page after a session that has frames to show.
	SignedOut func(w http.ResponseWriter, r *http.Request, s SignedOut)
	// RequireDPoPNonce asks for a nonce of this server in every DPoP proof (RFC 9449 §8); clients can be registered for that too.
	RequireDPoPNonce bool
	// Fail writes an error page: the request has no redirect URI that may be trusted.
	Fail func(w http.ResponseWriter, r *http.Request, e PageError)
	// Post writes the page that posts an answer to the application.
	Post func(w http.ResponseWriter, r *http.Request, a PostedAnswer)
	// IssuedTokens is told of each answered token request, for metrics; may be nil.
	IssuedTokens func(grantType string)
}

// SignedOut is what the page after a session shows.
type SignedOut struct {
	Client    *idp.Client // who asked; nil for nobody known
	Return    string      // where the browser goes on, registered and with its state; empty for nowhere
	UILocales string
	Clients   []idp.SessionClient // that hear of the end
}

// MTLS says how clients with certificates reach this server (RFC 8705).
type MTLS struct {
	Accepted bool           // certificates come, from TLS connections or from proxies
	Roots    *x509.CertPool // authorities of tls_client_auth; nil: nobody is authenticated that way
	Origin   string         // scheme and host of the endpoint aliases; empty for none
}

// PageError is what an error page says.
type PageError struct {
	Status      int
	Code        string
	Description string
	TraceID     string
	RedirectURI string // as received, to be shown escaped, where it is the cause
	About       string // the word for what is explained to the person, where it says more than Code
	ClientID    string
	LoopCount   int           // of a redirect_loop: so many codes
	LoopWindow  time.Duration // within this time
}

// Provider serves the protocol endpoints. Safe for concurrent use.
type Provider struct {
	Config
	engine  *fosite.Fosite
	minter  *mint.Minter
	auth    *clientauth.Authenticator
	objects *requestobject.Reader
	details *authdetail.Types
	grants  []grantEntry
	pushes  pushRates
	loops   *loopGuard
	logouts *outbox.Box[*idp.Logout]
	meta    atomic.Pointer[document]
	base    string // the issuer's path
	realm   string
}

// grantEntry is one grant of the token endpoint, of RFC 6749 or an extension (RFC 6749 §4.5). Token endpoint and discovery range over these.
type grantEntry struct {
	name     string
	handlers fosite.TokenEndpointHandlers // the grant, then its decorators
}

// New returns a provider.
func New(c Config) (*Provider, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || strings.HasSuffix(c.Issuer, "/") {
		return nil, fmt.Errorf("issuer %q: want a URL without a trailing slash", c.Issuer)
	}
	p := &Provider{
		Config: c, minter: mint.New(mint.Config{Issuer: c.Issuer, Keys: c.Keys, Keyring: c.Keyring, Store: c.Store, Subjects: c.Subjects, ClientKeys: c.ClientKeys, Contexts: c.Contexts}), base: u.Path, realm: `realm="` + c.Issuer + `"`,
		pushes: newPushRates(c), loops: newLoopGuard(c.LoopLimit),
		details: &authdetail.Types{Store: c.Store, Audit: c.Audit},
		objects: requestobject.New(requestobject.Config{Issuer: c.Issuer, ClientKeys: c.ClientKeys, Keys: c.Keys, Outbound: c.Outbound}),
	}
	p.auth, p.logouts = p.newAuthenticator(c, u), p.logoutBox()
	if p.IssuedTokens == nil {
		p.IssuedTokens = func(string) {}
	}
	p.grants = []grantEntry{
		{idp.GrantAuthorizationCode, fosite.TokenEndpointHandlers{&grant.Code{Store: c.Store, Keyring: c.Keyring, Minter: p.minter, Audit: c.Audit, Logger: c.Logger}}},
		{idp.GrantRefreshToken, fosite.TokenEndpointHandlers{&grant.Refresh{Store: c.Store, Keyring: c.Keyring, Minter: p.minter, Audit: c.Audit}}},
		{idp.GrantClientCredentials, fosite.TokenEndpointHandlers{&grant.ClientCredentials{Minter: p.minter, Details: p.details}}},
		{idp.GrantTokenExchange, fosite.TokenEndpointHandlers{&grant.Exchange{Store: c.Store, Minter: p.minter, Holding: p.holding}}},
		{idp.GrantDeviceCode, fosite.TokenEndpointHandlers{&grant.Pending{
			Kind: idp.PendingDevice, Token: secret.TokenDevice, Parameter: "device_code", Store: c.Store, Keyring: c.Keyring, Minter: p.minter,
		}}},
		{idp.GrantCIBA, fosite.TokenEndpointHandlers{&grant.Pending{
			Kind: idp.PendingBackchannel, Token: secret.TokenAuthReq, Parameter: "auth_req_id", Store: c.Store, Keyring: c.Keyring, Minter: p.minter,
		}}},
	}
	if len(c.Assertions) > 0 {
		audiences := []string{c.Issuer}
		for _, origin := range p.auth.Origins {
			audiences = append(audiences, origin+p.auth.TokenPath)
		}
		p.grants = append(p.grants, grantEntry{idp.GrantJWTBearer, fosite.TokenEndpointHandlers{&grant.JWTBearer{
			Store: c.Store, Keyring: c.Keyring, Keys: c.ClientKeys, Minter: p.minter, Audit: c.Audit, Issuers: c.Assertions, Audiences: audiences,
		}}})
	}
	p.engine = fosite.NewOAuth2Provider(storage{p.Clients}, newEngineConfig(p))
	meta, err := p.discovery(named{})
	p.meta.Store(&meta)
	return p, err
}

// newAuthenticator returns what every back-channel endpoint asks who is there.
func (p *Provider) newAuthenticator(c Config, issuer *url.URL) *clientauth.Authenticator {
	a := &clientauth.Authenticator{
		Client: p.returning, Keyring: c.Keyring, Keys: c.ClientKeys, Store: c.Store, Issuer: c.Issuer, TLSRoots: c.MTLS.Roots,
		Origins: []string{issuer.Scheme + "://" + issuer.Host}, TokenPath: issuer.Path + pathToken,
	}
	if c.MTLS.Origin != "" {
		a.Origins = append(a.Origins, c.MTLS.Origin)
	}
	return a
}

// grantNamed returns the entry of a grant type, or nil.
func (p *Provider) grantNamed(name string) *grantEntry {
	for i := range p.grants {
		if p.grants[i].name == name {
			return &p.grants[i]
		}
	}
	return nil
}

// grantTypes lists the names of all grants.
func (p *Provider) grantTypes() []string {
	names := make([]string, len(p.grants))
	for i, g := range p.grants {
		names[i] = g.name
	}
	return names
}

// Route is one endpoint to be mounted.
type Route struct {
	Pattern string // of http.ServeMux, without method: wrong methods are answered here
	Handler http.HandlerFunc
	CORS    bool   // browser applications of registered clients call it (FL-20); never the authorization endpoint (RFC 9700 §2.6)
	Public  bool   // those of everybody do: to discover this server (RFC 8414 §3, RFC 9728 §3) and to register (RFC 7591 §3)
	Methods string // that scripts may use; GET and POST if empty
	// Prepared answers everybody with the same bytes, and touches nothing: relying parties ask for them all day.
	Prepared bool
}

// Routes lists the endpoints. Paths are absolute: they begin with the issuer's path, except where RFC 8414 §3.1 puts the well-known
// part before it.
func (p *Provider) Routes() []Route {
	routes := []Route{
		{Pattern: p.base + pathAuthorize, Handler: p.Authorize},
		{Pattern: p.base + pathResume, Handler: p.Resume},
		{Pattern: p.base + pathToken, Handler: p.Token, CORS: true},
		{Pattern: p.base + pathPAR, Handler: p.PushedRequest, CORS: true},
		{Pattern: p.base + pathDevice, Handler: p.DeviceAuthorization, CORS: true},
		{Pattern: p.base + pathCIBA, Handler: p.BackchannelAuthentication},
		{Pattern: p.base + pathUserInfo, Handler: p.UserInfo, CORS: true},
		{Pattern: p.base + pathIntrospect, Handler: p.Introspect},
		{Pattern: p.base + pathRevoke, Handler: p.Revoke, CORS: true},
		{Pattern: p.base + pathLogout, Handler: p.Logout},
		{Pattern: p.base + pathJWKS, Handler: p.JWKS, Public: true, Prepared: true},
	}
	if p.Registration != nil {
		routes = append(
			routes,
			Route{Pattern: p.base + pathRegister, Handler: p.Register, Public: true},
			Route{Pattern: p.base + pathRegister + "/{client_id}", Handler: p.ManageRegistration, Public: true, Methods: "GET, PUT, DELETE"},
		)
	}
	if p.Resources != nil {
		for _, base := range slices.Compact([]string{"", p.base}) {
			routes = append(routes, Route{Pattern: base + idp.WellKnownResource + "/", Handler: p.ResourceMetadata, Public: true})
		}
	}
	wellKnown := []string{p.base + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + p.base}
	if p.base != "" {
		// OpenID Connect Discovery §4.1 appends to the issuer, RFC 8414 §3.1 inserts; clients of either habit find us.
		wellKnown = append(wellKnown, p.base+"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"+p.base)
	}
	for _, pattern := range wellKnown {
		routes = append(routes, Route{Pattern: pattern, Handler: p.Discovery, Public: true, Prepared: true})
	}
	return routes
}

// Paths of the endpoints under the issuer.
const (
	pathAuthorize  = "/oauth2/authorize"
	pathResume     = "/oauth2/authorize/resume"
	pathToken      = "/oauth2/token"
	pathPAR        = "/oauth2/par"
	pathDevice     = "/oauth2/device"
	pathCIBA       = "/oauth2/ciba"
	pathDevicePage = "/device" // of the pages: where people type the code
	pathUserInfo   = "/oauth2/userinfo"
	pathIntrospect = "/oauth2/introspect"
	pathRevoke     = "/oauth2/revoke"
	pathLogout     = "/oauth2/logout"
	pathRegister   = "/oauth2/register"
	pathJWKS       = "/.well-known/jwks.json"
)
