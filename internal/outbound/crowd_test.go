package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// hang keeps a place until it is taken away or t ends, and then asks for another one.
func hang(ctx context.Context, l *lines, host, owner string) {
	for ctx.Err() == nil {
		of, leave, err := l.enter(ctx, host, owner)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		select {
		case <-of.Done():
		case <-time.After(wholeTimeout):
		}
		leave(false)
	}
}

// visit asks for a place once, and says how long that took.
func visit(t *testing.T, l *lines, host string) (took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	_, leave, err := l.enter(t.Context(), host, "honest")
	took = time.Since(began)
	if err == nil {
		leave(true)
	}
	return took, err
}

// A party that owns ten domains, or any number of them, hangs in all: others find a place soon, and at once if their hosts are known to answer.
func TestCrowd_WhoHangsMakesRoom(t *testing.T) { // starvation by many slow hosts
	t.Parallel()
	for _, c := range []struct {
		what   string
		host   func(i int) string
		n      int
		within time.Duration
	}{
		{"ten domains", func(i int) string { return fmt.Sprintf("h%d.slow%d.example", i, i%10) }, 600, shareAge},
		{"many domains", func(i int) string { return fmt.Sprintf("slow%d.example", i) }, inAll, longAge},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLines()
			ctx, cancel := context.WithCancel(t.Context())
			defer synctest.Wait()
			defer cancel()
			if _, err := visit(t, l, "known.test"); err != nil {
				t.Fatal(err)
			}
			for i := range c.n {
				go hang(ctx, l, c.host(i), fmt.Sprint("client", i))
			}
			synctest.Wait()
			for i := range 20 {
				if took, err := visit(t, l, fmt.Sprintf("new%d.test", i)); err != nil || took > c.within+lookAge {
					t.Errorf("%s: a new host: got %v after %v, want a place within %v", c.what, err, took, c.within)
				}
				if took, err := visit(t, l, "known.test"); err != nil || took > lookAge {
					t.Errorf("%s: a host that is known to answer: got %v after %v, want a place at once", c.what, err, took)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

// Even hosts that were known to answer and then hang all at once hold others up for a moment only.
func TestCrowd_WhoWasKnownToAnswerMakesRoomToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLines()
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		for i := range 2 * inAll {
			if _, err := visit(t, l, fmt.Sprintf("slow%d.example", i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range inAll + waitingAll/2 {
			go hang(ctx, l, fmt.Sprintf("slow%d.example", i), "")
		}
		synctest.Wait()
		for i := range 20 {
			if took, err := visit(t, l, fmt.Sprintf("new%d.test", i)); err != nil || took > 2*longAge {
				t.Errorf("got %v after %v, want a place", err, took)
			}
		}
	})
}

func TestCrowd_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLines()
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		for i := range 4 * inAll {
			go hang(ctx, l, fmt.Sprintf("slow%d.example", i), "")
		}
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			l.all.mu.Lock()
			under, waiting, strange := len(l.all.under), len(l.all.waiting), l.all.strange
			l.all.mu.Unlock()
			if under > inStrange || strange != under || waiting > waitingAll {
				t.Fatalf("got %d under way and %d waiting, want %d and %d at most", under, waiting, inStrange, waitingAll)
			}
		}
		// With a line full of strangers, one who is known goes before them.
		l.all.mu.Lock()
		l.all.answered["known.test"] = true
		l.all.mu.Unlock()
		if took, err := visit(t, l, "known.test"); err != nil || took > 0 {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestGet_AReadThatIsCutSaysThatItsHostIsBusy(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	arrived := make(chan struct{}, 1)
	host := serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-hold })
	defer close(hold)
	c := open(t, host, "127.0.0.1")
	for _, call := range []struct {
		name string
		of   func() error
		busy bool
	}{
		{"a read", func() error { _, err := c.Get(t.Context(), host.URL, 100); return err }, true},
		{"a notice", func() error { _, err := c.Post(t.Context(), host.URL, "text/plain", []byte("x"), nil); return err }, false},
	} {
		came := make(chan error, 1)
		go func() { came <- call.of() }()
		<-arrived
		c.lines.all.mu.Lock()
		c.lines.all.dismiss(c.lines.all.under[0])
		c.lines.all.mu.Unlock()
		if err := <-came; !errors.Is(err, ErrAway) || errors.Is(err, ErrBusy) != call.busy {
			t.Errorf("%s: got %v, want it away, and busy: %t", call.name, err, call.busy)
		}
	}
}
