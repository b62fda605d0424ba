package store_test

import (
	"testing"

	"idp/internal/idp"
)

func TestPairwiseSubject_LeadsBackUntilTheUserIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.UserByPairwiseSubject(ctx, "name")
	wantKind(t, "before", err, idp.NotFound)
	for range 2 {
		must(t, w.KeepPairwiseSubject(ctx, "name", w.user.ID))
	}
	if u, err := w.UserByPairwiseSubject(ctx, "name"); err != nil || u.ID != w.user.ID {
		t.Errorf("got %v, %v, want the user", u, err)
	}
	_, err = w.UserByPairwiseSubject(ctx, "another")
	wantKind(t, "another", err, idp.NotFound)
	must(t, w.DeleteUser(ctx, w.user.ID))
	_, err = w.UserByPairwiseSubject(ctx, "name")
	wantKind(t, "after", err, idp.NotFound)
}
