//go:build !linux

package main

import (
	"net"
	"time"
)

// closeGate does nothing where the kernel cannot be told to take no more connections: what waits in the listener's queue is reset when it closes.
func closeGate(net.Listener, time.Duration) {}
