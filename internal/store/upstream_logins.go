package store

import (
	"context"
	"time"
)

// UpstreamLogin is a sign-in that is under way at an upstream provider.
type UpstreamLogin struct {
	StateDigest   []byte
	BrowserDigest []byte
	InteractionID string
	ProviderID    string
	Pending       string // sealed; bound to the state's digest
	CreatedAt     time.Time
	ExpiresAt     time.Time
}

// CreateUpstreamLogin inserts it.
func (s *Store) CreateUpstreamLogin(ctx context.Context, l *UpstreamLogin) error {
	_, err := s.db.Exec(ctx, `INSERT INTO upstream_logins (state_digest, browser_digest, interaction_id, provider_id, pending, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, l.StateDigest, l.BrowserDigest, l.InteractionID, l.ProviderID, l.Pending, l.CreatedAt, l.ExpiresAt)
	return err
}

// TakeUpstreamLogin spends a state: it is the browser's own, was never used and has not expired (FD-2).
func (s *Store) TakeUpstreamLogin(ctx context.Context, stateDigest, browserDigest []byte, now time.Time) (*UpstreamLogin, error) {
	var l UpstreamLogin
	err := s.db.QueryRow(ctx, `DELETE FROM upstream_logins WHERE state_digest = $1 AND browser_digest = $2 AND expires_at > $3
		RETURNING state_digest, browser_digest, interaction_id, provider_id, pending, created_at, expires_at`, stateDigest, browserDigest, now).
		Scan(&l.StateDigest, &l.BrowserDigest, &l.InteractionID, &l.ProviderID, &l.Pending, &l.CreatedAt, &l.ExpiresAt)
	return &l, err
}
