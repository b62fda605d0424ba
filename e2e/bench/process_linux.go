package main

import "syscall"

// leash makes a child die with the bench, however that ends.
func leash(given *syscall.SysProcAttr) *syscall.SysProcAttr {
	if given == nil {
		given = &syscall.SysProcAttr{}
	}
	given.Pdeathsig = syscall.SIGKILL
	return given
}

// leashSelf has the kernel tell us when whoever started us is gone: `go run` does not pass a signal on.
func leashSelf() {
	const setParentDeathSignal = 1 // PR_SET_PDEATHSIG of prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setParentDeathSignal, uintptr(syscall.SIGTERM), 0)
}
