package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// TendConfig says what one replica at a time looks after: it asks now and then whether something is due.
type TendConfig struct {
	Name   string // of the job, in the log and in the lease
	Count  string // what is counted, in the log
	Lease  *Lease
	Logger *slog.Logger
	Every  time.Duration // default 10 min
	// Do does what is due at now, and returns how much that was.
	Do func(ctx context.Context, now time.Time) (n int, err error)
}

const tendEvery = 10 * time.Minute

// Tend returns such a job.
func Tend(c TendConfig) Job {
	if c.Every <= 0 {
		c.Every = tendEvery
	}
	return Job{Name: c.Name, Every: c.Every, Lease: c.Lease, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		n, err := c.Do(ctx, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		return Counts{c.Count: int64(n)}, nil
	}}
}
