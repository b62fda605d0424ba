package grant

import (
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
)

const resourcesMost = 10

// resources reads the resources that a token request names (RFC 8707 §2.2). Each must be among those that may be; without any it returns nil,
// and the token is for all of them.
func (s *Session) resources(form url.Values, mayBe func(resource string) bool, expected []string) ([]string, error) {
	asked := slices.Compact(slices.Sorted(slices.Values(form["resource"])))
	if len(asked) > resourcesMost {
		return nil, s.refuse(idp.CodeInvalidTarget, "The request names more than 10 resources.", "RFC 8707 §2", "10 resources at most", "Ask for several tokens, each for some of them.")
	}
	for _, resource := range asked {
		if !idp.ValidResource(resource) || !mayBe(resource) {
			s.Trace.Fail(idp.Check{
				Name: "resource was granted", Expected: strings.Join(expected, " or "), Received: resource,
				Mend: "Name the resources in the authorization request too, or register them: `idp client update " + s.Client.ID + " --resource …`.", Clause: "RFC 8707 §2.2",
			})
			return nil, refuse(idp.CodeInvalidTarget, "The token cannot be for a resource that the request names.")
		}
	}
	return asked, nil
}

// resourcesOfClient is resources for what the client is registered for.
func (s *Session) resourcesOfClient(form url.Values) ([]string, error) {
	return s.resources(form, s.Client.MayTarget, slices.Concat(s.Client.Audience, s.Client.Resources))
}

// resourcesOfGrant is resources for what the authorization is for: a token may be for fewer resources, never for others, nor for one that the operator has taken
// back since.
func (s *Session) resourcesOfGrant(form url.Values, granted []string) ([]string, error) {
	granted = s.stillServed(granted)
	return s.resources(form, func(resource string) bool { return slices.Contains(granted, resource) }, granted)
}

// stillServed returns those of an authorization's resources that its client may still have tokens for.
func (s *Session) stillServed(granted []string) []string {
	if s.StillServed == nil {
		return granted
	}
	return s.StillServed(s.Client, granted)
}

// dropWithdrawn leaves out of an authorization's audience what the operator has taken back. Where nothing is left, UserInfo is, for who signs people in; else there is
// nothing that a token could be for.
func (s *Session) dropWithdrawn(a *idp.Authorization) error {
	left := s.stillServed(a.Audience)
	if len(left) == 0 && len(a.Audience) > 0 && !slices.Contains(a.Scopes, idp.ScopeOpenID) {
		s.Trace.Fail(idp.Check{
			Name: "resource is still there", Expected: "a protected resource of this server", Received: strings.Join(a.Audience, " "),
			Mend: "`idp resource list` shows which there are. Ask for one of them in a new authorization request.", Clause: "RFC 8707 §2.2",
		})
		return refuse(idp.CodeInvalidTarget, "The resources that the tokens were for are not served any more.")
	}
	a.Audience = left
	return nil
}

// audience returns what the access token is going to be for; empty for this server alone.
func (s *Session) audience() []string {
	switch {
	case s.exchange != nil:
		return s.exchange.audience
	case len(s.Resources) > 0:
		return s.Resources
	case s.Authorization != nil:
		return s.Authorization.Audience
	}
	return s.Client.Audience
}
