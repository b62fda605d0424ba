package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// RotateConfig says how signing keys are looked after.
type RotateConfig struct {
	Lease  *Lease
	Logger *slog.Logger
	Every  time.Duration // how often it is asked whether a key is due; default 10 min
	// Rotate makes the successors that are due at now and retires what they succeed; it returns how many keys it made.
	Rotate func(ctx context.Context, now time.Time) (made int, err error)
}

const rotateEvery = 10 * time.Minute

// RotateKeys returns the job that gives signing keys their successors.
func RotateKeys(c RotateConfig) Job {
	if c.Every <= 0 {
		c.Every = rotateEvery
	}
	return Job{Name: "rotate_keys", Every: c.Every, Lease: c.Lease, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		made, err := c.Rotate(ctx, now)
		if err != nil {
			return nil, fmt.Errorf("rotate signing keys: %w", err)
		}
		return Counts{"keys_made": int64(made)}, nil
	}}
}
