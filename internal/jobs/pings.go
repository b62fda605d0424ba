package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// PingsConfig says how clients in mode ping are told that a person has answered (CIBA §10.2).
type PingsConfig struct {
	Logger *slog.Logger
	Every  time.Duration // default 1 s: the person has put the telephone down and looks at the other screen
	// Send tells those that are due at now, and returns how many were told and how many are given up. Each is one replica's, so no lease
	// goes around it.
	Send func(ctx context.Context, now time.Time) (delivered, failed int, err error)
}

const (
	pingsEvery   = time.Second
	pingsTimeout = time.Minute
)

// SendPings returns the job that tells clients of answers.
func SendPings(c PingsConfig) Job {
	if c.Every <= 0 {
		c.Every = pingsEvery
	}
	return Job{Name: "send_pings", Every: c.Every, Timeout: pingsTimeout, Logger: c.Logger, Do: func(ctx context.Context, now time.Time) (Counts, error) {
		delivered, failed, err := c.Send(ctx, now)
		if err != nil {
			err = fmt.Errorf("tell clients of answers: %w", err)
		}
		return Counts{"delivered": int64(delivered), "given_up": int64(failed)}, err
	}}
}
