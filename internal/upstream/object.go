package upstream

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"idp/internal/untrusted"
)

// bounds of a JSON text: an answer is cut off before, and an ID token is short.
var bounds = untrusted.Bounds{Bytes: maxBody, Depth: 16}

// object is a JSON object whose members are looked up by their exact names.
type object map[string]json.RawMessage

// parseObject reads one JSON object as strictly as any outsider's.
func parseObject(data []byte) (object, error) {
	return untrusted.Object(data, bounds)
}

// parseObjects reads one JSON array of objects.
func parseObjects(data []byte) ([]object, error) {
	list, err := untrusted.Objects(data, bounds)
	if err != nil {
		return nil, err
	}
	objects := make([]object, len(list))
	for i, one := range list {
		objects[i] = one
	}
	return objects, nil
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
