package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// FlushConfig names a queue that is written behind the requests.
type FlushConfig struct {
	Name   string // of what is flushed, such as "traces"
	Logger *slog.Logger
	Every  time.Duration // default 1 s
	// Flush writes what is queued and returns how much that was.
	Flush func(ctx context.Context) (written int, err error)
}

const (
	flushEvery   = time.Second
	flushTimeout = 10 * time.Second
)

// Flush returns the job that empties a queue, also when the server stops. Each replica flushes its own.
func Flush(c FlushConfig) Job {
	if c.Every <= 0 {
		c.Every = flushEvery
	}
	return Job{Name: "flush_" + c.Name, Every: c.Every, Timeout: flushTimeout, AtEnd: true, Quiet: true, Logger: c.Logger, Do: func(ctx context.Context, _ time.Time) (Counts, error) {
		n, err := c.Flush(ctx)
		if err != nil {
			return Counts{"written": int64(n)}, fmt.Errorf("flush %s: %w", c.Name, err)
		}
		return Counts{"written": int64(n)}, nil
	}}
}
