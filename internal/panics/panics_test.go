package panics

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func broken(list []int) error {
	_ = list[3]
	return nil
}

func TestCall_APanicIsAnErrorThatSaysWhere(t *testing.T) {
	t.Parallel()
	err := Call(func() error { return broken(nil) })
	var caught *Error
	if !errors.As(err, &caught) || !strings.HasPrefix(caught.Where, "panics.broken panics_test.go:") {
		t.Fatalf("got %v, want the function that panicked first", err)
	}
	if !strings.Contains(err.Error(), "index out of range") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want the cause, on one line", err)
	}
	if err := Call(func() error { panic(io.ErrUnexpectedEOF) }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the error that was panicked with", err)
	}
}

func TestCall_WithoutAPanicIsTheFunction(t *testing.T) {
	t.Parallel()
	if err := Call(func() error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := Call(func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
}
