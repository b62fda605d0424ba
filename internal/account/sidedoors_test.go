package account_test

import (
	"fmt"
	"testing"

	"idp/internal/account"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/session"
	"idp/internal/upstream/upstreamtest"
)

// way is one way of getting a session: prepare is done while the user is active, enter afterwards. enter returns who may have
// a session now.
type way struct {
	name  string
	begin func(t *testing.T, w *world, u *idp.User) (enter func() (*idp.User, error))
}

// ways lists every way of getting a session for an account that is there. Whoever adds one adds it here. Registration makes another account: it has its own test.
func ways() []way {
	return []way{
		{"password by address", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			return func() (*idp.User, error) {
				return w.password.Verify(t.Context(), auth.Attempt{Identifier: u.Email, Password: goodPassword})
			}
		}},
		{"password by username, on a known device", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			return func() (*idp.User, error) {
				return w.password.Verify(t.Context(), auth.Attempt{Identifier: u.Username, Password: goodPassword, KnownDevice: func(string) bool { return true }})
			}
		}},
		{"password again", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			return func() (*idp.User, error) { return u, w.password.VerifyUser(t.Context(), u, goodPassword) }
		}},
		{"upstream, linked", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			op := upstreamtest.NewInProcess(t)
			p := provider(t, op, func(p *idp.Provider) { p.Linking = idp.LinkAutomatic })
			claims := outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: true})
			if out := w.upstream(t, p, claims); out.User == nil {
				t.Fatalf("got %+v, want the identity linked", out)
			}
			return func() (*idp.User, error) {
				out := w.upstream(t, p, claims)
				return refusedOr(out)
			}
		}},
		{"upstream, linked automatically just now", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			op := upstreamtest.NewInProcess(t)
			p := provider(t, op, func(p *idp.Provider) { p.Linking = idp.LinkAutomatic })
			claims := outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: true})
			return func() (*idp.User, error) { return refusedOr(w.upstream(t, p, claims)) }
		}},
		{"upstream, proof and link", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			op := upstreamtest.NewInProcess(t)
			p := provider(t, op, nil)
			claims := outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: true})
			return func() (*idp.User, error) {
				proof := w.upstream(t, p, claims).NeedsProof
				if proof == nil {
					t.Fatal("no proof was asked for")
				}
				if err := w.password.VerifyUser(t.Context(), proof.User, goodPassword); err != nil {
					return nil, err
				}
				return proof.User, w.accounts.LinkIdentity(t.Context(), proof.User.ID, proof.Pending)
			}
		}},
		{"upstream, link after a proof in time", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			op := upstreamtest.NewInProcess(t)
			p := provider(t, op, nil)
			proof := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: true})).NeedsProof
			if err := w.password.VerifyUser(t.Context(), proof.User, goodPassword); err != nil {
				t.Fatal(err)
			}
			return func() (*idp.User, error) {
				return proof.User, w.accounts.LinkIdentity(t.Context(), proof.User.ID, proof.Pending)
			}
		}},
		{"recovery", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			token, err := w.accounts.Recover(t.Context(), u.ID)
			if err != nil {
				t.Fatal(err)
			}
			return func() (*idp.User, error) { return w.accounts.RedeemRecovery(t.Context(), token, otherPassword) }
		}},
		{"session that lives", func(t *testing.T, w *world, u *idp.User) func() (*idp.User, error) {
			c, _, err := w.sessions.Create(t.Context(), request(), session.SignIn{User: u})
			if err != nil {
				t.Fatal(err)
			}
			return func() (*idp.User, error) {
				live, err := w.store.LiveSession(t.Context(), c.Session.ID, c.Digest, c.Session.CreatedAt)
				if err != nil {
					return nil, err
				}
				return live.User, nil
			}
		}},
	}
}

func refusedOr(out account.Outcome) (*idp.User, error) {
	if out.Refused != nil {
		return nil, out.Refused
	}
	return out.User, nil
}

func TestSideDoors_DisabledUserIsRefusedWhicheverWayTheyCome(t *testing.T) { // SEC-3, PS-24
	t.Parallel()
	w := newWorld(t)
	for i, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for _, disabled := range []bool{false, true} {
				name := fmt.Sprintf("ursula-%d-%v", i, disabled)
				u := w.create(t, account.NewUser{Email: name + "@corp.example", EmailVerified: true, Username: name, Password: goodPassword})
				enter := way.begin(t, w, u)
				if disabled {
					if err := w.accounts.Disable(t.Context(), u.ID); err != nil {
						t.Fatal(err)
					}
				}
				got, err := enter()
				switch {
				case !disabled && (err != nil || got == nil || got.ID != u.ID):
					t.Errorf("while active: got %v, %v, want the user: the way itself is broken", got, err)
				case disabled && err == nil:
					t.Errorf("while disabled: got %v, want a refusal", got)
				case disabled:
					// A way of signing in says the one thing; what is gone says it is gone.
					if kind := idp.KindOf(err); kind != idp.NotFound && kind != idp.Gone {
						wantRefused(t, err)
					}
				}
				if links := w.links(t, u.ID); disabled && way.name != "upstream, linked" && len(links) != 0 {
					t.Errorf("while disabled: something was linked: %+v", links)
				}
			}
		})
	}
}

func TestSideDoors_BootstrapIsNoWayIntoADisabledAccount(t *testing.T) { // SEC-3
	t.Parallel()
	w := newWorld(t)
	u := w.create(t, account.NewUser{Email: "admin@corp.example", EmailVerified: true, Password: goodPassword, Roles: []string{idp.RoleAdmin}})
	if err := w.accounts.Disable(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	token, err := w.accounts.IssueBootstrapToken(t.Context()) // the only administrator is disabled, so there is none
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.accounts.BootstrapAdmin(t.Context(), token, account.NewUser{Email: u.Email, Password: otherPassword})
	wantKind(t, err, idp.Conflict, account.CodeAddressTaken)
	if _, err := w.accounts.EnsureAdmin(t.Context(), u.Email, otherPassword); idp.KindOf(err) != idp.Conflict {
		t.Errorf("from the configuration: got %v, want a conflict", err)
	}
	if got := w.user(t, u.ID); got.State != idp.UserDisabled || w.passwordWorks(t, u.Email, otherPassword) {
		t.Errorf("the disabled account was opened: %+v", got)
	}
}

func TestSideDoors_RegistrationIsNoWayIntoAnAccountThatIsThere(t *testing.T) { // SEC-3
	t.Parallel()
	w := newWorld(t, open(100, 100))
	for _, disabled := range []bool{false, true} {
		name := fmt.Sprintf("ursula-%t", disabled)
		u := w.create(t, account.NewUser{Email: name + "@corp.example", EmailVerified: true, Username: name, Password: goodPassword, Roles: []string{idp.RoleAdmin}})
		if disabled {
			if err := w.accounts.Disable(t.Context(), u.ID); err != nil {
				t.Fatal(err)
			}
		}
		for code, a := range map[string]account.Applicant{
			account.CodeAddressTaken:  {Email: u.Email, Password: otherPassword},
			account.CodeUsernameTaken: {Email: "new-" + u.Email, Username: u.Username, Password: otherPassword},
		} {
			_, err := w.register(from(t, "192.0.2.1"), a)
			wantKind(t, err, idp.Conflict, code)
		}
		if w.passwordWorks(t, u.Email, otherPassword) {
			t.Errorf("disabled %t: the password of whoever registered opens the account", disabled)
		}
	}
}
