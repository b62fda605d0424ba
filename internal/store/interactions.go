package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const interactionCols = `id, kind, browser_digest, client_id, params, steps, trace_id, created_at, expires_at`

func scanInteraction(r sqldb.Row) (*idp.Interaction, error) {
	var i idp.Interaction
	var kind, steps string
	if err := r.Scan(&i.ID, &kind, &i.BrowserDigest, &i.ClientID, &i.Params, &steps, &i.TraceID, &i.CreatedAt, &i.ExpiresAt); err != nil {
		return nil, err
	}
	i.Kind = idp.InteractionKind(kind)
	return &i, fromJSON(steps, &i.Steps)
}

// CreateInteraction inserts an interaction and drops the browser's oldest ones beyond most.
func (s *Store) CreateInteraction(ctx context.Context, i *idp.Interaction, most int) error {
	steps, err := toJSON(i.Steps)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `DELETE FROM interactions WHERE id IN (SELECT id FROM interactions
			WHERE browser_digest = $1 ORDER BY id DESC LIMIT 1000 OFFSET $2)`, i.BrowserDigest, most-1)
		if err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `INSERT INTO interactions (`+interactionCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			i.ID, string(i.Kind), i.BrowserDigest, i.ClientID, i.Params, steps, i.TraceID, i.CreatedAt, i.ExpiresAt)
		return err
	})
}

// Interaction returns one that has not expired and that this browser began. Any other is idp.ErrNotFound.
func (s *Store) Interaction(ctx context.Context, id string, browserDigest []byte, now time.Time) (*idp.Interaction, error) {
	return scanInteraction(s.db.QueryRow(ctx, `SELECT `+interactionCols+` FROM interactions
		WHERE id = $1 AND browser_digest = $2 AND expires_at > $3`, id, browserDigest, now))
}

// RecordSteps writes what the person has done; idp.ErrNotFound if the interaction is over.
func (s *Store) RecordSteps(ctx context.Context, id string, steps idp.Steps, now time.Time) error {
	text, err := toJSON(steps)
	if err != nil {
		return err
	}
	n, err := s.db.Exec(ctx, `UPDATE interactions SET steps = $2 WHERE id = $1 AND expires_at > $3`, id, text, now)
	return changedOne(n, err, idp.ErrNotFound)
}

// ConsumeInteraction ends an interaction; idp.ErrNotFound if it ended before (another tab was first).
func (s *Store) ConsumeInteraction(ctx context.Context, id string) error {
	n, err := s.db.Exec(ctx, `DELETE FROM interactions WHERE id = $1`, id)
	return changedOne(n, err, idp.ErrNotFound)
}
