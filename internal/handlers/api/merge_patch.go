package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"idp/internal/idp"
)

// mergePatch applies a JSON Merge Patch (RFC 7396) to what stands, and decodes the outcome into to: null removes a member, which
// gives it its default; what is not named stays; lists are replaced whole. A member that to does not have is refused.
func mergePatch(stands any, patch []byte, to any) error {
	target, err := json.Marshal(stands)
	if err != nil {
		return err
	}
	var p any
	if err := decodeNumbers(patch, &p); err != nil {
		return idp.Invalidf("", "The body is no JSON.")
	}
	object, ok := p.(map[string]any)
	if !ok {
		return idp.Invalidf("", "The body is no JSON object.")
	}
	var t any
	if err := decodeNumbers(target, &t); err != nil {
		return err
	}
	merged, err := json.Marshal(merge(t, object))
	if err != nil {
		return err
	}
	return decodeStrict(merged, to)
}

func decodeNumbers(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(to)
}

func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
			continue
		}
		t[name] = merge(t[name], value)
	}
	return t
}

// decodeStrict decodes one JSON text and refuses unknown members.
func decodeStrict(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(to)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return idp.Invalidf(wrong.Field, "The member %q has the wrong type: %s.", wrong.Field, wrong.Value)
	case errors.Is(err, io.EOF):
		return idp.Invalidf("", "The body is missing.")
	}
	// encoding/json has no type for this error; its text names the member.
	if name, found := bytes.CutPrefix([]byte(err.Error()), []byte("json: unknown field ")); found {
		return idp.Invalidf(string(bytes.Trim(name, `"`)), "There is no member %.80s.", name)
	}
	return idp.Invalidf("", "The body cannot be read.")
}

// names lists the members that a patch names.
func names(patch []byte) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(patch, &out); err != nil {
		return nil // mergePatch has said so
	}
	return out
}
