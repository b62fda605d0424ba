package registration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"idp/internal/idp"
)

const (
	maxDocument = 64 << 10 // bytes of a registration
	maxDepth    = 16
	maxMembers  = 2000 // members and elements in all
)

// readMembers reads a JSON object that an outsider wrote. What two readers could understand differently is refused: members that stand there twice,
// broken UTF-8, a second text. Size, depth and number are bounded before anything is built.
func readMembers(body []byte, most int) (map[string]json.RawMessage, error) {
	switch {
	case len(body) > most:
		return nil, fmt.Errorf("it is longer than %d bytes", most)
	case !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0:
		return nil, errors.New("it is not UTF-8")
	}
	if idp.Nested(body, maxDepth) {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	left := maxMembers
	if err := walk(decoder, &left); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON text")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, errors.New("it is no JSON object")
	}
	for name, raw := range members {
		if string(raw) == "null" { // RFC 7592 §2.2: as if it were not there
			delete(members, name)
		}
	}
	return members, nil
}

// walk counts members and elements, and meets the names of each object.
func walk(decoder *json.Decoder, left *int) error {
	if *left--; *left < 0 {
		return fmt.Errorf("it has more than %d members", maxMembers)
	}
	token, err := decoder.Token()
	if err != nil {
		return errors.New("it is no JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for decoder.More() {
		if open == '{' {
			name, err := decoder.Token()
			key, isText := name.(string)
			if err != nil || !isText {
				return errors.New("it is no JSON")
			}
			if seen[key] {
				return fmt.Errorf("the member %.64q stands there twice", key)
			}
			seen[key] = true
		}
		if err := walk(decoder, left); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errors.New("it is no JSON")
	}
	return nil
}
