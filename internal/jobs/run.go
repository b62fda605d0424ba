package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"idp/internal/idp"
	"idp/internal/panics"
)

// Counts says how much of what a run did, for its line in the log; a count of zero is left out.
type Counts map[string]int64

// Job is one periodic work.
type Job struct {
	Name    string
	Every   time.Duration
	Timeout time.Duration // of one run; Every if 0
	AtOnce  int           // runs that may be under way; one if 0
	Lease   *Lease        // nil: each replica does it for itself
	Logger  *slog.Logger
	// Do does the work once. It may be cut short by ctx at any point and is then tried again.
	Do func(ctx context.Context, now time.Time) (Counts, error)
}

// Run runs the jobs until ctx ends, and returns when none is running. A tick that comes while as many runs as may be are under way is
// dropped. An error, or a panic, ends one run, never the job.
func Run(ctx context.Context, list []Job) {
	var running sync.WaitGroup
	for _, j := range list {
		running.Go(func() { j.loop(ctx) })
	}
	running.Wait()
}

func (j Job) loop(ctx context.Context) {
	ticker := time.NewTicker(j.Every)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, max(j.AtOnce, 1))
	for {
		select {
		case <-ticker.C:
			select {
			case places <- struct{}{}:
				running.Go(func() {
					defer func() { <-places }()
					j.once(ctx)
				})
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

func (j Job) timeout() time.Duration {
	if j.Timeout > 0 {
		return j.Timeout
	}
	return j.Every
}

// once makes one run and its one line in the log.
func (j Job) once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, j.timeout())
	defer cancel()
	began := time.Now()
	counts, err := j.guarded(ctx, began)
	attrs := append([]slog.Attr{slog.String("job", j.Name), slog.Duration("took", time.Since(began))}, counts.attrs()...)
	switch {
	case errors.Is(err, context.Canceled):
		// The server stops; the next one to run takes up the rest.
	case err != nil && (errors.Is(err, idp.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)):
		j.Logger.LogAttrs(ctx, slog.LevelWarn, "job put off", append(attrs, slog.Any("error", err))...)
	case err != nil:
		j.Logger.LogAttrs(ctx, slog.LevelError, "job failed", append(attrs, slog.Any("error", err))...)
	case len(attrs) > 2:
		j.Logger.LogAttrs(ctx, slog.LevelInfo, "job done", attrs...)
	}
}

// guarded does the work if it is this replica's. A panic is an error: it would end the whole service.
func (j Job) guarded(ctx context.Context, now time.Time) (counts Counts, err error) {
	defer panics.Into(&err)
	if held, err := j.Lease.take(ctx, j.Name, now, j.Every); err != nil || !held {
		return nil, err
	}
	return j.Do(ctx, now)
}

func (c Counts) attrs() []slog.Attr {
	var names []string
	for name, n := range c {
		if n != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	attrs := make([]slog.Attr, len(names))
	for i, name := range names {
		attrs[i] = slog.Int64(name, c[name])
	}
	return attrs
}
