package grant

import (
	"context"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"idp/internal/authdetail"
	"idp/internal/idp"
	"idp/internal/oauth/mint"
)

// ClientCredentials is the grant for a client's own access (RFC 6749 §4.4). It touches no table.
type ClientCredentials struct {
	chosenByName

	Minter  *mint.Minter
	Details *authdetail.Types
}

var _ fosite.TokenEndpointHandler = (*ClientCredentials)(nil)

// HandleTokenEndpointRequest checks that the client is confidential and may have the scopes.
func (g *ClientCredentials) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s := sessionOf(r)
	// RFC 6749 §4.4: confidential clients only.
	if s.Client.Public() {
		return s.refuse(idp.CodeUnauthorizedClient, "A public client cannot use the grant client_credentials.", "RFC 6749 §4.4", "a client with a secret or a key", "Register a client of its own for this, which can keep a secret: `idp client create`.")
	}
	asked := scopesOf(r.GetRequestForm())
	for _, scope := range asked {
		if !slices.Contains(s.Client.Scopes, scope) || idp.AboutPerson(scope) { // it acts for itself
			s.Trace.Fail(idp.Check{
				Name: "scope is allowed", Expected: "a scope of the client that is about no person", Received: scope,
				Mend: "Add it to the client: `idp client update " + s.Client.ID + " --add-scope …`.", Clause: "RFC 6749 §3.3",
			})
			return refuse(idp.CodeInvalidScope, "The client may not have one of the scopes that it asks for.")
		}
	}
	resources, err := s.resourcesOfClient(r.GetRequestForm())
	if err != nil {
		return err
	}
	if text := r.GetRequestForm().Get("authorization_details"); text != "" { // RFC 9396 §5
		if s.Details, err = g.Details.Check(ctx, s.Client, text); err != nil {
			return s.detailsFault(err)
		}
	}
	s.Resources, s.Scopes = resources, asked
	if len(asked) == 0 { // RFC 6749 §3.3: the default is what the client may have
		for _, scope := range s.Client.Scopes {
			if !idp.AboutPerson(scope) {
				s.Scopes = append(s.Scopes, scope)
			}
		}
	}
	s.Trace.Pass("client_credentials")
	return nil
}

// PopulateTokenEndpointResponse makes the access token; there is no refresh token (RFC 6749 §4.4.3).
func (g *ClientCredentials) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	s := sessionOf(r)
	if _, err := issueAccess(ctx, g.Minter, s, resp); err != nil {
		return err
	}
	if len(s.Scopes) > 0 {
		resp.SetExtra("scope", strings.Join(s.Scopes, " "))
	}
	return nil
}
