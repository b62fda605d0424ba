package store_test

import (
	"errors"
	"testing"

	"idp/internal/idp"
)

// RFC 9700 §4.15.1: a client's id is never a user's sub.
func TestCreateClient_IDOfAUserIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &idp.Client{ID: w.user.ID, CreatedAt: w.now, UpdatedAt: w.now}
	if err := w.CreateClient(t.Context(), c); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	c.ID = "app"
	if err := w.CreateClient(t.Context(), c); err != nil {
		t.Errorf("another id: got %v", err)
	}
}
