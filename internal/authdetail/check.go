package authdetail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

const (
	// Most is how long the parameter authorization_details may be.
	Most        = 8 << 10
	detailsMost = 16 // of one request
	depthMost   = 12

	numberMost   = 64  // characters of a number
	exponentMost = 308 // what a double holds
)

// Fault says why details are refused, for the client.
type Fault struct{ Reason string }

// Error is the sentence for the client.
func (f *Fault) Error() string { return f.Reason }

func refuse(format string, args ...any) error { return &Fault{fmt.Sprintf(format, args...)} }

// Check judges the details that a client asks for (RFC 9396 §5): an array of objects, each of a type that is registered here and for the client, and
// fitting its schema. It returns them in one spelling. A *Fault says what is wrong. Each type costs one statement.
func (s *Types) Check(ctx context.Context, c *idp.Client, text string) (json.RawMessage, error) {
	list, err := read(text)
	if err != nil {
		return nil, err
	}
	schemas := map[string]*jsonschema.Resolved{}
	for i, detail := range list {
		name, _ := detail["type"].(string)
		if name == "" {
			return nil, refuse("The authorization detail %d has no type.", i+1)
		}
		// RFC 9396 §10: the types that the client is registered for.
		if !slices.Contains(c.AuthorizationDetailsTypes, name) {
			return nil, refuse("The client may not ask for authorization details of the type %.80s.", name)
		}
		if schemas[name] == nil {
			if schemas[name], err = s.schema(ctx, name); err != nil {
				return nil, err
			}
		}
		if err := schemas[name].Validate(plain(detail)); err != nil {
			return nil, refuse("The authorization detail %d does not fit the schema of %.80s: %.200s.", i+1, name, err)
		}
	}
	return spell(list)
}

func (s *Types) schema(ctx context.Context, name string) (*jsonschema.Resolved, error) {
	t, err := s.Store.AuthorizationType(ctx, name)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, refuse("The authorization details type %.80s is not known here.", name)
	}
	if err != nil {
		return nil, err
	}
	schema, err := compile(t.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema of authorization type %s: %w", name, err)
	}
	return schema, nil
}

// plain returns a value as a schema looks at it: with numbers as they are, not as they are written.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for name, one := range v {
			copied[name] = plain(one)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, one := range v {
			copied[i] = plain(one)
		}
		return copied
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, _ := v.Float64() // read took it: it is within what a double holds
		return n
	}
	return value
}

// read reads details within bounds.
func read(text string) ([]map[string]any, error) {
	if err := untrusted.Check([]byte(text), untrusted.Bounds{Bytes: Most, Depth: depthMost}); err != nil {
		return nil, refuse("The authorization details cannot be read: %s.", err)
	}
	doc, err := decode(text)
	if err != nil {
		return nil, refuse("The authorization details are no JSON.")
	}
	if oddNumber(doc) {
		return nil, refuse("The authorization details have a number of more than %d characters, or beyond 1e±%d.", numberMost, exponentMost)
	}
	items, ok := doc.([]any)
	if !ok || len(items) == 0 || len(items) > detailsMost {
		return nil, refuse("The authorization details are no JSON array of 1 to %d objects.", detailsMost)
	}
	list := make([]map[string]any, len(items))
	for i, item := range items {
		if list[i], ok = item.(map[string]any); !ok {
			return nil, refuse("The authorization detail %d is no JSON object.", i+1)
		}
	}
	return list, nil
}

// decode reads a JSON text with numbers as they are written.
func decode(text string) (doc any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&doc)
	return doc, err
}

// spell writes details in one spelling: members sorted, no space, numbers as they came.
func spell(list []map[string]any) (json.RawMessage, error) {
	text, err := json.Marshal(list) // as they will be written again inside a row and a token
	if err != nil {
		return nil, fmt.Errorf("encode authorization details: %w", err)
	}
	return text, nil
}

// Narrow returns those of the granted details that a token request names, in one spelling (RFC 9396 §6). Each must be one that was granted.
func Narrow(granted json.RawMessage, asked string) (json.RawMessage, error) {
	want, err := read(asked)
	if err != nil {
		return nil, err
	}
	var have []json.RawMessage
	if len(granted) > 0 {
		if err := json.Unmarshal(granted, &have); err != nil {
			return nil, fmt.Errorf("granted authorization details: %w", err)
		}
	}
	for i, detail := range want {
		one, err := spell([]map[string]any{detail})
		if err != nil {
			return nil, err
		}
		one = one[1 : len(one)-1]
		if !slices.ContainsFunc(have, func(h json.RawMessage) bool { return bytes.Equal(h, one) }) {
			return nil, refuse("The authorization detail %d is none that was granted.", i+1)
		}
	}
	return spell(want)
}

// Digest names details in their one spelling: what a person allowed is this text and no other.
func Digest(details string) string {
	if details == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(details))
	return hex.EncodeToString(sum[:])
}

// oddNumber reports whether a value has a number that nobody means: a schema compares numbers as they are written, and 1e999999 has a million digits.
func oddNumber(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, one := range v {
			if oddNumber(one) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, oddNumber)
	case json.Number:
		text := strings.ToLower(v.String())
		_, exponent, found := strings.Cut(text, "e")
		n, err := strconv.Atoi(exponent)
		return len(text) > numberMost || found && (err != nil || n > exponentMost || n < -exponentMost)
	}
	return false
}
