package client

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"idp/internal/idp"
)

// Change is one field that differs. Secrets appear as words, never as values.
type Change struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// diff lists what differs between two states of a client, by field.
func diff(old, next *idp.Client) []Change {
	a, b := flat(old), flat(next)
	names := slices.Sorted(maps.Keys(b))
	for name := range a {
		if _, both := b[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []Change
	for _, name := range names {
		if a[name] != b[name] {
			changes = append(changes, Change{Field: name, From: a[name], To: b[name]})
		}
	}
	return changes
}

// flat writes a client as its JSON members, the contract's with a prefix; without times and secrets.
func flat(c *idp.Client) map[string]string {
	out := map[string]string{}
	if c == nil {
		return out
	}
	plain := *c
	plain.Secrets, plain.ClientOrigin = nil, idp.ClientOrigin{}
	for name, raw := range members(plain) {
		if name != "contract" {
			out[name] = string(raw)
		}
	}
	for name, raw := range members(c.Contract) {
		out["contract."+name] = string(raw)
	}
	return out
}

func members(v any) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic("client: encode a client: " + err.Error()) // its fields are strings, numbers and lists of them
	}
	return out
}

// fields lists the names of what changed, for the audit log.
func fields(changes []Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Field
	}
	return strings.Join(names, " ")
}
