package panics

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// Error is a panic that was caught.
type Error struct {
	Value any    // what was panicked with
	Where string // the calls that led there, the innermost first
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("panic: %v, in %s", e.Value, e.Where) }

// Unwrap returns the value, where it is an error.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Into is deferred by a function whose error is err, which becomes an *Error if the function panics.
func Into(err *error) {
	if v := recover(); v != nil {
		*err = &Error{Value: v, Where: where()}
	}
}

// Call runs fn, and returns its error or its panic.
func Call(fn func() error) (err error) {
	defer Into(&err)
	return fn()
}

// calls is how many calls are named: enough to find the fault, on one line of the log.
const calls = 8

// where names the calls that panicked. It is called by what recovered, while their frames still stand.
func where() string {
	stack := make([]uintptr, 64)
	frames := runtime.CallersFrames(stack[:runtime.Callers(3, stack)])
	var named []string
	for more := true; more && len(named) < calls; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") {
			continue // how it panicked
		}
		named = append(named, f.Function[strings.LastIndexByte(f.Function, '/')+1:]+" "+f.File[strings.LastIndexByte(f.File, '/')+1:]+":"+strconv.Itoa(f.Line))
	}
	return strings.Join(named, " < ")
}
