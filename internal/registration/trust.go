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

// RFC 7592 §5: doubt takes an operator's trust or approval back from a client that is not what they saw any more: people are asked and warned again. It says so in the
// log and in the details of the change.
func (s *Service) doubt(ctx context.Context, old, next *idp.Client, freshSecret bool) (details map[string]string, err error) {
	vouched := old.Trusted || old.ManagedBy == idp.ManagedByOpenApproved
	changed, err := otherwise(old, next)
	if freshSecret {
		changed = append(changed, "client_secret")
	}
	if err == nil && vouched && len(changed) > 0 {
		next.Trusted = false
		if next.ManagedBy == idp.ManagedByOpenApproved {
			next.ManagedBy = idp.ManagedByOpen
		}
		names := strings.Join(changed, " ")
		s.Logger.WarnContext(ctx, "a client that an operator vouched for has changed, and is vouched for no more",
			slog.String("client_id", next.ID), slog.String("changed", names))
		details = map[string]string{"lost": "trust", "changed": cut(names)}
	}
	if details == nil {
		details = map[string]string{}
	}
	details["source"] = next.ManagedBy
	return details, err
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
