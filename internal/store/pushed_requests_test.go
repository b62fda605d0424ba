package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// RFC 9126 §7.3: read as often as people load the page, answered once.
func TestPushedRequests_GiveOneAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	want := &idp.PushedRequest{ID: idp.NewID(), ClientID: "app", Params: "a=b&c=%26", CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute)}
	must(t, w.PutPushedRequest(ctx, want, []byte("d")))
	for range 2 {
		got, err := w.PushedRequest(ctx, want.ID, []byte("d"), want.ExpiresAt.Add(-time.Microsecond))
		must(t, err)
		same(t, "pushed request", got, want)
	}
	for name, read := range map[string]func() error{
		"another digest": func() error { _, err := w.PushedRequest(ctx, want.ID, []byte("e"), w.now); return err },
		"another id":     func() error { _, err := w.PushedRequest(ctx, idp.NewID(), []byte("d"), w.now); return err },
		"at its end":     func() error { _, err := w.PushedRequest(ctx, want.ID, []byte("d"), want.ExpiresAt); return err },
	} {
		wantKind(t, name, read(), idp.NotFound)
	}
	conditions := store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true, Once: true}
	var code atomic.Value
	if won := race(t, 32, idp.ErrConflict, func(i int) error {
		_, err := w.IssueCode(ctx, &idp.Authorization{ID: want.ID, ClientID: "app", CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Hour)}, fmt.Append(nil, "code", i), conditions, w.now)
		if err == nil {
			code.Store(fmt.Append(nil, "code", i))
		}
		return err
	}); won != 1 {
		t.Errorf("got %d authorizations of one request, want 1", won)
	}
	// A used one is no fault of the database's: whatever shares its transaction goes on.
	must(t, w.InTx(ctx, func(ctx context.Context) error {
		_, err := w.IssueCode(ctx, &idp.Authorization{ID: want.ID, ClientID: "app", CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Hour)}, []byte("late"), conditions, w.now)
		wantKind(t, "the same request again", err, idp.Conflict)
		_, err = w.PushedRequest(ctx, want.ID, []byte("d"), w.now)
		return err
	}))
	got, err := w.PushedRequest(ctx, want.ID, []byte("d"), w.now)
	must(t, err)
	if !got.Used {
		t.Error("after the authorization: want the request used")
	}
	// Spending the code does not make the row go sooner: while it is there no page that is still open gets another code.
	v, err := w.RedeemCode(ctx, store.Redemption{ID: want.ID, CodeDigest: code.Load().([]byte), ClientID: "app", Expires: w.now.Add(time.Second)}, w.now)
	must(t, err)
	if !v.ExpiresAt.Equal(w.now.Add(time.Hour)) {
		t.Errorf("after the exchange the row expires at %s, want an hour after %s", v.ExpiresAt, w.now)
	}
	must(t, w.DropPushedRequest(ctx, want.ID))
	must(t, w.DropPushedRequest(ctx, want.ID))
	_, err = w.PushedRequest(ctx, want.ID, []byte("d"), w.now)
	wantKind(t, "dropped", err, idp.NotFound)
}
