package untrusted

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json" // case-sensitive, and refuses a member that stands there twice
)

// Errors that say in what way a text is too much.
var (
	ErrTooLong = errors.New("it is too long")
	ErrTooDeep = errors.New("it is nested too deeply")
	ErrTooMany = errors.New("it has too many members")
)

// errNoJSON is the fault of a text that is no JSON at all.
var errNoJSON = errors.New("it is no JSON")

// Bounds is how much of a text is read at most.
type Bounds struct {
	Bytes   int
	Depth   int // of objects and lists in one another
	Members int // members and elements in all, of Check, Object and Objects; 0 for as many as the bytes hold
}

// outside holds a text against what can be seen without decoding it.
func (b Bounds) outside(text []byte) error {
	switch {
	case len(text) > b.Bytes:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLong, b.Bytes)
	case !utf8.Valid(text):
		return errors.New("it is not UTF-8")
	case nested(text, b.Depth):
		return fmt.Errorf("%w: more than %d levels", ErrTooDeep, b.Depth)
	}
	return nil
}

// Decode reads one JSON value into a pointer.
func Decode(text []byte, b Bounds, into any) error {
	if err := b.outside(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is no JSON of the right form: %w", err)
	}
	return nil
}

// Object reads one JSON object. Its members come as they were written, by their exact names.
func Object(text []byte, b Bounds) (map[string]stdjson.RawMessage, error) {
	if err := Check(text, b); err != nil {
		return nil, err
	}
	var members map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("it is no JSON object")
	}
	return members, nil
}

// Objects reads one JSON array of objects.
func Objects(text []byte, b Bounds) ([]map[string]stdjson.RawMessage, error) {
	if err := Check(text, b); err != nil {
		return nil, err
	}
	var list []map[string]stdjson.RawMessage
	isNull := func(members map[string]stdjson.RawMessage) bool { return members == nil }
	if err := stdjson.Unmarshal(text, &list); err != nil || list == nil || slices.ContainsFunc(list, isNull) {
		return nil, errors.New("it is no JSON array of objects")
	}
	return list, nil
}

// Check reports why a text may not be read, whatever it means. Numbers of any size pass: what they are good for is the caller's to say.
func Check(text []byte, b Bounds) error {
	if err := b.outside(text); err != nil {
		return err
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	w := walker{decoder: decoder, most: b.Members}
	if err := w.value(); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON text")
	}
	return nil
}

// walker goes through a text whose depth is bounded.
type walker struct {
	decoder    *stdjson.Decoder
	most, seen int
}

// value reads one value: it counts members and elements, and meets the names of each object.
func (w *walker) value() error {
	if w.seen++; w.most > 0 && w.seen > w.most {
		return fmt.Errorf("%w: more than %d", ErrTooMany, w.most)
	}
	token, err := w.decoder.Token()
	if err != nil {
		return errNoJSON
	}
	open, ok := token.(stdjson.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for w.decoder.More() {
		if open == '{' {
			token, err := w.decoder.Token()
			name, isText := token.(string)
			if err != nil || !isText {
				return errNoJSON
			}
			if names[name] {
				return fmt.Errorf("the member %.64q stands there twice", name)
			}
			names[name] = true
		}
		if err := w.value(); err != nil {
			return err
		}
	}
	if _, err := w.decoder.Token(); err != nil {
		return errNoJSON
	}
	return nil
}
