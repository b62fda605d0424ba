package authdetail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
)

const schemaMost = 32 << 10 // bytes of a schema

// Types is the registered types. Safe for concurrent use.
type Types struct {
	Store *store.Store
	Audit *audit.Log
}

// Apply writes a type in the place of the one of its name.
func (s *Types) Apply(ctx context.Context, t *idp.AuthorizationType) (*idp.AuthorizationType, error) {
	if err := validate(t); err != nil {
		return nil, err
	}
	var out *idp.AuthorizationType
	err := s.Store.InTx(ctx, func(ctx context.Context) (err error) {
		if err = s.Store.PutAuthorizationType(ctx, t, time.Now().UTC().Truncate(time.Microsecond)); err != nil {
			return err
		}
		if out, err = s.Store.AuthorizationType(ctx, t.Name); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.AuthorizationTypeApplied, Details: map[string]string{"name": t.Name}})
	})
	return out, err
}

// Delete removes a type. What was granted stands; nobody can ask for it any more.
func (s *Types) Delete(ctx context.Context, name string) error {
	return s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.DeleteAuthorizationType(ctx, name); err != nil {
			return notFound(err, name)
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.AuthorizationTypeDeleted, Details: map[string]string{"name": name}})
	})
}

// Get returns one type.
func (s *Types) Get(ctx context.Context, name string) (*idp.AuthorizationType, error) {
	t, err := s.Store.AuthorizationType(ctx, name)
	return t, notFound(err, name)
}

func notFound(err error, name string) error {
	if errors.Is(err, idp.ErrNotFound) {
		return &idp.Error{Kind: idp.NotFound, Code: "authorization_type_not_found", Message: fmt.Sprintf("There is no authorization type %.80q. `idp authorization-type list` shows all.", name), Err: err}
	}
	return err
}

func validate(t *idp.AuthorizationType) error {
	switch {
	case !idp.ValidAuthorizationType(t.Name):
		return idp.Invalidf("name", "The name %.80q is not one word of at most 128 ASCII characters, such as payment_initiation.", t.Name)
	case !idp.ValidTitle(t.Title):
		return idp.Invalidf("title", "The title %.80q has invisible characters, spaces around it, or more than 100 characters.", t.Title)
	case len(t.Schema) > schemaMost:
		return idp.Invalidf("schema", "The schema is longer than %d bytes.", schemaMost)
	}
	if _, err := compile(t.Schema); err != nil {
		return idp.Invalidf("schema", "The schema cannot be used: %v. It is a JSON Schema without references to other documents.", err)
	}
	return nil
}

// compile reads a schema, which stands for itself: it reads neither files nor the network. Patterns are Go's regular expressions, whose time is
// linear in the text.
func compile(text json.RawMessage) (*jsonschema.Resolved, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, errors.New("it is no JSON object")
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if word := unknownType(doc); word != "" {
		return nil, fmt.Errorf("%.40q is no type", word)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, err
	}
	return schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
}

// unknownType returns a word in the place of a type that JSON Schema does not have; the library lets it pass, and nothing would ever fit.
func unknownType(node any) string {
	object, ok := node.(map[string]any)
	if !ok {
		list, _ := node.([]any)
		for _, one := range list {
			if word := unknownType(one); word != "" {
				return word
			}
		}
		return ""
	}
	for name, value := range object {
		switch name {
		case "const", "enum", "default", "examples": // values, not schemas
			continue
		case "type":
			for _, one := range append(listOf(value), value) {
				if word, ok := one.(string); ok && !slices.Contains([]string{"null", "boolean", "object", "array", "number", "integer", "string"}, word) {
					return word
				}
			}
		}
		if word := unknownType(value); word != "" {
			return word
		}
	}
	return ""
}

func listOf(value any) []any {
	list, _ := value.([]any)
	return list
}
