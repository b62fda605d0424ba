//go:build !linux

package server

import "syscall"

// leash does nothing where the kernel offers none.
func leash() *syscall.SysProcAttr { return nil }
