package account_test

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

func TestBootstrap_TokenMakesOneAdministratorAndIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if needed, err := w.accounts.NeedsBootstrap(t.Context()); err != nil || !needed {
		t.Fatalf("an empty server needs an administrator: got %v, %v", needed, err)
	}
	old, err := w.accounts.IssueBootstrapToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.accounts.IssueBootstrapToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := account.NewUser{Email: "admin@corp.example", Password: goodPassword}
	other := w.keyring.NewToken(secret.TokenOnce, idp.NewID()).Text
	code := w.keyring.NewToken(secret.TokenCode, idp.NewID()).Text
	for name, wrong := range map[string]string{"none": "", "replaced": old, "never issued": other, "of another kind": code, "cut": token[:len(token)-1]} {
		if _, err := w.accounts.BootstrapAdmin(t.Context(), wrong, n); idp.KindOf(err) != idp.Gone {
			t.Errorf("token %s: got %v, want it gone", name, err)
		}
	}
	if _, err := w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: n.Email}); idp.KindOf(err) != idp.Invalid {
		t.Errorf("no password: got %v, want it refused", err)
	}
	u, err := w.accounts.BootstrapAdmin(t.Context(), " "+token+"\n", n) // as people paste
	if err != nil {
		t.Fatal(err)
	}
	if !u.HasRole(idp.RoleAdmin) || u.State != idp.UserActive || !w.passwordWorks(t, n.Email, goodPassword) {
		t.Errorf("got %+v, want an administrator who can sign in", u)
	}
	w.wantEvents(t, u.ID, audit.UserCreated, audit.AdminBootstrapped)
	if _, err := w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: "b@corp.example", Password: goodPassword}); idp.KindOf(err) != idp.Gone {
		t.Errorf("a second use: got %v, want it gone", err)
	}
	if needed, err := w.accounts.NeedsBootstrap(t.Context()); err != nil || needed {
		t.Errorf("got needed=%v, %v, want not", needed, err)
	}
	if _, err := w.accounts.IssueBootstrapToken(t.Context()); idp.KindOf(err) != idp.Conflict {
		t.Errorf("a token for a server that has an administrator: got %v, want a conflict", err)
	}
}

func TestBootstrap_TokenIsOfNoUseOnceThereIsAnAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.accounts.IssueBootstrapToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.create(t, account.NewUser{Email: "first@corp.example", Password: goodPassword, Roles: []string{idp.RoleAdmin}})
	_, err = w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: "second@corp.example", Password: goodPassword})
	wantKind(t, err, idp.Conflict, "already_bootstrapped")
	if len(w.users(t)) != 1 {
		t.Error("a second administrator was made")
	}
}

func TestBootstrap_ParallelUsesMakeOneAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.accounts.IssueBootstrapToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			_, errs[i] = w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: string(rune('a'+i)) + "@corp.example", Password: goodPassword})
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if users := w.users(t); won != 1 || len(users) != 1 {
		t.Errorf("%d uses succeeded and %d users were made, want one: %v", won, len(users), errs)
	}
}

func TestBootstrap_TokensExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.keyring.NewToken(secret.TokenOnce, idp.NewID())
	at := time.Now().UTC()
	if err := w.store.PutOnceToken(t.Context(), token.Digest, "bootstrap", "first administrator", at, at.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.accounts.BootstrapAdmin(t.Context(), token.Text, account.NewUser{Email: "a@corp.example", Password: goodPassword}); idp.KindOf(err) != idp.Gone {
		t.Errorf("got %v, want it gone", err)
	}
}

func TestEnsureAdmin_MakesOneFromConfigurationOnce(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string]string{"password": goodPassword, "hash": string(hash)} {
		w := newWorld(t)
		var all sync.WaitGroup
		made, errs := make([]*idp.User, 4), make([]error, 4)
		for i := range made { // replicas start together
			all.Go(func() { made[i], errs[i] = w.accounts.EnsureAdmin(t.Context(), "ops@corp.example", proof) })
		}
		all.Wait()
		n := 0
		for i := range made {
			if errs[i] != nil {
				t.Errorf("%s: %v", name, errs[i])
			}
			if made[i] != nil {
				n++
			}
		}
		if n != 1 || len(w.users(t)) != 1 || !w.passwordWorks(t, "ops@corp.example", goodPassword) {
			t.Errorf("%s: made %d of %d users, want one who can sign in", name, n, len(w.users(t)))
		}
		if u, err := w.accounts.EnsureAdmin(t.Context(), "other@corp.example", otherPassword); u != nil || err != nil {
			t.Errorf("%s: at the next start: got %v, %v, want nothing done", name, u, err)
		}
	}
	w := newWorld(t)
	if _, err := w.accounts.EnsureAdmin(t.Context(), "ops@corp.example", "short"); idp.KindOf(err) != idp.Invalid {
		t.Errorf("a poor password: got %v, want it refused", err)
	}
}

func TestRecover_TokenSetsAPasswordOnceAndSignsOutEverywhere(t *testing.T) { // FL-15
	t.Parallel()
	w := newWorld(t)
	u := w.ursula(t)
	w.signIn(t, u)
	old, err := w.accounts.Recover(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.accounts.Recover(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !w.passwordWorks(t, "ursula", goodPassword) {
		t.Error("asking for recovery alone shut her out")
	}
	if _, err := w.accounts.RedeemRecovery(t.Context(), old, otherPassword); idp.KindOf(err) != idp.Gone {
		t.Errorf("the replaced token: got %v, want it gone", err)
	}
	if _, err := w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: "x@corp.example", Password: otherPassword}); idp.KindOf(err) != idp.Gone {
		t.Errorf("a recovery token at bootstrap: got %v, want it gone", err)
	}
	got, err := w.accounts.RedeemRecovery(t.Context(), token, otherPassword)
	if err != nil || got.ID != u.ID {
		t.Fatalf("got %v, %v, want ursula", got, err)
	}
	if len(w.sessionsOf(t, u.ID)) != 0 || w.passwordWorks(t, "ursula", goodPassword) || !w.passwordWorks(t, "ursula", otherPassword) {
		t.Error("an old session or the old password lives, or the new password does not work")
	}
	if _, err := w.accounts.RedeemRecovery(t.Context(), token, "another good long password"); idp.KindOf(err) != idp.Gone {
		t.Errorf("a second use: got %v, want it gone", err)
	}
	// A new password by any other way ends a link that still waits.
	waiting, err := w.accounts.Recover(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.accounts.SetPassword(t.Context(), u.ID, goodPassword, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.accounts.RedeemRecovery(t.Context(), waiting, otherPassword); idp.KindOf(err) != idp.Gone {
		t.Errorf("after a new password: got %v, want the link gone", err)
	}
}

func TestRecover_OfAUserWhoIsNotActiveIsRefused(t *testing.T) { // SEC-3, PS-24
	t.Parallel()
	w := newWorld(t)
	u := w.ursula(t)
	token, err := w.accounts.Recover(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Not by Disable, which forgets the token as well: each of the two must be enough.
	if err := w.store.SetUserState(t.Context(), u.ID, idp.UserDisabled, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err = w.accounts.RedeemRecovery(t.Context(), token, otherPassword)
	wantRefused(t, err)
	_, err = w.accounts.Recover(t.Context(), u.ID)
	wantKind(t, err, idp.Conflict, "user_not_active")
	if err := w.accounts.Enable(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if !w.passwordWorks(t, "ursula", goodPassword) {
		t.Error("the refused recovery changed the password")
	}
}
