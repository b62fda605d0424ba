package idp

import (
	"slices"
	"strings"
)

// RequestedScopes reads the parameter scope of an authorization request: its words, sorted, each once. A request that names none asks
// for what the client may have (RFC 6749 §3.3), without offline_access, which a person must see asked for.
func (c *Client) RequestedScopes(parameter string) []string {
	asked := slices.Compact(slices.Sorted(strings.FieldsSeq(parameter)))
	if len(asked) > 0 {
		return asked
	}
	return slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return s == ScopeOfflineAccess })
}
