package untrusted

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json" // case-sensitive, and refuses a member that stands there twice

	"idp/internal/idp"
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
	case idp.Nested(text, b.Depth):
		return ErrTooDeep
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is no JSON of the right form: %w", err)
	}
	return nil
}
