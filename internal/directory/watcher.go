package directory

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"idp/internal/panics"
	"idp/internal/store"
)

// PollEvery bounds how long a change at another replica goes unnoticed where there is no LISTEN.
const PollEvery = 500 * time.Millisecond

// Watcher tells subscribers when a topic of the store changed. Subscribe before Run.
type Watcher struct {
	store  *store.Store
	logger *slog.Logger
	subs   map[string][]func(context.Context) error
	seen   map[string]int64
	wake   chan struct{}
}

// NewWatcher returns a watcher that has seen nothing.
func NewWatcher(s *store.Store, logger *slog.Logger) *Watcher {
	return &Watcher{store: s, logger: logger, subs: map[string][]func(context.Context) error{}, seen: map[string]int64{}, wake: make(chan struct{}, 1)}
}

// Subscribe calls changed, from Run's goroutine, after each change of the topic, and again until it succeeds.
func (w *Watcher) Subscribe(topic string, changed func(context.Context) error) {
	w.subs[topic] = append(w.subs[topic], changed)
}

// Anew reports to whom is told of a topic, while they are told, that nothing counts which was known of it: this is the first time, or the database was
// away, and what was thought to be committed then may not be.
func (w *Watcher) Anew(topic string) bool {
	_, seen := w.seen[topic]
	return !seen
}

// Run watches until ctx ends, and returns when nothing of it runs any more.
func (w *Watcher) Run(ctx context.Context) {
	var listener sync.WaitGroup
	defer listener.Wait()
	listener.Go(func() {
		w.store.Engine().Listen(ctx, func(string) {
			select {
			case w.wake <- struct{}{}:
			default:
			}
		})
	})
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	away := false
	for {
		err := panics.Call(func() error { return w.look(ctx) }) // what strangers registered is decoded here
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != away { // say it once, not twice a second
			away = err != nil
			if away {
				clear(w.seen) // whatever was thought to be committed when the database went away may not be
				w.logger.WarnContext(ctx, "cannot see whether settings changed", slog.Any("error", err))
			} else {
				w.logger.InfoContext(ctx, "settings are watched again")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.wake:
		}
	}
}

func (w *Watcher) look(ctx context.Context) error {
	versions, err := w.store.Versions(ctx)
	if err != nil {
		return err
	}
	for topic, v := range versions {
		if w.seen[topic] == v {
			continue
		}
		for _, changed := range w.subs[topic] {
			if err := changed(ctx); err != nil {
				return fmt.Errorf("read %s again: %w", topic, err)
			}
		}
		w.seen[topic] = v
	}
	return nil
}
