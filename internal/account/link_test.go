package account_test

import (
	"strings"
	"sync"
	"testing"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/upstream/upstreamtest"
)

// pending returns a demand for proof of u's account by somebody with the given subject.
func (w *world) pending(t testing.TB, op *upstreamtest.OP, p *idp.Provider, u *idp.User, subject string) *account.Proof {
	t.Helper()
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: subject, Email: u.Email, EmailVerified: true}))
	if out.NeedsProof == nil {
		t.Fatalf("got %+v, want a demand for proof", out)
	}
	return out.NeedsProof
}

func TestLinkIdentity_AfterProofTheIdentitySignsIn(t *testing.T) { // FD-15
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	u, p := w.ursula(t), provider(t, op, nil)
	proof := w.pending(t, op, p, u, "Subject-In-Clear")
	if strings.Contains(proof.Pending, "Subject-In-Clear") || strings.Contains(proof.Pending, u.Email) {
		t.Errorf("the pending identity is not sealed: %s", proof.Pending)
	}
	if got, err := w.accounts.Pending(u.ID, proof.Pending); err != nil || got.ProviderID != "fake" || got.Email != u.Email {
		t.Errorf("got %+v, %v, want the pending identity", got, err)
	}
	for range 2 { // a second tab: once is enough, twice does no harm
		if err := w.accounts.LinkIdentity(t.Context(), u.ID, proof.Pending); err != nil {
			t.Fatal(err)
		}
	}
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "Subject-In-Clear"}))
	if out.User == nil || out.User.ID != u.ID || len(w.links(t, u.ID)) != 1 {
		t.Errorf("got %+v, want ursula", out)
	}
	w.wantEvents(t, u.ID, audit.UserCreated, audit.IdentityLinked)
}

func TestLinkIdentity_OfSomebodyElseIsRefusedAndNothingMoves(t *testing.T) { // FD-15, PS-6
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	u := w.ursula(t)
	v := w.create(t, account.NewUser{Email: "v@corp.example", EmailVerified: true, Password: goodPassword})
	forU, forV := w.pending(t, op, p, u, "g1"), w.pending(t, op, p, v, "g1")
	if err := w.accounts.LinkIdentity(t.Context(), u.ID, forU.Pending); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.accounts.LinkIdentity(t.Context(), v.ID, forV.Pending), idp.Conflict, account.CodeIdentityTaken)
	if got := w.links(t, u.ID); len(got) != 1 || len(w.links(t, v.ID)) != 0 {
		t.Errorf("something moved: u has %+v, v has %+v", got, w.links(t, v.ID))
	}
	w.wantEvents(t, v.ID, audit.UserCreated, audit.IdentityRefused)
}

func TestLinkIdentity_ParallelLinksHaveOneWinner(t *testing.T) { // FD-15, PS-11
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	const n = 8
	users, proofs, errs := make([]*idp.User, n), make([]*account.Proof, n), make([]error, n)
	for i := range n {
		users[i] = w.create(t, account.NewUser{Email: string(rune('a'+i)) + "@corp.example", EmailVerified: true, Password: goodPassword})
		proofs[i] = w.pending(t, op, p, users[i], "g1")
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = w.accounts.LinkIdentity(t.Context(), users[i].ID, proofs[i].Pending) })
	}
	all.Wait()
	won := 0
	for i := range n {
		switch {
		case errs[i] == nil:
			won++
		default:
			wantKind(t, errs[i], idp.Conflict, account.CodeIdentityTaken)
		}
	}
	if won != 1 {
		t.Errorf("%d users got the identity, want one", won)
	}
}

func TestLinkIdentity_PendingIdentityIsTiedToItsAccount(t *testing.T) { // FD-15, SEC-7
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	u := w.ursula(t)
	attacker := w.create(t, account.NewUser{Email: "attacker@corp.example", EmailVerified: true, Password: otherPassword})
	proof := w.pending(t, op, p, u, "s")
	for name, text := range map[string]string{
		"another account's": proof.Pending,
		"altered":           proof.Pending[:len(proof.Pending)-2] + "AA",
		"empty":             "",
		"in clear":          `{"user":"` + attacker.ID + `"}`,
	} {
		wantKind(t, w.accounts.LinkIdentity(t.Context(), attacker.ID, text), idp.Gone, account.CodePendingGone)
		if len(w.links(t, attacker.ID)) != 0 {
			t.Errorf("%s: it was linked", name)
		}
	}
}

func TestUnlinkIdentity_KeepsTheLastWayIn(t *testing.T) { // FD-15
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	only := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "only"})).User
	wantKind(t, w.accounts.UnlinkIdentity(t.Context(), only.ID, w.links(t, only.ID)[0].ID), idp.Conflict, account.CodeLastWayIn)

	u := w.ursula(t)
	if err := w.accounts.LinkIdentity(t.Context(), u.ID, w.pending(t, op, p, u, "second").Pending); err != nil {
		t.Fatal(err)
	}
	id := w.links(t, u.ID)[0].ID
	if err := w.accounts.UnlinkIdentity(t.Context(), only.ID, id); idp.KindOf(err) != idp.NotFound {
		t.Errorf("somebody else's link: got %v, want not found", err)
	}
	if err := w.accounts.UnlinkIdentity(t.Context(), u.ID, id); err != nil {
		t.Errorf("with a password beside it: %v", err)
	}
	if out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "second", Email: u.Email, EmailVerified: true})); out.NeedsProof == nil {
		t.Errorf("after unlinking: got %+v, want a demand for proof", out)
	}
}
