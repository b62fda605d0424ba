//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDataDir makes this the only server on a SQLite database: a second one would hold its own clients in memory and, in development, take
// the sample application from the first. Commands beside the server do not ask for the lock. The kernel gives it back however the
// process ends.
func lockDataDir(folder string) (unlock func(), err error) {
	path := filepath.Join(folder, "serve.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close()
		return nil, fmt.Errorf("another idp serve runs on the data folder %s: stop it, choose another folder with --data-dir, or use PostgreSQL for several servers", folder)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
