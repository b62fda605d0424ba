package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGet_AHostThatHangsKeepsNobodyElseOut(t *testing.T) { // starvation by a slow host
	t.Parallel()
	arrived, hold := make(chan struct{}, perHost), make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-hold }))
	t.Cleanup(hangs.Close)
	slow := strings.Replace(hangs.URL, "127.0.0.1", "localhost", 1)
	quick := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) })
	c := open(t, quick, "127.0.0.1", "localhost")
	var all sync.WaitGroup
	for range perHost {
		all.Go(func() {
			if _, err := c.Get(t.Context(), slow, 100); err != nil {
				t.Error(err)
			}
		})
	}
	for range perHost {
		<-arrived
	}
	if a, err := c.Get(t.Context(), quick.URL, 100); err != nil || string(a.Body) != "here" {
		t.Errorf("another host: got %+v, %v, want it answered", a, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, slow, 100); !errors.Is(err, ErrBusy) || !errors.Is(err, ErrAway) || !errors.Is(err, context.DeadlineExceeded) || len(arrived) > 0 {
		t.Errorf("one more to the slow host: got %v, want it to wait in its line", err)
	}
	close(hold)
	all.Wait()
	if all := c.lines.all; len(c.lines.named)+len(all.under)+len(all.waiting)+len(all.sites)+all.strange != 0 {
		t.Errorf("got %d lines and %d places kept, want none when nothing is under way", len(c.lines.named), len(all.under))
	}
}

func TestEnter_LinesAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what       string
		room       int
		host, from func(i int) string
	}{
		{"one host", perHost + waitingEach, func(int) string { return "slow.example" }, func(i int) string { return fmt.Sprint("client", i) }},
		{"one client", perOwner + waitingEach, func(i int) string { return fmt.Sprintf("slow%d.example", i) }, func(int) string { return "greedy" }},
		{"one domain", perSite + waitingWide, func(i int) string { return fmt.Sprintf("h%d.slow.example", i) }, func(int) string { return "" }},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLines()
			ctx, cancel := context.WithCancel(t.Context())
			for i := range c.room {
				go func() { _, _, _ = l.enter(ctx, c.host(i), c.from(i)) }()
			}
			synctest.Wait()
			began := time.Now()
			if _, _, err := l.enter(ctx, c.host(c.room), c.from(c.room)); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
				t.Errorf("%s: got %v after %v, want it refused at once when its line is full", c.what, err, time.Since(began))
			}
			if _, _, err := l.enter(ctx, "other.test", "honest"); err != nil {
				t.Errorf("%s: another host and client: got %v", c.what, err)
			}
			cancel()
		})
	}
}

func TestEnter_WhoWaitsGetsThePlaceThatBecomesFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLines()
		var leaves []func(bool)
		for range perHost {
			_, leave, err := l.enter(t.Context(), "slow.example", "")
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		time.AfterFunc(time.Second, func() { leaves[0](true) })
		for _, want := range []time.Duration{time.Second, linePatience} {
			began := time.Now()
			if _, _, err := l.enter(t.Context(), "slow.example", ""); time.Since(began) != want || (err == nil) != (want == time.Second) {
				t.Errorf("got %v after %v, want the one place that becomes free, and patience to end", err, time.Since(began))
			}
		}
	})
}

func TestSite_IsWhatOnePartyOwns(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"a.b.evil.example": "evil.example", "evil.example": "evil.example", "x.evil.co.uk": "evil.co.uk", "me.github.io": "me.github.io",
		"localhost": "localhost", "10.0.0.1": "10.0.0.1/32", "a.evil.example.": "evil.example",
	} {
		if got := site(host); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
	if a, b := site("2001:db8::1"), site("2001:db8::ffff:1"); a != b {
		t.Errorf("got %s and %s, want one network", a, b)
	}
}
