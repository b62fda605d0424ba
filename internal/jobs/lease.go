package jobs

import (
	"context"
	"fmt"
	"time"

	"idp/internal/store"
)

// Lease lets one replica at a time do the jobs that carry it. Holder names this process, such as by idp.NewID.
type Lease struct {
	Store  *store.Store
	Holder string
}

// take reports whether this replica does the job's run. The lease lasts a little less than until the next tick, so that the
// others skip this one; if the holder dies, another takes over a tick later. Two that overlap all the same do no harm: every
// job is safe to run twice.
func (l *Lease) take(ctx context.Context, job string, now time.Time, every time.Duration) (held bool, err error) {
	if l == nil {
		return true, nil
	}
	held, err = l.Store.WithLease(ctx, "job:"+job, l.Holder, now.Add(every-every/10), now, func(context.Context) error { return nil })
	if err != nil {
		return false, fmt.Errorf("take the lease: %w", err)
	}
	return held, nil
}
