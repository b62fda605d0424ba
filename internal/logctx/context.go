package logctx

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// IDs name the request that a line belongs to. Empty ones are left out.
type IDs struct {
	Request string // request_id
	Trace   string // trace_id
	Client  string // client_id
	User    string // user_id
}

type (
	idsKey   struct{}
	eventKey struct{}
)

// With returns a context that carries ids; those that are empty keep what ctx had.
func With(ctx context.Context, ids IDs) context.Context {
	have := From(ctx)
	for _, f := range []struct{ to, from *string }{
		{&have.Request, &ids.Request}, {&have.Trace, &ids.Trace}, {&have.Client, &ids.Client}, {&have.User, &ids.User},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	return context.WithValue(ctx, idsKey{}, have)
}

// From returns the ids that ctx carries.
func From(ctx context.Context) IDs {
	ids, _ := ctx.Value(idsKey{}).(IDs)
	return ids
}

func (ids IDs) attrs(buf []slog.Attr) []slog.Attr {
	for _, f := range []struct{ key, value string }{
		{"request_id", ids.Request}, {"trace_id", ids.Trace}, {"client_id", ids.Client}, {"user_id", ids.User},
	} {
		if f.value != "" {
			buf = append(buf, slog.String(f.key, f.value))
		}
	}
	return buf
}

// maxFacts bounds an Event, so that no loop in a handler can grow a line without end.
const maxFacts = 32

// Event collects the facts of one request for its one access line. It is safe for concurrent use.
type Event struct {
	mu    sync.Mutex
	facts []slog.Attr
}

// NewEvent returns a context that carries a new Event, and the Event.
func NewEvent(ctx context.Context) (context.Context, *Event) {
	e := &Event{facts: make([]slog.Attr, 0, 12)}
	return context.WithValue(ctx, eventKey{}, e), e
}

// Set adds facts to the access line of the request that ctx belongs to; a later fact replaces an earlier one with the same key. A
// client_id or user_id is on every line that is logged afterwards, too. Without an Event in ctx it does nothing.
func Set(ctx context.Context, facts ...slog.Attr) {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		e.Set(facts...)
	}
}

// Set adds facts; a later one replaces an earlier one with the same key. Beyond 32 facts new keys are dropped.
func (e *Event) Set(facts ...slog.Attr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range facts {
		if i := slices.IndexFunc(e.facts, func(a slog.Attr) bool { return a.Key == f.Key }); i >= 0 {
			e.facts[i] = f
		} else if len(e.facts) < maxFacts {
			e.facts = append(e.facts, f)
		}
	}
}

// Attrs returns a copy of the facts in the order in which their keys were first set.
func (e *Event) Attrs() []slog.Attr {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.facts)
}

// Get returns the fact with a key.
func (e *Event) Get(key string) (slog.Value, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.facts {
		if f.Key == key {
			return f.Value, true
		}
	}
	return slog.Value{}, false
}

// subject fills the client and the user in from the request's Event, where ctx does not name them.
func (ids IDs) subject(ctx context.Context) IDs {
	e, ok := ctx.Value(eventKey{}).(*Event)
	if !ok {
		return ids
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.facts {
		switch {
		case f.Key == "client_id" && ids.Client == "":
			ids.Client = f.Value.String()
		case f.Key == "user_id" && ids.User == "":
			ids.User = f.Value.String()
		}
	}
	return ids
}
