package api

import (
	"context"
	"testing"
	"time"

	"idp/internal/idp"
)

// Live is a server for the tests of the Go client, which may not be imported from inside this package.
type Live struct {
	URL   string
	Token string
	w     *world
}

// NewLive starts one.
func NewLive(t testing.TB) *Live {
	t.Helper()
	w := newWorld(t)
	return &Live{URL: w.url, Token: adminToken, w: w}
}

// Session signs a user in.
func (l *Live) Session(t testing.TB, userID string) string {
	t.Helper()
	return l.w.session(t, userID)
}

// Give lets a user have a grant and an identity, whose id it returns; and makes a trace of that id.
func (l *Live) Give(t testing.TB, userID, clientID string) (identityID string) {
	t.Helper()
	ctx, at := context.Background(), time.Now().UTC()
	i := &idp.Identity{ID: idp.NewID(), UserID: userID, ProviderID: "corp", Issuer: "https://op.example", Subject: "1", CreatedAt: at, LastUsedAt: at}
	for _, err := range []error{
		l.w.Store.PutGrant(ctx, userID, clientID, []string{"openid"}, at),
		l.w.Store.CreateIdentity(ctx, i),
		l.w.Store.PutTraces(ctx, []*idp.Trace{{ID: i.ID, At: at, Endpoint: "token", ExpiresAt: at.Add(time.Hour)}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return i.ID
}

// Stranger makes a client that waits for approval.
func (l *Live) Stranger(t testing.TB, id string) {
	t.Helper()
	at := time.Now().UTC()
	c := &idp.Client{ID: id, ManagedBy: idp.ManagedByDocument, CreatedAt: at, UpdatedAt: at, ClientOrigin: idp.ClientOrigin{Pending: true}}
	if err := l.w.Store.CreateClient(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}
