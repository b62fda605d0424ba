package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// NoticesConfig says how clients are told what nobody waits for: of ended sessions, of a person's answer (CIBA §10.2).
type NoticesConfig struct {
	Name   string
	Logger *slog.Logger
	Every  time.Duration
	// Send tells those that are due at now, and returns how many were told and how many are given up. Each notice is one replica's, so no lease
	// goes around it.
	Send func(ctx context.Context, now time.Time) (delivered, failed int, err error)
}

// noticesAtOnce is how many runs may be under way: one that waits for a slow client must not hold up what came after it.
const (
	noticesAtOnce  = 8
	noticesTimeout = time.Minute
)

// SendNotices returns a job that tells clients something.
func SendNotices(c NoticesConfig) Job {
	return Job{Name: c.Name, Every: c.Every, Timeout: noticesTimeout, AtOnce: noticesAtOnce, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		delivered, failed, err := c.Send(ctx, now)
		if err != nil {
			err = fmt.Errorf("tell clients: %w", err)
		}
		return Counts{"delivered": int64(delivered), "given_up": int64(failed)}, err
	}}
}
