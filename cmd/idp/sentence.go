package main

import (
	"errors"
	"fmt"
	"strings"

	"idp/internal/idp"
)

// mended is an error whose mend is known, apart from its cause, so that idp doctor can show both where they belong.
type mended struct {
	err  error
	mend string // begins in lower case
}

// Error returns cause and mend.
func (e *mended) Error() string { return e.err.Error() + ": " + e.mend }

// Unwrap returns the cause.
func (e *mended) Unwrap() error { return e.err }

// causeAndMend takes an error apart: the mend as a sentence, empty if none is known, and the error without it.
func causeAndMend(err error) (mend string, cause error) {
	var m *mended
	if !errors.As(err, &m) {
		return "", err
	}
	return strings.ToUpper(m.mend[:1]) + m.mend[1:] + ".", m.err
}

// tell returns what an error says to people: the sentence of an *idp.Error without what it is wrapped in, and of several that
// were joined, each on a line of its own.
func tell(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if v, ok := e.(*idp.Error); ok && v.Message != "" { // the loop is the unwrapping
			return v.Message
		}
		if list, ok := sentences(e); ok {
			if len(list) == 1 {
				return list[0]
			}
			return fmt.Sprintf("%d things are wrong:\n  %s", len(list), strings.Join(list, "\n  "))
		}
	}
	return err.Error()
}

// sentences takes a joined error apart if each part has a sentence for people. fmt.Errorf with two %w looks the same, but is one
// text.
func sentences(err error) ([]string, bool) {
	joined, ok := err.(interface{ Unwrap() []error }) // the caller's loop is the unwrapping
	if !ok {
		return nil, false
	}
	var list []string
	for _, e := range joined.Unwrap() {
		var v *idp.Error
		if !errors.As(e, &v) {
			return nil, false
		}
		if below, ok := sentences(e); ok {
			list = append(list, below...)
			continue
		}
		list = append(list, tell(e))
	}
	return list, len(list) > 0
}
