package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"idp/internal/idp"
	"idp/internal/secret"
)

// CodeFile is the code of every fault in a file of clients.
const CodeFile = "client_file_invalid"

const maxFaults = 100 // of one file: a wrong file should not fill the screen

type parser struct {
	file    string
	resolve Resolver
	faults  []error
}

func (p *parser) fault(line int, field, format string, args ...any) {
	p.at(line, field, fmt.Errorf(format, args...))
}

// at records a fault with its place.
func (p *parser) at(line int, field string, err error) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, &idp.Error{Kind: idp.Invalid, Code: CodeFile, Field: field, Message: fmt.Sprintf("%s:%d: %s", p.file, line, err)})
	}
}

func (p *parser) documents(data []byte) []Document {
	var docs []Document
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for len(docs) <= maxDocuments {
		var root yaml.Node
		switch err := decoder.Decode(&root); {
		case errors.Is(err, io.EOF):
			if len(docs) == 0 && len(p.faults) == 0 {
				p.fault(1, "", "There is no client in it.")
			}
			return docs
		case err != nil:
			// The parser's own words begin with "yaml: line 3: …"; after such an error it cannot go on.
			p.fault(max(root.Line, 1), "", "The file is no YAML: %s.", strings.TrimPrefix(err.Error(), "yaml: "))
			return docs
		}
		if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
			continue // an empty document, such as behind a last "---"
		}
		if doc, ok := p.document(root.Content[0]); ok {
			docs = append(docs, doc)
		}
	}
	return docs
}

// document reads one client. ok is false if it cannot be told what was meant.
func (p *parser) document(node *yaml.Node) (Document, bool) {
	before := len(p.faults)
	if node.Kind != yaml.MappingNode {
		p.fault(node.Line, "", "A client is a list of keys and values, such as \"client_id: app\".")
		return Document{}, false
	}
	doc := Document{File: p.file, Line: node.Line}
	lines := map[string]int{}
	p.mapping(node, "", reflect.ValueOf(&doc.Registration).Elem(), lines, func(key string, value *yaml.Node) bool {
		return p.secretKey(&doc, key, value)
	})
	if doc.ID == "" && len(p.faults) == before {
		p.fault(node.Line, "client_id", "The client has no client_id. Files name theirs, so that they can be applied again.")
	}
	if len(p.faults) == before {
		p.validate(doc, lines)
	}
	return doc, len(p.faults) == before
}

// secretKey reads secret_file, secret_env and secret_digest: one text, or a list while a secret is being changed.
func (p *parser) secretKey(doc *Document, key string, value *yaml.Node) bool {
	switch key {
	case "secret_file", "secret_env", "secret_digest":
	case "secret", "client_secret":
		p.fault(value.Line, key, "A secret does not stand in the file itself. Put it into a file of its own and name that in secret_file, or use secret_env or secret_digest.")
		return true
	default:
		return false
	}
	refs := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		refs = value.Content
	}
	for _, ref := range refs {
		if ref.Kind != yaml.ScalarNode || ref.Value == "" {
			p.fault(ref.Line, key, "%q is a text, or a list of texts.", key)
			continue
		}
		if key == "secret_digest" {
			doc.Digests = append(doc.Digests, ref.Value)
		} else if text, ok := p.secretFrom(key, ref.Value, ref.Line); ok {
			doc.Secrets = append(doc.Secrets, secret.Redacted(text))
		}
	}
	return true
}

// mapping reads the keys of a mapping into the fields of a struct with the same JSON names; other takes keys that are no field.
func (p *parser) mapping(node *yaml.Node, prefix string, into reflect.Value, lines map[string]int, other func(key string, value *yaml.Node) bool) {
	known := fieldsByName(into)
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := strings.ReplaceAll(name.Value, "-", "_")
		if first, twice := seen[key]; twice {
			p.fault(name.Line, prefix+key, "The key %q stands in line %d already.", name.Value, first)
			continue
		}
		seen[key] = name.Line
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		field, ok := known[key]
		switch {
		case !ok && other != nil && other(key, value):
		case !ok:
			names := namesOf(known)
			if other != nil {
				names = append(names, "secret_file", "secret_env", "secret_digest")
			}
			p.fault(name.Line, prefix+key, "There is no key %q here. %s", name.Value, keysFor(key, names))
		case value.Tag == "!!null":
			p.fault(name.Line, prefix+key, "The key %q has no value. Give it one, or remove the line.", name.Value)
		case field.Kind() == reflect.Struct:
			if value.Kind != yaml.MappingNode {
				p.fault(value.Line, prefix+key, "%q is a list of keys and values.", name.Value)
				continue
			}
			lines[key] = name.Line
			p.mapping(value, key+".", field, lines, nil)
		case field.Type() == reflect.TypeFor[json.RawMessage]():
			lines[prefix+key] = value.Line
			p.json(value, name.Value, prefix+key, field)
		default:
			lines[prefix+key] = value.Line
			for j, element := range value.Content {
				lines[fmt.Sprintf("%s%s[%d]", prefix, key, j)] = element.Line
			}
			if err := value.Decode(field.Addr().Interface()); err != nil {
				p.fault(value.Line, prefix+key, "%q is %s.", name.Value, wanted(field.Type()))
			}
		}
	}
}

// json reads a part of the file that is kept as JSON, such as a set of keys.
func (p *parser) json(node *yaml.Node, name, key string, into reflect.Value) {
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		p.fault(node.Line, key, "%q is a list of keys and values.", name)
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		p.fault(node.Line, key, "%q has a key that is no text.", name)
		return
	}
	into.SetBytes(text)
}

// wanted says in words what a field takes.
func wanted(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Map:
		return "a list of keys and texts"
	case reflect.Slice:
		return "a list of texts, each on a line of its own behind a dash"
	case reflect.Int, reflect.Int64:
		if t == reflect.TypeFor[idp.Seconds]() {
			return "a whole number of seconds"
		}
		return "a whole number"
	}
	return "a text"
}

func fieldsByName(v reflect.Value) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous { // promoted, as encoding/json does it
			maps.Copy(out, fieldsByName(v.Field(i)))
			continue
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		out[name] = v.Field(i)
	}
	return out
}

func namesOf(fields map[string]reflect.Value) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// validate applies the rule of every door here, where the lines are known. Whether a client has a secret the server knows: a file may leave
// it as it is.
func (p *parser) validate(doc Document, lines map[string]int) {
	c := doc.Client()
	if c.HasSecret() || len(doc.Secrets)+len(doc.Digests) > 0 {
		c.Secrets = []idp.ClientSecret{{ID: "file", Digest: "file"}}
	}
	for _, fault := range idp.Faults(c.Validate()) {
		line, found := lines[fault.Field]
		if !found {
			base, _, _ := strings.Cut(fault.Field, "[")
			if line, found = lines[base]; !found {
				line = doc.Line
			}
		}
		p.at(line, fault.Field, fault)
	}
}
