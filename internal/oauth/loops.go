package oauth

import (
	"net/http"
	"sync"
	"time"

	"idp/internal/idp"
)

const (
	loopWindow = 20 * time.Second
	loopMost   = 10_000 // sessions and clients remembered; beyond that the memory starts anew
)

// loopGuard notices an application whose own cookie does not stick: it sends the browser here again right after each answer, for
// ever (FD-3). It counts the codes that one session fetched for one client in a short time, in memory: a loop stays on one
// replica's connection often enough, and a count that is lost only delays the page.
type loopGuard struct {
	limit int
	mu    sync.Mutex
	seen  map[string]*loop
}

type loop struct {
	since time.Time
	n     int
}

func newLoopGuard(limit int) *loopGuard {
	return &loopGuard{limit: limit, seen: map[string]*loop{}}
}

// tooMany counts a request and reports whether it is over the limit. Silent requests (prompt=none) do not count: nobody sees a
// page there, and single-page applications poll with them.
func (g *loopGuard) tooMany(session, clientID string, silent bool, now time.Time) bool {
	if g.limit <= 0 || silent {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := session + " " + clientID
	l := g.seen[key]
	if l == nil || now.Sub(l.since) > loopWindow {
		if len(g.seen) >= loopMost {
			clear(g.seen)
		}
		l = &loop{since: now}
		g.seen[key] = l
	}
	l.n++
	return l.n > g.limit
}

// stuck reports whether the last request of the pair was over the limit, and lets the next one through.
func (g *loopGuard) stuck(session, clientID string) bool {
	if g.limit <= 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := session + " " + clientID
	l := g.seen[key]
	if l == nil || l.n <= g.limit {
		return false
	}
	delete(g.seen, key)
	return true
}

func (g *loopGuard) fault(c *idp.Client) error {
	return &pageFault{PageError{
		Status: http.StatusBadRequest, Code: "redirect_loop", ClientID: c.ID, LoopCount: g.limit, LoopWindow: loopWindow,
		Description: "The application sends you here again and again, although you are signed in. It probably cannot keep its own cookie: allow cookies for it, or tell the people who run it.",
	}}
}
