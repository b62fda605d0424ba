package registration

import (
	"context"
	"fmt"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
)

// Sweeper deletes clients that named themselves and that nobody uses.
type Sweeper struct {
	Store *store.Store
	Audit *audit.Log
	// After is how long such a client may go without anybody having allowed it anything.
	After time.Duration
}

const sweepBatch = 200

// Sweep deletes a bounded number of such clients and returns how many went. A client that somebody allowed something has a grant, and stays as long as
// that; so its use leaves no trace of its own to be written.
func (s *Sweeper) Sweep(ctx context.Context, at time.Time) (swept int, err error) {
	for _, source := range []string{idp.ManagedByOpen, idp.ManagedByDocument} {
		for {
			var ids []string
			err := s.Store.InTx(ctx, func(ctx context.Context) error {
				ids, err = s.Store.SweepClients(ctx, source, at.Add(-s.After), sweepBatch)
				if err != nil {
					return err
				}
				for _, id := range ids {
					err := s.Audit.Write(ctx, audit.Event{Type: audit.ClientSwept, ActorKind: audit.ActorSystem, ClientID: id, Details: map[string]string{"source": source}})
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return swept, fmt.Errorf("sweep clients: %w", err)
			}
			swept += len(ids)
			if len(ids) < sweepBatch {
				break
			}
		}
	}
	return swept, nil
}
