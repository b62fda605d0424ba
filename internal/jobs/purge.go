package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"idp/internal/store"
)

// PurgeConfig says what is purged and how gently. Zero values mean the defaults.
type PurgeConfig struct {
	Store          *store.Store
	Lease          *Lease
	Logger         *slog.Logger
	Every          time.Duration // default 1 min
	Batch          int           // rows of one table in one statement; default 500
	Most           int           // statements for each table in one run; default 200
	AuditRetention time.Duration // how long audit events are kept; 0 keeps them for ever
	Keep           store.Caps    // rows that stay however young the others are; default 100,000 of each
}

const (
	purgeEvery = time.Minute
	purgeBatch = 500
	purgeMost  = 200
	// A trace or an interaction has a kilobyte, hence 100 MB of either however hard somebody tries. Of sign-ins that are under way
	// for ten minutes at most, a server with 150 new ones a second has as many.
	purgeKeep = 100_000
)

// Purge returns the job that deletes what has expired, and the oldest of what there is too much of. Each statement is bounded and a transaction of its own, so that requests
// get their turn between them; a run ends when the last batch found less than it could take.
func Purge(c PurgeConfig) Job {
	if c.Every <= 0 {
		c.Every = purgeEvery
	}
	if c.Batch <= 0 {
		c.Batch = purgeBatch
	}
	if c.Most <= 0 {
		c.Most = purgeMost
	}
	for _, most := range []*int{&c.Keep.Traces, &c.Keep.Interactions, &c.Keep.Logins, &c.Keep.Pushed} {
		if *most <= 0 {
			*most = purgeKeep
		}
	}
	return Job{Name: "purge", Every: c.Every, Lease: c.Lease, Logger: c.Logger, Do: c.purge}
}

func (c PurgeConfig) purge(ctx context.Context, now time.Time) (Counts, error) {
	var auditFrom time.Time // the year 1: nothing is older
	if c.AuditRetention > 0 {
		auditFrom = now.Add(-c.AuditRetention)
	}
	total := Counts{}
	err := c.repeat(total, func() (map[string]int64, error) { return c.Store.Purge(ctx, c.Batch, now, auditFrom) })
	if err == nil {
		err = c.repeat(total, func() (map[string]int64, error) { return c.Store.Trim(ctx, c.Keep, c.Batch) })
	}
	if err != nil {
		return total, fmt.Errorf("purge: %w", err)
	}
	return total, nil
}

// repeat runs one batch after the other until none is full.
func (c PurgeConfig) repeat(total Counts, once func() (map[string]int64, error)) error {
	for range c.Most {
		gone, err := once()
		more := false
		for table, n := range gone {
			total[table] += n
			more = more || n >= int64(c.Batch)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}
