package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

const maxDepth = 16

// object is a JSON object whose members are looked up by their exact names: encoding/json alone would take "ISS" for "iss" and
// the last of two equal members, so that two readers of one token could see two different issuers.
type object map[string]json.RawMessage

// parseObject reads one JSON object and nothing after it. Duplicate members at any depth, invalid UTF-8 and deep nesting are refused.
func parseObject(data []byte) (object, error) {
	if err := scan(data); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, errors.New("not a JSON object")
	}
	return o, nil
}

// parseObjects reads one JSON array of objects as strictly.
func parseObjects(data []byte) ([]object, error) {
	if err := scan(data); err != nil {
		return nil, err
	}
	var list []object
	if err := json.Unmarshal(data, &list); err != nil || list == nil || slices.ContainsFunc(list, func(o object) bool { return o == nil }) {
		return nil, errors.New("not a JSON array of objects")
	}
	return list, nil
}

func scan(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := scanValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the JSON value")
	}
	return nil
}

func scanValue(dec *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("JSON nested too deep")
	}
	tok, err := dec.Token()
	if err != nil {
		return errors.New("malformed JSON")
	}
	delim, isDelim := tok.(json.Delim)
	if !isDelim {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return errors.New("malformed JSON")
			}
			name, _ := key.(string)
			if seen[name] {
				return fmt.Errorf("duplicate member %s", loggable(name))
			}
			seen[name] = true
		}
		if err := scanValue(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("malformed JSON")
	}
	return nil
}

// has reports whether the member is there and not null.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// text returns a string member; absent and null are the empty string.
func (o object) text(name string) (string, error) {
	if !o.has(name) {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(o[name], &s); err != nil {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return s, nil
}

// texts returns a member that is an array of strings; absent and null are none.
func (o object) texts(name string) ([]string, error) {
	if !o.has(name) {
		return nil, nil
	}
	var list []*string
	if err := json.Unmarshal(o[name], &list); err != nil {
		return nil, fmt.Errorf("%s is not an array of strings", name)
	}
	out := make([]string, len(list))
	for i, s := range list {
		if s == nil {
			return nil, fmt.Errorf("%s is not an array of strings", name)
		}
		out[i] = *s
	}
	return out, nil
}

// date returns a NumericDate (RFC 7519 §2). A number in a string is refused.
func (o object) date(name string) (at time.Time, present bool, err error) {
	if !o.has(name) {
		return time.Time{}, false, nil
	}
	var f float64
	if err := json.Unmarshal(o[name], &f); err != nil {
		return time.Time{}, true, fmt.Errorf("%s is not a number", name)
	}
	const year9999 = 253402300799
	if f < 0 || f > year9999 || math.IsNaN(f) {
		return time.Time{}, true, fmt.Errorf("%s is out of range", name)
	}
	return time.Unix(int64(f), 0).UTC(), true, nil
}
