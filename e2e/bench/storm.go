package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// stormLogins is how many sign-ins are always waiting in the mixed case, and stormGoal what the others may take meanwhile.
const (
	stormLogins = 64
	stormGoal   = 10 * time.Millisecond
)

// storm is the mixed case: client_credentials beside a queue of password hashes.
type storm struct {
	Concurrency int     `json:"concurrency"` // of client_credentials
	Others      result  `json:"client_credentials"`
	Logins      result  `json:"logins"`
	Peak        int64   `json:"peak_bytes"`
	ServerCPU   float64 `json:"server_busy"` // cores
}

// storm measures the mixed case, once with a single other client and once with as many as the goals are about.
func (b *bench) storm(ctx context.Context, e *engineReport, s *server, workers []*worker) error {
	for _, n := range slices.Compact([]int{1, b.goalConcurrency()}) {
		others := newWorkers(workers[0].site, s.address, n)
		loads := []load{
			{others, clientCredentials("es256")},
			{workers[:stormLogins], func(w *worker) error { return w.signIn("es256", w.unique()) }},
		}
		m := &meter{server: s.pid()}
		span := max(b.span(), 2*time.Second)
		results, err := drive(ctx, loads, 2*time.Second, span, m.begin, m.end)
		closeAll(others)
		if err != nil {
			return fmt.Errorf("mixed case: %w", err)
		}
		e.Storms = append(e.Storms, storm{Concurrency: n, Others: results[0], Logins: results[1], Peak: m.peak, ServerCPU: m.cpu[0].Seconds() / span.Seconds()})
	}
	return nil
}
