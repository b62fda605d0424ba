package auth_test

import (
	"errors"
	"testing"
	"time"

	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
)

// FL-15, SEC-11: what was judged before a change of password, or before the account was disabled, opens nothing after it.
func TestProof_StandsOnlyWhileNothingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	ctx := from(t, "192.0.2.1")
	prove := func(name string, u *idp.User) *auth.Proof {
		proof, err := w.password.Prove(ctx, auth.Attempt{Identifier: name, Password: goodPassword})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if proof.User.ID != u.ID {
			t.Fatalf("%s: got user %s, want %s", name, proof.User.ID, u.ID)
		}
		return proof
	}
	alice := w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	proof := prove("alice", alice)
	if err := proof.Stands(ctx); err != nil {
		t.Fatalf("nothing changed: got %v, want nil", err)
	}
	at := time.Now().UTC()
	c := &idp.Credential{ID: idp.NewID(), UserID: alice.ID, Kind: idp.CredentialPassword, Secret: w.hash(t, goodPassword), CreatedAt: at, UpdatedAt: at}
	if err := w.store.PutPassword(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := proof.Stands(ctx); !errors.Is(err, auth.ErrChanged) {
		t.Errorf("after a new password: got %v, want ErrChanged", err)
	}
	if err := prove("alice", alice).Stands(ctx); err != nil {
		t.Errorf("with the new one: got %v, want nil", err)
	}

	bob := w.user(t, "bob", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	proof = prove("bob", bob)
	if err := w.store.SetUserState(ctx, bob.ID, idp.UserDisabled, at); err != nil {
		t.Fatal(err)
	}
	if err := proof.Stands(ctx); !errors.Is(err, auth.ErrChanged) {
		t.Errorf("after the user was disabled: got %v, want ErrChanged", err)
	}

	carol := w.user(t, "carol", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	proof = prove("carol", carol)
	if err := w.store.DeleteUser(ctx, carol.ID); err != nil {
		t.Fatal(err)
	}
	if err := proof.Stands(ctx); !errors.Is(err, auth.ErrChanged) {
		t.Errorf("after the user was deleted: got %v, want ErrChanged", err)
	}
}

// FB-1: the hash that is renewed by the sign-in itself is no change.
func TestProof_StandsAfterItsOwnRehash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	ctx := from(t, "192.0.2.1")
	w.user(t, "alice", idp.UserActive, secret.SchemeImported, w.hash(t, goodPassword))
	proof, err := w.password.Prove(ctx, auth.Attempt{Identifier: "alice", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	login, err := w.store.PasswordLogin(ctx, "alice")
	if err != nil || login.Credential.Scheme != string(secret.SchemeOwn) {
		t.Fatalf("got scheme %q (%v), want the hash renewed", login.Credential.Scheme, err)
	}
	if err := proof.Stands(ctx); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
