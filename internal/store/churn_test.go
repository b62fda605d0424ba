package store_test

import (
	"fmt"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// What is written again and again does not grow: PostgreSQL keeps a row's new version beside the old one, touches no index, and uses the room again.
func TestChurn_RowsThatChangeAllTheTimeKeepTheirSize(t *testing.T) {
	t.Parallel()
	s := alone(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	later := now.Add(time.Hour)
	const people, times = 64, 15
	populate(t, s.Engine(), people, now)
	// As the server makes them: a code, redeemed, and then rotated by and by.
	var ids []string
	for i := range people {
		person := fmt.Sprintf("%026d", i+1)
		digest := []byte("digest" + person)
		a := &idp.Authorization{ID: idp.NewID(), ClientID: fmt.Sprintf("app%d", (i+1)%40), Scopes: []string{"openid"}, Refreshable: true, Offline: true, CodeExpires: later, ExpiresAt: later}
		_, err := s.IssueCode(t.Context(), a, digest, store.IssueConditions{SessionID: person, SessionDigest: digest, SkipGrant: true}, now)
		must(t, err)
		_, err = s.RedeemCode(t.Context(), store.Redemption{ID: a.ID, CodeDigest: digest, ClientID: a.ClientID, RefreshDigest: digest, RefreshIdle: later, RefreshExpires: later.Add(time.Hour)}, now)
		must(t, err)
		ids = append(ids, a.ID)
	}
	size := func() (bytes int64) {
		if s.Engine().Name() == "sqlite" {
			must(t, s.Engine().QueryRow(t.Context(), `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`).Scan(&bytes))
			return bytes
		}
		must(t, s.Engine().QueryRow(t.Context(), `SELECT pg_total_relation_size('authorizations') + pg_total_relation_size('sessions') + pg_total_relation_size('throttles')`).Scan(&bytes))
		return bytes
	}
	round := func(n int) {
		for i, id := range ids {
			person := fmt.Sprintf("%026d", i+1)
			digest := []byte("digest" + person)
			_, err := s.RotateRefreshToken(t.Context(), store.Rotation{ID: id, Old: digest, New: digest, Sealed: make([]byte, 118), ClientID: fmt.Sprintf("app%d", (i+1)%40), Idle: later}, now)
			must(t, err)
			must(t, s.TouchSession(t.Context(), person, later.Add(time.Duration(n)*time.Second), now.Add(time.Duration(n)*time.Second)))
			_, err = s.CountFailure(t.Context(), person, now, later.Add(time.Duration(n)*time.Second), now)
			must(t, err)
		}
	}
	round(0)
	before := size()
	for n := range times {
		round(n + 1)
	}
	after := size()
	if after > before*3/2 {
		t.Errorf("after %d rounds the rows take %d bytes, and took %d after the first: they grow", times, after, before)
	}
}

// alone returns a store whose server has no other transactions: PostgreSQL clears away only what none of them can still see.
func alone(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.New(t)
	if s.Engine().Name() == "sqlite" {
		return s
	}
	db, err := sqldb.OpenPostgres(t.Context(), sqldb.PostgresConfig{URL: storetest.StartServer(t).URL(), MaxConnections: 4})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s = store.New(db)
	_, err = s.Migrate(t.Context())
	must(t, err)
	return s
}
