package untrusted

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json" // case-sensitive, and refuses a member that stands there twice
)

// Errors that say in what way a text is too much.
var (
	ErrTooLong = errors.New("it is too long")
	ErrTooDeep = errors.New("it is nested too deeply")
)

// Bounds is how much of a text is read at most.
type Bounds struct {
	Bytes int
	Depth int // of objects and lists in one another
}

// Decode reads one JSON value into a pointer.
func Decode(text []byte, b Bounds, into any) error {
	switch {
	case len(text) > b.Bytes:
		return ErrTooLong
	case !utf8.Valid(text):
		return errors.New("it is no UTF-8")
	case depth(text) > b.Depth:
		return ErrTooDeep
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is no JSON of the right form: %w", err)
	}
	return nil
}

// depth returns how deeply brackets are nested, without reading more of the text than that. Of a text that is no JSON it may be anything.
func depth(text []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
