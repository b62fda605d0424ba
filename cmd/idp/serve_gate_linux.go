package main

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// closeGate ends a listener in a moment when nobody waits to be accepted, or after most. To close one resets whatever is in its queue, together with the
// requests in it, and those a proxy repeats only if they cannot have done anything; and Close takes until the goroutine in Accept has noticed. Who knocks
// afterwards finds nobody, which every proxy understands.
func closeGate(l net.Listener, most time.Duration) {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	closed := false
	for end := time.Now().Add(most); !closed && err == nil; <-pause.C {
		err = raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			// Of a socket that listens, the kernel tells the length of the queue as what is not acknowledged.
			if closed = err != nil || info.Unacked == 0 || time.Now().After(end); closed {
				_ = unix.Shutdown(int(fd), unix.SHUT_RD) // at once, unlike Close
			}
		})
	}
}
