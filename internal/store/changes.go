package store

import (
	"context"

	"idp/internal/store/sqldb"
)

// What replicas keep in memory and must hear of when it changes.
const (
	TopicClients   = "clients"
	TopicProviders = "providers"
	TopicKeys      = "keys"
	TopicResources = "resources"
	// TopicAuthorizationTypes is for discovery, which names them.
	TopicAuthorizationTypes = "authorization_types"
)

// changed records, in the caller's transaction, that a topic changed, and tells the listeners.
func (s *Store) changed(ctx context.Context, topic string) error {
	_, err := s.db.Exec(ctx, `INSERT INTO changes (topic, version) VALUES ($1, 1)
		ON CONFLICT (topic) DO UPDATE SET version = changes.version + 1`, topic)
	if err != nil {
		return err
	}
	return s.db.Announce(ctx, topic)
}

// Versions returns how often each topic has changed.
func (s *Store) Versions(ctx context.Context) (map[string]int64, error) {
	type version struct {
		topic string
		n     int64
	}
	rows, err := s.db.Query(ctx, `SELECT topic, version FROM changes`)
	list, err := collect(rows, err, func(r sqldb.Row) (v version, err error) {
		return v, r.Scan(&v.topic, &v.n)
	})
	if err != nil {
		return nil, err
	}
	versions := make(map[string]int64, len(list))
	for _, v := range list {
		versions[v.topic] = v.n
	}
	return versions, nil
}
