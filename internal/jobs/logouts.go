package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// LogoutsConfig says how applications are told of ended sessions that nobody waited for.
type LogoutsConfig struct {
	Logger *slog.Logger
	Every  time.Duration // default 2 s: an application is to hear of a disabled user within five (FS-46)
	// Send tells those that are due at now, and returns how many were told and how many are given up. Each entry is one replica's, so
	// no lease goes around it.
	Send func(ctx context.Context, now time.Time) (delivered, failed int, err error)
}

const (
	logoutsEvery   = 2 * time.Second
	logoutsTimeout = time.Minute
)

// SendLogouts returns the job that tells applications of ended sessions.
func SendLogouts(c LogoutsConfig) Job {
	if c.Every <= 0 {
		c.Every = logoutsEvery
	}
	return Job{Name: "send_logouts", Every: c.Every, Timeout: logoutsTimeout, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		delivered, failed, err := c.Send(ctx, now)
		if err != nil {
			err = fmt.Errorf("tell applications of ended sessions: %w", err)
		}
		return Counts{"delivered": int64(delivered), "given_up": int64(failed)}, err
	}}
}
