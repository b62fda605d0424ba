package main

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// newcomers are the connections that were opened while the server stops and have not said anything yet. From the moment that [http.Server.Shutdown] is
// called, what they ask is dropped without an answer, and a proxy that sent it repeats only what cannot have done anything: so they go first.
type newcomers struct {
	watched atomic.Bool
	silent  sync.Map // of net.Conn
}

// The longest wait for newcomers: to be accepted, and then to be heard. Browsers open connections that they may never use.
const newcomersWait = time.Second

// follow is the ConnState of an [http.Server]. Until the server stops, it costs one look.
func (n *newcomers) follow(c net.Conn, state http.ConnState) {
	switch {
	case !n.watched.Load():
	case state == http.StateNew:
		n.silent.Store(c, nil)
	default:
		n.silent.Delete(c)
	}
}

// wait returns when all have been heard, or after newcomersWait.
func (n *newcomers) wait() {
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(newcomersWait); time.Now().Before(end); {
		<-pause.C // who was accepted last may not be known yet
		all := true
		n.silent.Range(func(any, any) bool { all = false; return false })
		if all {
			return
		}
	}
}
