package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"idp/internal/authdetail"
	"idp/internal/idp"
	"idp/internal/oauth/claims"
	"idp/internal/trace"
)

// What a request asks for beyond its scopes: claims by name, and the resources that its tokens are for.

const resourcesMost = 10 // resources of one request

// checkClaims reads the claims parameter (OpenID Connect Core §5.5). It says something in a request with the scope openid only.
func checkClaims(a *authorizeRequest) error {
	text := a.Params.Get("claims")
	if text == "" || !slices.Contains(a.Scopes, idp.ScopeOpenID) {
		return nil
	}
	r, err := claims.ParseRequest(text)
	if err != nil {
		return a.fail(idp.CodeInvalidRequest, "The parameter claims cannot be read: "+err.Error()+".", "OpenID Connect Core §5.5", "a JSON object with userinfo and id_token", "Correct the claims parameter of the application.")
	}
	// What the client may not have is left out: a voluntary claim needs no answer (OpenID Connect Core §5.5.1).
	a.ClaimsInIDToken, a.ClaimsInUserInfo = claims.Allowed(r.IDToken, a.Client), claims.Allowed(r.UserInfo, a.Client)
	a.ClaimScopes = claims.ScopesOf(slices.Concat(a.ClaimsInIDToken, a.ClaimsInUserInfo)...)
	a.RequiredACR, a.WantedACR = r.ACR, r.WantACR
	// OpenID Connect Core §5.5.1: an answer about this person or none.
	if r.Subject != "" && a.HintUserID != "" && r.Subject != a.HintUserID {
		return a.fail(idp.CodeInvalidRequest, "The parameter claims and the id_token_hint name two different people.", "OpenID Connect Core §5.5.1", "one person", "Take one of the two out of the application's request, or send the ID token of the person whom claims names.")
	}
	if r.Subject != "" {
		a.HintUserID = r.Subject
	}
	return nil
}

// consentScopes are what a person must have allowed.
func (a *authorizeRequest) consentScopes() []string {
	return idp.ConsentScopes(a.Scopes, a.ClaimScopes)
}

// checkResources reads the resource indicators (RFC 8707 §2, §2.1). Tokens are for what is registered for the client, and nothing else; for a client
// that registered itself these are the operator's protected resources.
func (p *Provider) checkResources(a *authorizeRequest) error {
	audience, fault := p.audienceOf(a.Client, a.Params["resource"], a.Trace)
	if fault != "" {
		return &redirectFault{idp.CodeInvalidTarget, fault}
	}
	a.Audience = audience
	return nil
}

// audienceOf returns what the tokens of a request are for that names these resources. A fault is the client's, and stands in the trace.
func (p *Provider) audienceOf(c *idp.Client, resources []string, t *trace.T) (audience []string, fault string) {
	if len(resources) == 0 {
		return c.Audience, ""
	}
	if len(resources) > resourcesMost {
		t.Fail(idp.Check{
			Name: "resources are few", Expected: "10 resources at most", Received: strconv.Itoa(len(resources)),
			Mend: "Ask for fewer at once; each token can be for fewer still.", Clause: "RFC 8707 §2",
		})
		return nil, "The request names more than 10 resources."
	}
	for _, resource := range resources {
		if !idp.ValidResource(resource) || !c.MayTarget(resource) && !p.isPublishedFor(c, resource) {
			t.Fail(idp.Check{
				Name: "resource is the client's", Expected: list(slices.Concat(c.Audience, c.Resources)), Received: printable(resource),
				Mend: "`idp client update " + c.ID + " --resource …`, or take it out of the application's request.", Clause: "RFC 8707 §2",
			})
			return nil, "The client may not ask for the resource " + printable(resource) + "."
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(resources))), ""
}

// isPublishedFor reports whether a resource is one of the operator's protected resources, and the client one that no operator could have given it to.
func (p *Provider) isPublishedFor(c *idp.Client, resource string) bool {
	return p.Resources != nil && (c.Registered() || c.FromDocument()) && p.Resources.Has(resource)
}

// stillServed returns those of a client's granted resources that it may still have tokens for: a protected resource that the operator took back is none.
// What is registered for a client itself ends with its registration, and stays until then.
func (p *Provider) stillServed(c *idp.Client, granted []string) []string {
	if p.Resources == nil || !c.Registered() && !c.FromDocument() {
		return granted
	}
	gone := func(resource string) bool {
		return resource != p.Issuer && !c.MayTarget(resource) && !slices.Contains(c.ExchangeAudiences, resource) && !p.Resources.Has(resource)
	}
	if !slices.ContainsFunc(granted, gone) {
		return granted
	}
	return slices.DeleteFunc(slices.Clone(granted), gone)
}

// fitting returns the scopes that a token for the audience may tell: not those of other protected resources (RFC 8707 §2). What this server understands
// itself says something about the person, and stays.
func (p *Provider) fitting(scopes, audience []string) []string {
	if p.Resources == nil || len(audience) == 0 || len(audience) == 1 && audience[0] == p.Issuer {
		return scopes
	}
	foreign := p.Resources.Foreign(scopes, audience, p.Issuer)
	if len(foreign) == 0 {
		return scopes
	}
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return slices.Contains(foreign, scope) && !idp.AboutPerson(scope)
	})
}

// checkDetails reads authorization_details (RFC 9396 §2, §5). It costs a statement for each type that is asked for.
func (p *Provider) checkDetails(ctx context.Context, a *authorizeRequest) error {
	details, fault, err := p.detailsOf(ctx, a.Client, a.Params.Get("authorization_details"), a.Trace)
	if fault != "" {
		return &redirectFault{idp.CodeInvalidAuthorizationDetails, fault}
	}
	a.Details = details
	return err
}

// detailsOf returns authorization details in one spelling. A fault is the client's, and stands in the trace.
func (p *Provider) detailsOf(ctx context.Context, c *idp.Client, text string, t *trace.T) (details json.RawMessage, fault string, err error) {
	if text == "" {
		return nil, "", nil
	}
	details, err = p.details.Check(ctx, c, text)
	if unfit := (*authdetail.Fault)(nil); errors.As(err, &unfit) {
		t.Fail(idp.Check{
			Name: "authorization_details", Expected: "details of types that are registered for the client: " + list(c.AuthorizationDetailsTypes), Received: unfit.Reason,
			Mend: "Compare with `idp authorization-type list` and `idp client get " + c.ID + "`.", Clause: "RFC 9396 §5",
		})
		return nil, unfit.Reason, nil
	}
	return details, "", err
}
