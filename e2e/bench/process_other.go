//go:build !linux

package main

import "syscall"

// leash does nothing where the kernel offers none.
func leash(given *syscall.SysProcAttr) *syscall.SysProcAttr { return given }

// leashSelf does nothing likewise.
func leashSelf() {}
