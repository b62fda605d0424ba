package server

import (
	"bytes"
	"sync"
)

// output collects what a process writes, while others read it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Tail returns the end of it, for a failure's message.
func (o *output) Tail() string {
	text := o.String()
	if len(text) > 4000 {
		text = "… " + text[len(text)-4000:]
	}
	return text
}
