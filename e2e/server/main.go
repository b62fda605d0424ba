package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// Lifetime is the testing.TB of a whole test process: what a server needs that all tests share. Close runs the clean-ups.
type Lifetime struct {
	testing.TB // nil: a method that is not below must not be called

	mu       sync.Mutex
	cleanups []func()
	faults   []error
	ctx      context.Context
	cancel   context.CancelFunc
}

// NewLifetime returns a Lifetime for TestMain.
func NewLifetime() *Lifetime {
	ctx, cancel := context.WithCancel(context.Background())
	return &Lifetime{ctx: ctx, cancel: cancel}
}

// Do runs fn and returns why it gave up, if it did.
func (l *Lifetime) Do(fn func(t testing.TB)) error {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		fn(l)
	}()
	<-finished
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.faults...)
}

// Close runs the clean-ups, last one first, and CleanUp.
func (l *Lifetime) Close() error { return errors.Join(l.end(), CleanUp()) }

func (l *Lifetime) end() error {
	l.cancel()
	return l.Do(func(testing.TB) {
		l.mu.Lock()
		all := slices.Clone(l.cleanups)
		l.mu.Unlock()
		for _, cleanup := range slices.Backward(all) {
			cleanup()
		}
	})
}

// Helper does nothing.
func (l *Lifetime) Helper() {}

// Name names the process.
func (l *Lifetime) Name() string { return "TestMain" }

// Context ends with Close.
func (l *Lifetime) Context() context.Context { return l.ctx }

// Cleanup registers fn for Close.
func (l *Lifetime) Cleanup(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cleanups = append(l.cleanups, fn)
}

// TempDir returns a folder that Close removes.
func (l *Lifetime) TempDir() string {
	folder, err := os.MkdirTemp("", "idp-e2e-")
	if err != nil {
		l.Fatalf("make a folder: %v", err)
	}
	l.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			l.Errorf("remove %s: %v", folder, err)
		}
	})
	return folder
}

// Errorf records a fault.
func (l *Lifetime) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

// Fatalf records a fault and ends Do's function.
func (l *Lifetime) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	runtime.Goexit()
}

// Fatal records a fault and ends Do's function.
func (l *Lifetime) Fatal(args ...any) { l.Fatalf("%s", fmt.Sprint(args...)) }
