package secret

import (
	"runtime"
	"sync"
)

// spareProcessor lets the Go scheduler use one processor more while passwords are hashed. A hash keeps its processor for as long as the
// scheduler's time slice, 10 ms; with one to spare the kernel shares the cores between the hash and the requests, which it does
// in smaller portions. Without hashes the additional one costs 13 to 20 µs a request on a single core, so it goes away again.
type spareProcessor struct {
	mu      sync.Mutex
	base    int
	hashing int
}

// newSpareProcessor returns nil, which does nothing, unless one is wanted.
func newSpareProcessor(wanted bool) *spareProcessor {
	if !wanted {
		return nil
	}
	return &spareProcessor{base: runtime.GOMAXPROCS(0)}
}

func (p *spareProcessor) begin() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hashing++; p.hashing == 1 {
		runtime.GOMAXPROCS(p.base + 1)
	}
}

func (p *spareProcessor) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hashing--; p.hashing == 0 {
		runtime.GOMAXPROCS(p.base)
	}
}
