package main

import (
	"net"
	"testing"
	"time"
)

// Whoever was let in by the kernel is accepted before the listener ends, and nobody is let in any more.
func TestCloseGate_WhoWaitsIsAcceptedAndNobodyElse(t *testing.T) {
	t.Parallel()
	need := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	need(err)
	defer func() { _ = l.Close() }()
	const early = 5
	for range early {
		c, err := net.Dial("tcp", l.Addr().String())
		need(err)
		defer func() { _ = c.Close() }()
		_, err = c.Write([]byte("x"))
		need(err)
	}
	closed := make(chan struct{})
	go func() { closeGate(l, time.Minute); close(closed) }()
	for range early {
		select {
		case <-closed:
			t.Fatal("it does not wait for those in the queue")
		case <-time.After(5 * time.Millisecond):
		}
		c, err := l.Accept()
		need(err)
		b := make([]byte, 1)
		if n, err := c.Read(b); n != 1 {
			t.Errorf("got %d bytes, %v, want what was sent before", n, err)
		}
		need(c.Close())
	}
	<-closed
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a connection is taken though the gate is closed")
	}
}

// Somebody who is never accepted holds nobody up for longer than said.
func TestCloseGate_WaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	closeGate(l, 10*time.Millisecond)
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a connection is taken though the gate is closed")
	}
}
