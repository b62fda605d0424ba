package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/oauth/grant"
)

// client is a registered client in the engine's eyes. It implements no more than fosite.Client and ResponseModeClient, so that the engine's own ways with
// request objects and client assertions cannot be reached.
type client struct {
	*idp.Client
	redirectURIs []string
}

// GetID returns the client's id.
func (c client) GetID() string { return c.ID }

// GetHashedSecret returns nothing: clientauth compares secrets.
func (c client) GetHashedSecret() []byte { return nil }

// GetRedirectURIs returns the one that the request asked for and that we matched already, else all that are registered.
func (c client) GetRedirectURIs() []string { return c.redirectURIs }

// GetGrantTypes returns the grants it is registered for.
func (c client) GetGrantTypes() fosite.Arguments { return c.GrantTypes }

// GetResponseTypes returns the response types it is registered for.
func (c client) GetResponseTypes() fosite.Arguments { return c.ResponseTypes }

// GetScopes returns the scopes it may ask for.
func (c client) GetScopes() fosite.Arguments { return c.Scopes }

// IsPublic reports whether it has no credentials.
func (c client) IsPublic() bool { return c.Public() }

// GetResponseModes returns the modes that the authorization endpoint has let through.
func (c client) GetResponseModes() []fosite.ResponseModeType {
	return []fosite.ResponseModeType{fosite.ResponseModeQuery}
}

// GetAudience returns the audience of its tokens.
func (c client) GetAudience() fosite.Arguments { return c.Audience }

// storage is the engine's view of the clients. Nothing else of the engine's storage interfaces is used: codes and tokens go
// through the grants' own statements.
type storage struct{ clients *directory.Clients }

var _ fosite.Storage = storage{}

// GetClient returns the adapter of a client; the one that the authorization endpoint found already, if it is the one.
func (s storage) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if a, ok := ctx.Value(requestKey{}).(*authorizeRequest); ok && a.Client.ID == id {
		return client{a.Client, []string{a.RedirectURI}}, nil
	}
	c, err := s.clients.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, c.RedirectURIs}, nil
}

// ClientAssertionJWTValid refuses: the engine's client assertions are not in use.
func (storage) ClientAssertionJWTValid(context.Context, string) error {
	return fosite.ErrInvalidClient
}

// SetClientAssertionJWT refuses likewise.
func (storage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrInvalidClient
}

// engineConfig is the engine's configuration. Every field that the engine would fill lazily is set, since that is a data race
// (D24), and handlers are chosen by grant, so that a request meets only its own.
type engineConfig struct {
	*fosite.Config
	provider *Provider
}

func newEngineConfig(p *Provider) engineConfig {
	return engineConfig{provider: p, Config: &fosite.Config{
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		MinParameterEntropy:          1, // state and nonce are the client's business (D10, D11)
		EnforcePKCEForPublicClients:  true,
		IDTokenIssuer:                p.Issuer,
		AccessTokenIssuer:            p.Issuer,
		JWTScopeClaimKey:             jwt.JWTScopeFieldString,
		RedirectSecureChecker:        func(context.Context, *url.URL) bool { return true }, // idp.Client.Validate decided at registration
		ClientAuthenticationStrategy: p.authenticate,
		AuthorizeEndpointHandlers:    fosite.AuthorizeEndpointHandlers{responder{p}},
	}}
}

// GetTokenEndpointHandlers returns the handlers of the request's grant.
func (c engineConfig) GetTokenEndpointHandlers(ctx context.Context) fosite.TokenEndpointHandlers {
	r, ok := ctx.Value(fosite.AccessRequestContextKey).(fosite.AccessRequester)
	if !ok || len(r.GetGrantTypes()) != 1 {
		return nil
	}
	if g := c.provider.grantNamed(r.GetGrantTypes()[0]); g != nil {
		return g.handlers
	}
	return nil
}

// authenticate is the engine's way to package clientauth. A client may use only the grants that it is registered for (RFC 6749 §5.2,
// unauthorized_client).
func (p *Provider) authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	access, ok := ctx.Value(fosite.AccessRequestContextKey).(fosite.AccessRequester)
	if !ok {
		return nil, errors.New("client authentication outside the token endpoint")
	}
	s, ok := access.GetSession().(*grant.Session)
	if !ok {
		return nil, errors.New("token request without our session")
	}
	c, err := p.auth.Authenticate(ctx, r, form, func(c *idp.Client) error {
		s.Client = c
		if name := form.Get("grant_type"); !slices.Contains(c.GrantTypes, name) {
			s.Trace.Fail(idp.Check{
				Name: "client may use the grant", Expected: list(c.GrantTypes), Received: name,
				Mend: "`idp client update " + c.ID + " --add-grant " + name + "`, if it should.", Clause: "RFC 6749 §5.2",
			})
			return &Error{Status: http.StatusBadRequest, Code: idp.CodeUnauthorizedClient, Description: "The client is not registered for this grant type."}
		}
		return p.proveSender(ctx, r, s)
	}, s.Trace, s.Now)
	if err != nil {
		return nil, err
	}
	return client{c, c.RedirectURIs}, nil
}
