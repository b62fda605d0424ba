package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"idp/internal/idp"
)

// harmless are the members that a client may change without being another one to whoever vouched for it. Everything else says who it is, how it proves
// that, where it has things sent, or what it may do: a member that comes later counts until it is named here.
func harmless() []string {
	return []string{
		"contacts", "software_version", "default_max_age", "require_auth_time", "default_acr_values", "contract",
		"scopes",                                                   // compared by themselves: fewer are harmless
		"secrets",                                                  // made here
		"client_id", "managed_by", "trusted", "origin", "disabled", // not the client's words
	}
}

// otherwise returns the members, sorted, in which next is not what an operator saw when they vouched for old.
func otherwise(old, next *idp.Client) ([]string, error) {
	before, err := said(old)
	if err != nil {
		return nil, err
	}
	after, err := said(next)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, members := range []map[string]any{before, after} {
		for name := range members {
			if !slices.Contains(harmless(), name) && !reflect.DeepEqual(before[name], after[name]) {
				changed = append(changed, name)
			}
		}
	}
	for _, scope := range next.Scopes {
		if !slices.Contains(old.Scopes, scope) {
			changed = append(changed, "scope")
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed), nil
}

// RFC 7592 §5: doubt takes back what an operator gave to a client that is not what they saw any more: trust, an approval, and leave to trade tokens or
// assertions. It says so in the log and in the details of the change, and returns the members that say who the client is and have changed.
func (s *Service) doubt(ctx context.Context, old, next *idp.Client, freshSecret bool) (details map[string]string, changed []string, err error) {
	changed, err = otherwise(old, next)
	if err != nil {
		return nil, nil, err
	}
	if freshSecret {
		changed = append(changed, "client_secret")
	}
	details = map[string]string{}
	if len(changed) > 0 {
		asked := len(next.GrantTypes)
		if lost := strings.Join(takeBack(next), " "); lost != "" {
			names := strings.Join(changed, " ")
			s.Logger.WarnContext(ctx, "a client has changed, and lost what an operator gave to what it was before",
				slog.String("client_id", next.ID), slog.String("lost", lost), slog.String("changed", names))
			details["lost"], details["changed"] = lost, names
		}
		if asked > 0 && len(next.GrantTypes) == 0 {
			return nil, nil, wrong("grant_types", "With this change the application loses what an operator lets it do, and nothing is left of it. Ask the operator of this server to make the change.")
		}
	}
	details["source"] = next.ManagedBy
	return details, changed, nil
}

// takeBack takes from a client what an operator gave to it alone, and returns the names of what it had: with other keys, or another way to prove who it is, somebody
// else could trade people's tokens.
func takeBack(c *idp.Client) (lost []string) {
	if c.Trusted || c.ManagedBy == idp.ManagedByOpenApproved {
		lost, c.Trusted = append(lost, "trust"), false
		if c.ManagedBy == idp.ManagedByOpenApproved {
			c.ManagedBy = idp.ManagedByOpen
		}
	}
	if !reflect.DeepEqual(c.ClientExchange, idp.ClientExchange{}) {
		lost, c.ClientExchange = append(lost, "token_exchange"), idp.ClientExchange{}
	}
	if !reflect.DeepEqual(c.ClientAssertion, idp.ClientAssertion{}) {
		lost, c.ClientAssertion = append(lost, "assertions"), idp.ClientAssertion{}
	}
	// Without leave these grants are nothing, and a registration with them would be refused.
	c.GrantTypes = slices.DeleteFunc(slices.Clone(c.GrantTypes), func(g string) bool { return g == idp.GrantTokenExchange || g == idp.GrantJWTBearer })
	return lost
}

// said returns a client as it is written down, so that an empty list is none and a key set is compared by what it says.
func said(c *idp.Client) (members map[string]any, err error) {
	text, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		return nil, fmt.Errorf("compare client %s: %w", c.ID, err)
	}
	return members, nil
}
