package store_test

import (
	"testing"
	"time"

	"idp/internal/idp"
)

func TestAuthorizationTypes_AreOneOfEachName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	want := &idp.AuthorizationType{Name: "payment", Title: "Pay", Schema: []byte(`{"a":1}`), CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.PutAuthorizationType(ctx, want, w.now))
	got, err := w.AuthorizationType(ctx, "payment")
	must(t, err)
	same(t, "authorization type", got, want)
	want.Schema, want.UpdatedAt = []byte(`{}`), w.now.Add(time.Second)
	must(t, w.PutAuthorizationType(ctx, want, want.UpdatedAt))
	list, err := w.AuthorizationTypes(ctx)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("got %d types, want 1", len(list))
	}
	same(t, "after a change", list[0], want)
	must(t, w.DeleteAuthorizationType(ctx, "payment"))
	wantKind(t, "delete again", w.DeleteAuthorizationType(ctx, "payment"), idp.NotFound)
}
