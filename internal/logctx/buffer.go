package logctx

import (
	"io"
	"sync"
	"time"
)

// Buffer gathers lines and writes them together, at the latest after a moment: a write for each request is most of what a line costs.
// Warnings and errors are written at once, with all that came before them. Safe for concurrent use.
type Buffer struct {
	mu   sync.Mutex
	out  io.Writer
	held []byte
	stop chan struct{}
	gone sync.WaitGroup
}

const (
	bufferFor  = 20 * time.Millisecond
	bufferMost = 64 << 10
)

// NewBuffer returns a buffer in front of out. Close it, or its last lines are lost.
func NewBuffer(out io.Writer) *Buffer {
	b := &Buffer{out: out, stop: make(chan struct{})}
	b.gone.Go(func() {
		tick := time.NewTicker(bufferFor)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.Flush()
			case <-b.stop:
				b.Flush()
				return
			}
		}
	})
	return b
}

// Write keeps whole lines for later.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = append(b.held, line...)
	if len(b.held) >= bufferMost {
		b.flush()
	}
	return len(line), nil
}

// Flush writes what is held.
func (b *Buffer) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

func (b *Buffer) flush() {
	if len(b.held) > 0 {
		_, _ = b.out.Write(b.held) // there is nobody left to tell
		b.held = b.held[:0]
	}
}

// Close writes what is held and ends the buffer.
func (b *Buffer) Close() {
	close(b.stop)
	b.gone.Wait()
}
