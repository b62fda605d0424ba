package config

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// schemaNode is the part of JSON Schema 2020-12 that the settings need.
type schemaNode struct {
	Schema      string                 `json:"$schema,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Description string                 `json:"description,omitempty"`
	Type        any                    `json:"type,omitempty"`
	Enum        []string               `json:"enum,omitempty"`
	Pattern     string                 `json:"pattern,omitempty"`
	Minimum     json.Number            `json:"minimum,omitempty"`
	Maximum     json.Number            `json:"maximum,omitempty"`
	Default     any                    `json:"default,omitempty"`
	Items       *schemaNode            `json:"items,omitempty"`
	Properties  map[string]*schemaNode `json:"properties,omitempty"`
	Additional  *bool                  `json:"additionalProperties,omitempty"`
}

// Schema returns the JSON schema of the configuration file, for editors.
func Schema() string { return schema(comments()) }

func schema(comments map[string]string) string {
	root := newGroup("")
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "idp.yaml"
	groups := map[string]*schemaNode{"": root}
	for _, f := range new(Config).fields(comments) {
		if f.flagOnly() {
			continue // not for files
		}
		parent, name := root, f.key
		if group, member, nested := strings.Cut(f.key, "."); nested {
			parent, name = groups[group], member
		}
		if f.group {
			groups[f.key] = newGroup(f.text())
			parent.Properties[name] = groups[f.key]
			continue
		}
		parent.Properties[name] = f.schema()
		if f.secret() {
			parent.Properties[name+"_file"] = &schemaNode{Type: "string", Description: "Path of a file that holds " + f.key + "."}
		}
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: schema: " + err.Error()) // strings and maps only; every test meets it
	}
	return string(b) + "\n"
}

func newGroup(comment string) *schemaNode {
	closed := false
	return &schemaNode{Type: "object", Description: comment, Properties: make(map[string]*schemaNode), Additional: &closed}
}

func (f *field) schema() *schemaNode {
	n := &schemaNode{Type: "string", Description: f.text(), Enum: f.enum()}
	if d := f.tag.Get("default"); d != "" {
		n.Default = d
	}
	switch f.value.Interface().(type) {
	case bool:
		n.Type, n.Default = "boolean", f.tag.Get("default") == "true"
	case int:
		n.Type = "integer"
		n.Minimum, n.Maximum, n.Default = json.Number(f.tag.Get("min")), json.Number(f.tag.Get("max")), json.Number(f.tag.Get("default"))
	case time.Duration:
		n.Pattern = `^(0|([0-9]+d)?([0-9.]+(h|m|s|ms))*)$`
	case Size:
		n.Pattern = `^[0-9]+ *(B|KiB|MiB|GiB)$`
	case []netip.Prefix, []string:
		n.Type, n.Items = []string{"array", "string"}, &schemaNode{Type: "string"}
	}
	return n
}
