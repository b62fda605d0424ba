package logctx

import (
	"io"
	"sync"
	"time"
)

// Buffer gathers lines and writes them together, at the latest after a moment: a write for each request is most of what a line costs.
// Whoever logs does not wait for the write that is under way, unless far too much has gathered. Warnings and errors are written
// at once, with all that came before them. Safe for concurrent use.
type Buffer struct {
	mu   sync.Mutex // of held
	held []byte

	writing sync.Mutex // held over a write, so that lines stay in order
	out     io.Writer
	spare   []byte // changes places with held

	wake chan struct{}
	stop chan struct{}
	gone sync.WaitGroup
}

const (
	bufferFor  = 20 * time.Millisecond
	bufferSoft = 512 << 10 // is written without waiting for the moment to pass
	bufferHard = 4 << 20   // whoever logs more than the output takes has to wait for it
)

// NewBuffer returns a buffer in front of out. Close it, or its last lines are lost.
func NewBuffer(out io.Writer) *Buffer {
	b := &Buffer{out: out, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	b.gone.Go(func() {
		tick := time.NewTicker(bufferFor)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-b.wake:
			case <-b.stop:
				b.Flush()
				return
			}
			b.Flush()
		}
	})
	return b
}

// Write keeps whole lines for later.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	b.held = append(b.held, line...)
	n := len(b.held)
	b.mu.Unlock()
	switch {
	case n >= bufferHard:
		b.Flush()
	case n >= bufferSoft:
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

// Flush writes what is held.
func (b *Buffer) Flush() {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	full := b.held
	b.held = b.spare[:0]
	b.mu.Unlock()
	if len(full) > 0 {
		_, _ = b.out.Write(full) // there is nobody left to tell
	}
	b.spare = full
}

// Close writes what is held and ends the buffer.
func (b *Buffer) Close() {
	close(b.stop)
	b.gone.Wait()
}
