package store

import (
	"context"
	"errors"

	"idp/internal/idp"
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

// keptClientChanges is how many of the latest changes of clients are remembered.
const keptClientChanges = 10_000

// clientChanged records, in the caller's transaction, that one client changed. Whoever counts holds the topic's row until the commit: so versions
// become visible one after the other, none is left out, and each has its row until it is an old one.
func (s *Store) clientChanged(ctx context.Context, id string) error {
	var version int64
	err := s.db.QueryRow(ctx, `INSERT INTO changes (topic, version) VALUES ($1, 1)
		ON CONFLICT (topic) DO UPDATE SET version = changes.version + 1 RETURNING version`, TopicClients).Scan(&version)
	if err != nil {
		return err
	}
	if _, err := s.db.Exec(ctx, `INSERT INTO client_changes (version, client_id) VALUES ($1, $2)`, version, id); err != nil {
		return err
	}
	if _, err := s.db.Exec(ctx, `DELETE FROM client_changes WHERE version = $1`, version-keptClientChanges); err != nil {
		return err
	}
	return s.db.Announce(ctx, TopicClients)
}

// mostClientChanges is how many changes of clients are told by name; who has missed more had better forget all.
const mostClientChanges = 1000

// ClientChanges returns which clients changed after a version, and the version that they lead to. known is false if there is no telling: too many
// changed, or this database has never had that version.
func (s *Store) ClientChanges(ctx context.Context, after int64) (ids []string, version int64, known bool, err error) {
	rows, err := s.db.Query(ctx, `SELECT version, client_id FROM client_changes WHERE version >= $1 ORDER BY version LIMIT $2`, after, mostClientChanges+2)
	ids, err = collect(rows, err, func(r sqldb.Row) (id string, err error) { return id, r.Scan(&version, &id) })
	// The first must be that version itself, and none may be missing behind it.
	if err != nil || len(ids) == 0 || len(ids) > mostClientChanges+1 || version != after+int64(len(ids))-1 {
		return nil, 0, false, err
	}
	return ids[1:], version, true, nil
}

// ClientVersion returns how often clients have changed.
func (s *Store) ClientVersion(ctx context.Context) (version int64, err error) {
	err = s.db.QueryRow(ctx, `SELECT version FROM changes WHERE topic = $1`, TopicClients).Scan(&version)
	if errors.Is(err, idp.ErrNotFound) {
		return 0, nil
	}
	return version, err
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
