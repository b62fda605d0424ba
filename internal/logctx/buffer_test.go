package logctx

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	n  int
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.b.Write(p)
}

func (l *lockedBuffer) lines() (lines, writes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.b.Bytes(), []byte("\n")), l.n
}

func TestBuffer_GathersLinesButNotTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &lockedBuffer{}
		b := NewBuffer(out)
		log := New(Options{Output: b, Format: "json"})
		log.Info("one")
		log.Info("two")
		if lines, _ := out.lines(); lines != 0 {
			t.Errorf("%d lines at once, want them held", lines)
		}
		time.Sleep(2 * bufferFor)
		synctest.Wait()
		if lines, writes := out.lines(); lines != 2 || writes != 1 {
			t.Errorf("a moment later: %d lines in %d writes, want 2 in 1", lines, writes)
		}
		log.Info("before")
		log.Warn("trouble", slog.String("what", "x"))
		if lines, _ := out.lines(); lines != 4 {
			t.Errorf("after a warning: %d lines, want 4 at once", lines)
		}
		log.Info("last")
		b.Close()
		if lines, _ := out.lines(); lines != 5 {
			t.Errorf("closed: %d lines, want 5", lines)
		}
	})
}
