package server

import "syscall"

// leash makes the server die with the test process, however that ends.
func leash() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
