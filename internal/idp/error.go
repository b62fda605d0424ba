package idp

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies an error by what a caller can do about it.
type Kind int

// The kinds. An error that is no *Error is Internal: a person must look, and its text reaches nobody outside.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound
	Conflict
	Gone
	Throttled
	Unavailable
)

// Error is an error that a person outside may be told about.
type Error struct {
	Kind       Kind
	Code       string        // a stable word for programs, such as "redirect_uri_invalid"
	Message    string        // a sentence for people: the cause, and how to mend it
	Field      string        // the field at fault, where there is one
	RetryAfter time.Duration // for Throttled and Unavailable
	Err        error         // for the log only
}

// Error returns the message and, for the log, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is one of the sentinels of e's kind.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Kind == NotFound
	case ErrConflict:
		return e.Kind == Conflict
	case ErrUnavailable:
		return e.Kind == Unavailable
	}
	return false
}

// Sentinels that callers branch on with errors.Is.
var (
	// ErrNotFound says that no row has the key.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a unique key is taken, or that another writer came first.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable says that the database, or another service this one needs, does not answer: try again later.
	ErrUnavailable = errors.New("unavailable")
)

// KindOf returns the kind of err: that of the first *Error in its chain, else that of a sentinel, else Internal.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, ErrNotFound):
		return NotFound
	case errors.Is(err, ErrConflict):
		return Conflict
	case errors.Is(err, ErrUnavailable):
		return Unavailable
	}
	return Internal
}

// Faults lists every *Error in the tree of err in their order: what errors.Join put together and fmt.Errorf wrapped.
func Faults(err error) []*Error {
	switch e := err.(type) { // the recursion is the unwrapping
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() error }:
		return Faults(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, Faults(one)...)
		}
		return all
	}
	return nil
}

// Invalidf returns an error of kind Invalid about one field.
func Invalidf(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: "invalid", Field: field, Message: fmt.Sprintf(format, args...)}
}
