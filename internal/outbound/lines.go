package outbound

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"idp/internal/idp"
)

// How many requests are under way at once, and how many more wait for a place. A host that hangs fills its own line and no other; whoever owns a
// domain, and so any number of hosts, fills that of the domain. What many domains do at once is for the crowd to judge.
const (
	perHost  = 8
	perOwner = 8 // of one client that asks for all of them (For)
	perSite  = 32

	waitingEach  = 32 // in a line of a host or an owner
	waitingWide  = 64 // in a line of a site
	linePatience = 3 * time.Second
)

// ErrBusy says that too many requests to one place are under way, which passes. It comes as an *idp.Error that clients can be told, and is an ErrAway.
var ErrBusy = errors.New("no place in the line of a host")

func busy(host string, cause error) error {
	return &idp.Error{
		Kind: idp.Unavailable, Code: idp.CodeTemporarilyUnavailable, RetryAfter: linePatience, Err: cause,
		Message: "Too many requests to " + host + " are under way. Try again in a moment.",
	}
}

// lines let requests through as places become free.
type lines struct {
	mu    sync.Mutex
	named map[string]*line
	all   *crowd
}

// line is a number of places, and who has one or waits for one.
type line struct {
	places chan struct{}
	in     int // in a place or waiting; guarded by lines.mu
}

func newLines() *lines { return &lines{named: map[string]*line{}, all: newCrowd()} }

// enter waits for a place in each line that a request to host stands in, and in the crowd. It returns the context of the request, which ends with errCut if
// the place is taken away, and what gives all back; that is told whether the host answered soon. The error is an ErrBusy.
func (l *lines) enter(ctx context.Context, host, owner string) (of context.Context, leave func(soon bool), err error) {
	wait, cancel := context.WithTimeout(ctx, linePatience)
	defer cancel()
	var held []func()
	backAll := func() {
		for _, back := range held {
			back()
		}
	}
	// The narrow lines come first: who waits in one must not keep others out of a wide one.
	for _, step := range []struct {
		name            string
		places, waiting int
	}{
		{"owner " + owner, perOwner, waitingEach},
		{"host " + host, perHost, waitingEach},
		{"site " + site(host), perSite, waitingWide},
	} {
		if step.name == "owner " {
			continue
		}
		back, err := l.take(wait, step.name, step.places, step.waiting)
		if err != nil {
			backAll()
			return nil, nil, busy(host, err)
		}
		held = append(held, back)
	}
	of, out, err := l.all.enter(ctx, wait, site(host))
	if err != nil {
		backAll()
		return nil, nil, busy(host, err)
	}
	return of, func(soon bool) { out(soon); backAll() }, nil
}

// take waits for a place in one line.
func (l *lines) take(ctx context.Context, name string, places, waiting int) (back func(), err error) {
	l.mu.Lock()
	at := l.named[name]
	if at == nil {
		at = &line{places: make(chan struct{}, places)}
		l.named[name] = at
	}
	if at.in >= places+waiting {
		l.mu.Unlock()
		return nil, errors.Join(ErrAway, ErrBusy)
	}
	at.in++
	l.mu.Unlock()
	select {
	case at.places <- struct{}{}:
		return func() { <-at.places; l.left(name, at) }, nil
	case <-ctx.Done():
		l.left(name, at)
		return nil, errors.Join(ErrAway, ErrBusy, ctx.Err())
	}
}

// left forgets a line that nobody is in any more.
func (l *lines) left(name string, at *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.in--; at.in == 0 {
		delete(l.named, name)
	}
}

// site returns what one party owns: the domain that was registered, or the network that a customer is given.
func site(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return idp.Line(host)
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(host, "."))
	if err != nil {
		return host
	}
	return domain
}
