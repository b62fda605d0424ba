package outbound

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Bounds on what all sites together have under way.
const (
	inAll      = 256
	inStrange  = 192 // of them, for sites that are not known to answer
	waitingAll = 256

	// When all places are taken, whoever waits gets one from a site that has more than a fair share, or from who has had one for long. Hosts answer far sooner.
	shareAge = 500 * time.Millisecond
	longAge  = time.Second
	lookAge  = 50 * time.Millisecond // between two looks for such a place

	soonEnough = time.Second // the answer of a site that is known to answer
	mostKnown  = 4096
)

// errCut ends a request whose place somebody else was given.
var errCut = errors.New("it was slow while others waited")

// crowd shares out what may be under way in all. Nobody can say how many sites belong to one party, nor whether a site will answer. So while there is room,
// everybody gets a place; and when there is none, those who hang lose theirs: first the sites that have most places, then whoever has had one for long.
// Sites that answered the last time always find places that no stranger can take. Safe for concurrent use.
type crowd struct {
	mu       sync.Mutex
	under    []*place // that are given, the oldest first
	waiting  []*place // the oldest first
	sites    map[string]int
	strange  int // places given to sites that are not known to answer
	answered map[string]bool
}

// place is what one request has, or waits for.
type place struct {
	site  string
	known bool
	since time.Time // when it was given
	given chan struct{}
	out   bool // of both lists
	cut   context.CancelCauseFunc
}

func newCrowd() *crowd { return &crowd{sites: map[string]int{}, answered: map[string]bool{}} }

// enter waits for a place until wait ends. The request's context is made from ctx.
func (c *crowd) enter(ctx, wait context.Context, site string) (of context.Context, leave func(soon bool), err error) {
	p := &place{site: site, given: make(chan struct{})}
	of, p.cut = context.WithCancelCause(ctx)
	if !c.join(p) {
		p.cut(nil)
		return nil, nil, errors.Join(ErrAway, ErrBusy)
	}
	look := time.NewTicker(lookAge)
	defer look.Stop()
	for {
		select {
		case <-p.given:
			return of, func(soon bool) { c.leave(p, soon); p.cut(nil) }, nil
		case <-look.C:
			c.press(p)
		case <-of.Done():
			c.leave(p, false)
			return nil, nil, errors.Join(ErrAway, ErrBusy, context.Cause(of))
		case <-wait.Done():
			c.leave(p, false)
			return nil, nil, errors.Join(ErrAway, ErrBusy, wait.Err())
		}
	}
}

// join gives p a place, or one in the line. In a full line, too, the site that has most gives way.
func (c *crowd) join(p *place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.known = c.answered[p.site]
	c.waiting = append(c.waiting, p)
	c.serve()
	c.pressLocked(p)
	if len(c.waiting) <= waitingAll {
		return true
	}
	want := map[string]int{}
	for _, w := range c.waiting {
		want[w.site]++
	}
	// Strangers leave first, and sites that have and want most; of equals whoever came last.
	weight := func(w *place) int {
		n := want[w.site] + c.sites[w.site]
		if !w.known {
			n += inAll + waitingAll
		}
		return n
	}
	worst := p
	for _, w := range c.waiting {
		if weight(w) > weight(worst) {
			worst = w
		}
	}
	c.dismiss(worst)
	return worst != p
}

// press takes a place for p from who must give one up.
func (c *crowd) press(p *place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pressLocked(p)
}

func (c *crowd) pressLocked(p *place) {
	if p.out || !p.since.IsZero() {
		return
	}
	if v := c.victim(p, time.Now()); v != nil {
		c.dismiss(v)
		c.serve()
	}
}

// victim returns who gives a place up for p, if anybody has to.
func (c *crowd) victim(p *place, now time.Time) *place {
	most := 0
	for _, v := range c.under {
		most = max(most, c.sites[v.site])
	}
	for _, v := range c.under { // the oldest first
		age := now.Sub(v.since)
		switch {
		case !p.known && v.known && c.strange >= inStrange: // its place would not do
		case c.sites[v.site] == most && most > c.sites[p.site]+1 && age >= shareAge:
			return v
		case age >= longAge:
			return v
		}
	}
	return nil
}

// serve gives the places that are free: first to the sites that have fewest, then to who waits longest.
func (c *crowd) serve() {
	for len(c.under) < inAll {
		var next *place
		for _, w := range c.waiting {
			if !w.known && c.strange >= inStrange {
				continue
			}
			if next == nil || c.sites[w.site] < c.sites[next.site] {
				next = w
			}
		}
		if next == nil {
			return
		}
		c.waiting = slices.DeleteFunc(c.waiting, func(w *place) bool { return w == next })
		next.since = time.Now()
		c.under = append(c.under, next)
		c.sites[next.site]++
		if !next.known {
			c.strange++
		}
		close(next.given)
	}
}

// dismiss takes p out of both lists and ends its request.
func (c *crowd) dismiss(p *place) {
	c.remove(p)
	if !p.since.IsZero() {
		delete(c.answered, p.site)
	}
	p.cut(errCut)
}

// leave gives p's place back. Who answered soon is known for it, and who did not is not any more.
func (c *crowd) leave(p *place, soon bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.out {
		return
	}
	given := !p.since.IsZero()
	c.remove(p)
	switch {
	case !given:
	case !soon:
		delete(c.answered, p.site)
	default:
		if len(c.answered) >= mostKnown {
			clear(c.answered)
		}
		c.answered[p.site] = true
	}
	c.serve()
}

func (c *crowd) remove(p *place) {
	p.out = true
	if p.since.IsZero() {
		c.waiting = slices.DeleteFunc(c.waiting, func(w *place) bool { return w == p })
		return
	}
	c.under = slices.DeleteFunc(c.under, func(u *place) bool { return u == p })
	if c.sites[p.site]--; c.sites[p.site] == 0 {
		delete(c.sites, p.site)
	}
	if !p.known {
		c.strange--
	}
}
