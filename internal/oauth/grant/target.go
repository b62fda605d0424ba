package grant

import (
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
)

const (
	invalidTarget = "invalid_target"
	resourcesMost = 10
)

// target reads the resources that a token request names (RFC 8707 §2.2). Each must be among those that may be; without any it returns nil,
// and the token is for all of them.
func (s *Session) target(form url.Values, mayBe func(resource string) bool, expected []string) ([]string, error) {
	asked := slices.Compact(slices.Sorted(slices.Values(form["resource"])))
	if len(asked) > resourcesMost {
		return nil, refuse(invalidTarget, "The request names more than 10 resources.")
	}
	for _, resource := range asked {
		if !idp.ValidResource(resource) || !mayBe(resource) {
			s.Trace.Fail(idp.Check{
				Name: "resource was granted", Expected: strings.Join(expected, " or "), Received: resource,
				Mend: "Name the resources in the authorization request too, or register them: `idp client update " + s.Client.ID + " --resource …`.", Clause: "RFC 8707 §2.2",
			})
			return nil, refuse(invalidTarget, "The token cannot be for a resource that the request names.")
		}
	}
	return asked, nil
}

// targetOfClient is target for what the client is registered for.
func (s *Session) targetOfClient(form url.Values) ([]string, error) {
	return s.target(form, s.Client.MayTarget, slices.Concat(s.Client.Audience, s.Client.Resources))
}

// targetOfGrant is target for what the authorization is for: a token may be for fewer resources, never for others.
func (s *Session) targetOfGrant(form url.Values, granted []string) ([]string, error) {
	return s.target(form, func(resource string) bool { return slices.Contains(granted, resource) }, granted)
}
