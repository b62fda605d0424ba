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
}

const (
	purgeEvery = time.Minute
	purgeBatch = 500
	purgeMost  = 200
)

// Purge returns the job that deletes what has expired. Each statement is bounded and a transaction of its own, so that requests
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
	return Job{Name: "purge", Every: c.Every, Lease: c.Lease, Logger: c.Logger, Do: c.purge}
}

func (c PurgeConfig) purge(ctx context.Context, now time.Time) (Counts, error) {
	var auditFrom time.Time // the year 1: nothing is older
	if c.AuditRetention > 0 {
		auditFrom = now.Add(-c.AuditRetention)
	}
	total := Counts{}
	for range c.Most {
		gone, err := c.Store.Purge(ctx, c.Batch, now, auditFrom)
		more := false
		for table, n := range gone {
			total[table] += n
			more = more || n >= int64(c.Batch)
		}
		if err != nil {
			return total, fmt.Errorf("purge: %w", err)
		}
		if !more {
			break
		}
	}
	return total, nil
}
