package store

import (
	"context"
	"time"
)

// RevokeAccessToken remembers until it expires that one access token is no longer good.
func (s *Store) RevokeAccessToken(ctx context.Context, jti string, expires time.Time) error {
	_, err := s.db.Exec(ctx, `INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING`, jti, expires)
	return err
}

// AccessTokenRevoked reports whether one access token was revoked by itself.
func (s *Store) AccessTokenRevoked(ctx context.Context, jti string) (bool, error) {
	var revoked bool
	err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $1)`, jti).Scan(&revoked)
	return revoked, err
}

// PutOpaqueToken keeps the claims of an opaque access token under its digest.
func (s *Store) PutOpaqueToken(ctx context.Context, digest []byte, authorizationID, claims string, expires time.Time) error {
	_, err := s.db.Exec(ctx, `INSERT INTO access_tokens (digest, authorization_id, claims, expires_at) VALUES ($1, $2, $3, $4)`,
		digest, authorizationID, claims, expires)
	return err
}

// OpaqueToken returns the claims of an opaque access token that has not expired.
func (s *Store) OpaqueToken(ctx context.Context, digest []byte, now time.Time) (claims string, err error) {
	err = s.db.QueryRow(ctx, `SELECT claims FROM access_tokens WHERE digest = $1 AND expires_at > $2`, digest, now).Scan(&claims)
	return claims, err
}
