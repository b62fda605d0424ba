package account_test

import (
	"errors"
	"testing"

	"idp/internal/auth"
	"idp/internal/secret"
	"idp/internal/upstream/upstreamtest"
)

// SEC-11, FD-15: a link is a way in for good, so the proof that asks for it must still hold when it is made. The password was changed
// while the old one was being judged.
func TestLinkIdentity_ProofThatNoLongerStandsLinksNothing(t *testing.T) {
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p, u := provider(t, op, nil), w.ursula(t)
	waiting := w.pending(t, op, p, u, "thief")
	proof, err := w.password.ProveUser(t.Context(), u, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.accounts.SetPassword(t.Context(), u.ID, secret.NewClientSecret(), ""); err != nil {
		t.Fatal(err)
	}
	if err := w.accounts.LinkIdentity(t.Context(), u.ID, waiting.Pending, proof.Stands); !errors.Is(err, auth.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if n := len(w.links(t, u.ID)); n != 0 {
		t.Errorf("got %d links, want none", n)
	}
}
