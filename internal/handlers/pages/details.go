package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"idp/internal/authdetail"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
)

// fieldsMost is how many members of one detail the page shows one by one.
const fieldsMost = 60

// detailDigest names the authorization details that a visit is about; empty for none. The authorization endpoint has checked and spelled them.
func detailDigest(v *visit) string { return authdetail.Digest(v.params.Get("authorization_details")) }

// details returns authorization details, which have been checked and spelled, in words: nobody allows what they cannot read (RFC 9396 §3, §12).
func (p *Pages) details(ctx context.Context, text string) ([]ui.Detail, error) {
	if text == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var list []map[string]any
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("authorization details that were kept: %w", err)
	}
	out := make([]ui.Detail, 0, len(list))
	for _, detail := range list {
		name, _ := detail["type"].(string)
		shown := ui.Detail{Title: name}
		t, err := p.Store.AuthorizationType(ctx, name)
		switch {
		case err == nil:
			shown.Title = t.Shown()
		case !errors.Is(err, idp.ErrNotFound):
			return nil, err
		}
		delete(detail, "type")
		shown.Fields = fields(nil, "", detail)
		if len(shown.Fields) > fieldsMost {
			rest, err := json.Marshal(detail)
			if err != nil {
				return nil, err
			}
			shown.Fields = []ui.DetailField{{Name: name, Value: ui.Plain(string(rest))}}
		}
		out = append(out, shown)
	}
	return out, nil
}

// fields lists the members of a value by their paths.
func fields(list []ui.DetailField, path string, value any) []ui.DetailField {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = fields(list, strings.TrimPrefix(path+" › "+name, " › "), v[name])
		}
		return list
	case []any:
		words := make([]string, 0, len(v))
		for i, one := range v {
			switch one.(type) {
			case map[string]any, []any:
				list = fields(list, fmt.Sprintf("%s %d", path, i+1), one)
			default:
				words = append(words, fmt.Sprint(one))
			}
		}
		if len(words) > 0 {
			list = append(list, ui.DetailField{Name: ui.Plain(path), Value: ui.Plain(strings.Join(words, ", "))})
		}
		return list
	}
	return append(list, ui.DetailField{Name: ui.Plain(path), Value: ui.Plain(fmt.Sprint(value))})
}
