package store

import (
	"context"

	"idp/internal/idp"
)

// KeepPairwiseSubject remembers whom a pairwise sub means, for as long as there is the user.
func (s *Store) KeepPairwiseSubject(ctx context.Context, subject, userID string) error {
	_, err := s.db.Exec(ctx, `INSERT INTO pairwise_subjects (subject, user_id) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING`, subject, userID)
	return err
}

// UserByPairwiseSubject returns whom a pairwise sub means that was given to a client which may name people by theirs.
func (s *Store) UserByPairwiseSubject(ctx context.Context, subject string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `SELECT `+userCols+` FROM users WHERE id = (SELECT user_id FROM pairwise_subjects WHERE subject = $1)`, subject))
}
