package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// SweepConfig says how clients that nobody uses are looked for.
type SweepConfig struct {
	Lease  *Lease
	Logger *slog.Logger
	Every  time.Duration // default 10 min
	// Sweep deletes the clients that named themselves and that nobody uses, and returns how many went.
	Sweep func(ctx context.Context, now time.Time) (swept int, err error)
}

const sweepEvery = 10 * time.Minute

// SweepClients returns the job that deletes clients which registered themselves and which nobody uses.
func SweepClients(c SweepConfig) Job {
	if c.Every <= 0 {
		c.Every = sweepEvery
	}
	return Job{Name: "sweep_clients", Every: c.Every, Lease: c.Lease, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		swept, err := c.Sweep(ctx, now)
		if err != nil {
			return nil, fmt.Errorf("sweep clients: %w", err)
		}
		return Counts{"clients_swept": int64(swept)}, nil
	}}
}
