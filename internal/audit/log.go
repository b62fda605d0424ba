package audit

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// Config is what a Log needs.
type Config struct {
	Store  *store.Store
	Logger *slog.Logger
}

// Log writes events. It is safe for concurrent use.
type Log struct {
	store  *store.Store
	logger *slog.Logger

	mu     sync.Mutex
	counts map[Type]int64
}

// New returns a log.
func New(c Config) *Log {
	return &Log{store: c.Store, logger: c.Logger, counts: map[Type]int64{}}
}

// Event is what happened. The zero members are filled in from the request.
type Event struct {
	Type      Type
	ActorKind string // who did it; from idp.PeerOf if empty
	ActorID   string
	UserID    string // whom it is about
	ClientID  string
	SessionID string
	Details   map[string]string // at most 16, keys in snake_case, values cut to 256 bytes; what looks like a secret is not written
}

// Write appends an event in the caller's transaction, logs one line and counts it. The line and the count come before the
// commit: a transaction that is rolled back, or run again, leaves them behind. An error means that the event is not
// written, and that the fact must not be either.
func (l *Log) Write(ctx context.Context, e Event) error {
	if err := check(e); err != nil {
		return err
	}
	peer := idp.PeerOf(ctx)
	row := &idp.AuditEvent{
		ID: idp.NewID(), At: time.Now().UTC(), Type: string(e.Type),
		ActorKind: e.ActorKind, ActorID: clean(e.ActorID, maxClient),
		UserID: clean(e.UserID, maxUser), ClientID: clean(e.ClientID, maxClient), SessionID: clean(e.SessionID, maxID),
		Address: clean(peer.Address, maxID), UserAgent: clean(peer.UserAgent, maxValue), RequestID: clean(peer.RequestID, maxID),
		Details: cleanDetails(e.Details),
	}
	if row.ActorKind == "" {
		row.ActorKind, row.ActorID = peer.Actor.Kind, clean(peer.Actor.ID, maxClient)
	}
	if row.ActorKind == "" && peer.RequestID == "" && peer.Address == "" {
		row.ActorKind = ActorSystem // nobody asked for it
	}
	if err := l.store.AppendAudit(ctx, row); err != nil {
		return fmt.Errorf("write audit event %s: %w", e.Type, err)
	}
	l.line(ctx, row)
	l.mu.Lock()
	l.counts[e.Type]++
	l.mu.Unlock()
	return nil
}

func (l *Log) line(ctx context.Context, e *idp.AuditEvent) {
	attrs := []slog.Attr{slog.String("event", e.Type), slog.String("event_id", e.ID)}
	for _, f := range []struct{ key, value string }{
		{"actor_kind", e.ActorKind},
		{"actor_id", e.ActorID},
		{"user_id", e.UserID},
		{"client_id", e.ClientID},
		{"session_id", e.SessionID},
		{"address", e.Address},
		{"user_agent", e.UserAgent},
		{"request_id", e.RequestID},
	} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.key, f.value))
		}
	}
	if len(e.Details) > 0 {
		details := make([]slog.Attr, 0, len(e.Details))
		for _, key := range slices.Sorted(maps.Keys(e.Details)) {
			details = append(details, slog.String(key, e.Details[key]))
		}
		attrs = append(attrs, slog.Attr{Key: "details", Value: slog.GroupValue(details...)})
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "audit event", attrs...)
}

// Counts returns how many events of each type this process wrote, for the metrics.
func (l *Log) Counts() map[Type]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}
