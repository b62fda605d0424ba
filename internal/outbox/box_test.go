package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waiting is a table of notices, named "client number".
type waiting struct {
	mu   sync.Mutex
	list []notice
}

type notice struct {
	client string
	number int
}

func (w *waiting) claim(_ context.Context, limit int, busy []string, _ time.Time) (out []notice, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(w.list, func(n notice) bool {
		if len(out) == limit || slices.Contains(busy, n.client) {
			return false
		}
		out = append(out, n)
		return true
	})
	return out, nil
}

func (w *waiting) back(_ context.Context, n notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, n)
	return nil
}

// One client hangs, and stands in front with a thousand notices: the others are told at once, and the slow one a few at a time.
func TestSend_AClientThatHangsHoldsNobodyUp(t *testing.T) { // starvation by a slow receiver
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &waiting{}
		for i := range 1000 {
			w.list = append(w.list, notice{"slow", i})
		}
		// As many as may be under way beside the slow one's, so that none waits for a second run however late the first attempts are scheduled.
		for i := range 200 {
			w.list = append(w.list, notice{fmt.Sprint("quick", i%50), i})
		}
		var mu sync.Mutex
		present, most := map[string]int{}, map[string]int{}
		took := map[string]time.Duration{}
		began := time.Now()
		b := &Box[notice]{Claim: w.claim, Back: w.back, Client: func(n notice) string { return n.client }, Try: func(_ context.Context, n notice) (Result, error) {
			mu.Lock()
			present[n.client]++
			most[n.client] = max(most[n.client], present[n.client])
			mu.Unlock()
			if n.client == "slow" {
				time.Sleep(5 * time.Second)
			}
			mu.Lock()
			defer mu.Unlock()
			present[n.client]--
			took[n.client] = time.Since(began)
			return Delivered, nil
		}}
		var runs sync.WaitGroup
		for range 20 { // a tick each second, as the job has them
			runs.Go(func() { _, _, _ = b.Send(t.Context(), time.Now()) })
			time.Sleep(time.Second)
		}
		w.mu.Lock()
		left := len(w.list)
		w.list = nil
		w.mu.Unlock()
		runs.Wait()
		for client, d := range took {
			if client != "slow" && d > 0 {
				t.Errorf("%s was told after %s, want at once", client, d)
			}
		}
		if left >= 1000 || left < 800 {
			t.Errorf("%d wait for the slow client, want fewer than at first and most of them", left)
		}
		if len(took) != 51 || most["slow"] > perClient {
			t.Errorf("%d clients were told, %d at once to the slow one", len(took), most["slow"])
		}
	})
}

func TestSend_CountsWhatCameOfIt(t *testing.T) {
	t.Parallel()
	w := &waiting{list: []notice{{"told", 1}, {"told", 2}, {"refuses", 3}, {"later", 4}, {"full", 7}, {"broken", 6}}}
	b := &Box[notice]{Claim: w.claim, Back: w.back, Client: func(n notice) string { return n.client }, Try: func(_ context.Context, n notice) (Result, error) {
		switch n.client {
		case "told":
			return Delivered, nil
		case "refuses":
			return GivenUp, nil
		case "full":
			return Untried, nil
		case "broken":
			return Delivered, errors.New("not written down")
		}
		return Again, nil
	}}
	if told, failed, err := b.Send(t.Context(), time.Now()); told != 2 || failed != 1 || err == nil {
		t.Errorf("got %d told, %d given up, %v; want 2, 1 and the fault", told, failed, err)
	}
	if len(b.lanes) != 0 || b.all != 0 {
		t.Errorf("got %v under way afterwards", b.lanes)
	}
	if !slices.Equal(w.list, []notice{{"full", 7}}) {
		t.Errorf("got %v given back, want what was not tried", w.list)
	}
	b.Claim = func(context.Context, int, []string, time.Time) ([]notice, error) { return nil, errors.New("away") }
	if _, _, err := b.Send(t.Context(), time.Now()); err == nil {
		t.Error("a claim that fails is no error")
	}
}

func TestSend_PanicIsTheFaultOfOneNotice(t *testing.T) {
	t.Parallel()
	w := &waiting{list: []notice{{"bad", 0}, {"good", 1}}}
	b := &Box[notice]{Claim: w.claim, Back: w.back, Client: func(n notice) string { return n.client }, Try: func(_ context.Context, n notice) (Result, error) {
		if n.client == "bad" {
			panic("hostile")
		}
		return Delivered, nil
	}}
	if delivered, _, err := b.Send(t.Context(), time.Now()); delivered != 1 || err == nil {
		t.Errorf("delivered %d, %v; want one, and the panic", delivered, err)
	}
	if len(b.lanes) != 0 || b.all != 0 {
		t.Errorf("%d places are still taken", b.all)
	}
}
