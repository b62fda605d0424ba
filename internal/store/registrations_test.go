package store_test

import (
	"slices"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

func TestRegistrationTokens_CountInOneStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	v := &store.RegistrationToken{
		ID: idp.NewID(), Name: "partner", Policy: store.RegistrationPolicy{Scopes: []string{"openid"}}, Most: 3, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour),
	}
	digest := []byte("digest")
	must(t, w.CreateRegistrationToken(ctx, v, digest))
	list, err := w.RegistrationTokens(ctx, store.Page{}, w.now)
	must(t, err)
	same(t, "tokens", list, []*store.RegistrationToken{v})
	_, err = w.UseRegistrationToken(ctx, v.ID, []byte("another"), w.now)
	wantKind(t, "another digest", err, idp.NotFound)
	_, err = w.UseRegistrationToken(ctx, v.ID, digest, v.ExpiresAt)
	wantKind(t, "expired", err, idp.NotFound)
	won := race(t, 12, idp.ErrNotFound, func(int) error {
		_, err := w.UseRegistrationToken(ctx, v.ID, digest, w.now)
		return err
	})
	if won != 3 {
		t.Errorf("got %d registrations with a token for 3", won)
	}
	must(t, w.DeleteRegistrationToken(ctx, v.ID))
	wantKind(t, "delete again", w.DeleteRegistrationToken(ctx, v.ID), idp.NotFound)
}

func TestClients_OfOneSourceAreBoundedAndSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	strange := func(id string, age time.Duration) *idp.Client {
		return &idp.Client{ID: id, ManagedBy: idp.ManagedByOpen, CreatedAt: w.now.Add(-age), UpdatedAt: w.now.Add(-age)}
	}
	must(t, w.CreateClientWithin(ctx, strange("old", 48*time.Hour), 3))
	must(t, w.CreateClientWithin(ctx, strange("used", 48*time.Hour), 3))
	must(t, w.CreateClientWithin(ctx, strange("young", time.Hour), 3))
	wantKind(t, "one more than the most", w.CreateClientWithin(ctx, strange("more", 0), 3), idp.Conflict)
	wantKind(t, "same id", w.CreateClientWithin(ctx, strange("old", 0), 9), idp.Conflict)
	approved := strange("approved", 48*time.Hour)
	approved.ManagedBy = idp.ManagedByOpenApproved
	must(t, w.CreateClientWithin(ctx, approved, 1))
	must(t, w.CreateClient(ctx, &idp.Client{ID: "ours", CreatedAt: w.now.Add(-48 * time.Hour), UpdatedAt: w.now.Add(-48 * time.Hour)}))
	must(t, w.PutGrant(ctx, w.user.ID, "used", []string{"openid"}, w.now))
	before, err := w.Versions(ctx)
	must(t, err)
	ids, err := w.SweepClients(ctx, idp.ManagedByOpen, w.now.Add(-24*time.Hour), 10)
	must(t, err)
	if !slices.Equal(ids, []string{"old"}) {
		t.Errorf("swept %v, want the one that is old and that nobody allowed anything", ids)
	}
	after, err := w.Versions(ctx)
	must(t, err)
	if after[store.TopicClients] != before[store.TopicClients]+1 {
		t.Error("nobody is told that a client is gone")
	}
}

func TestResources_ChangeOnlyWhatWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	v := &idp.Resource{ID: "tools", Identifier: "https://tools.example/mcp", Name: "Tools", Scopes: []string{"tools.read"}, CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.CreateResource(ctx, v))
	wantKind(t, "same id", w.CreateResource(ctx, &idp.Resource{ID: "tools", Identifier: "https://x.example"}), idp.Conflict)
	wantKind(t, "same identifier", w.CreateResource(ctx, &idp.Resource{ID: "x", Identifier: v.Identifier}), idp.Conflict)
	got, err := w.Resource(ctx, "tools")
	must(t, err)
	same(t, "resource", got, v)
	next := *v
	next.Name, next.UpdatedAt = "Other", w.now.Add(time.Second)
	must(t, w.UpdateResource(ctx, &next, w.now))
	wantKind(t, "read before", w.UpdateResource(ctx, &next, w.now), idp.Conflict)
	list, err := w.Resources(ctx, store.Page{})
	must(t, err)
	same(t, "resources", list, []*idp.Resource{&next})
	must(t, w.DeleteResource(ctx, "tools"))
	wantKind(t, "delete again", w.DeleteResource(ctx, "tools"), idp.NotFound)
}
