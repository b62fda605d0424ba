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
// domain, and so any number of hosts, fills that of the domain.
const (
	perHost  = 8
	perOwner = 8 // of one client that asks for all of them (For)
	perSite  = 32
	inAll    = 256

	waitingEach  = 32 // in a line of a host or an owner
	waitingWide  = 64 // in a line of a site, and in the one for all
	linePatience = 3 * time.Second
)

// ErrBusy says that too many requests to one place are under way, which passes. It comes as an *idp.Error that clients can be told, and is an ErrAway.
var ErrBusy = errors.New("no place in the line of a host")

func busy(host string, cause error) error {
	return &idp.Error{
		Kind: idp.Unavailable, Code: "temporarily_unavailable", RetryAfter: linePatience, Err: cause,
		Message: "Too many requests to " + host + " are under way. Try again in a moment.",
	}
}

// lines let requests through as places become free.
type lines struct {
	mu    sync.Mutex
	named map[string]*line
}

// line is a number of places, and who has one or waits for one.
type line struct {
	places chan struct{}
	in     int // in a place or waiting; guarded by lines.mu
}

func newLines() *lines { return &lines{named: map[string]*line{}} }

// enter waits for a place in each line that a request to host stands in, and returns what gives them back. The error is an ErrBusy.
func (l *lines) enter(ctx context.Context, host, owner string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, linePatience)
	defer cancel()
	var held []func()
	leave = func() {
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
		{"all", inAll, waitingWide},
	} {
		if step.name == "owner " {
			continue
		}
		back, err := l.take(ctx, step.name, step.places, step.waiting)
		if err != nil {
			leave()
			return nil, busy(host, err)
		}
		held = append(held, back)
	}
	return leave, nil
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
