package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// ServerSecret is a random value that this server made once, sealed (secret.Binding: server_secrets/sealed/name).
type ServerSecret struct{ Name, Sealed string }

// KeepServerSecret keeps a sealed value under a name, unless there is one already, and returns the one that is kept: of replicas that start
// together one makes it.
func (s *Store) KeepServerSecret(ctx context.Context, name, sealed string, now time.Time) (kept string, err error) {
	err = s.db.QueryRow(ctx, `INSERT INTO server_secrets (name, sealed, created_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING sealed`, name, sealed, now).Scan(&kept)
	return kept, err
}

// ServerSecrets lists what is kept.
func (s *Store) ServerSecrets(ctx context.Context) ([]*ServerSecret, error) {
	rows, err := s.db.Query(ctx, `SELECT name, sealed FROM server_secrets ORDER BY name`)
	return collect(rows, err, func(r sqldb.Row) (*ServerSecret, error) {
		var v ServerSecret
		return &v, r.Scan(&v.Name, &v.Sealed)
	})
}

// ResealServerSecret replaces the sealed text of a value, which stays the same, if nobody else did so first (key ring rotation).
func (s *Store) ResealServerSecret(ctx context.Context, name, old, sealed string) error {
	n, err := s.db.Exec(ctx, `UPDATE server_secrets SET sealed = $3 WHERE name = $1 AND sealed = $2`, name, old, sealed)
	return changedOne(n, err, idp.ErrConflict)
}
