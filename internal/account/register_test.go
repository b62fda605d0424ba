package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/throttle"
	"idp/internal/upstream/upstreamtest"
)

// open lets people register, as often as told.
func open(perAddress, total int) func(*account.Config) {
	return func(c *account.Config) {
		c.Registration = account.Registration{
			Open: true, PerAddress: perAddress, Total: total,
			Throttle: throttle.New(throttle.Config{Store: c.Store, Keyring: c.Keyring, Logger: c.Logger}),
		}
	}
}

// register makes an account as the page does.
func (w *world) register(ctx context.Context, a account.Applicant) (*idp.User, error) {
	c, err := w.accounts.Apply(ctx, a)
	if err != nil {
		return nil, err
	}
	return c.User, c.Refused(ctx, w.store.InTx(ctx, c.Insert))
}

func from(t testing.TB, address string) context.Context {
	return idp.WithPeer(t.Context(), idp.Peer{RequestID: "r", Address: address})
}

func TestRegister_MakesAnAccountThatSignsIn(t *testing.T) { // FS-10, FS-11
	t.Parallel()
	w := newWorld(t, open(100, 100))
	u, err := w.register(from(t, "192.0.2.1"), account.Applicant{Email: " New@Bücher.Example ", Username: "Newcomer", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	got := w.user(t, u.ID)
	if got.Email != "new@xn--bcher-kva.example" || got.EmailVerified || got.Username != "Newcomer" || got.State != idp.UserActive || len(got.Roles) != 0 {
		t.Errorf("got %+v, want an active account with the canonical address, not verified, and no roles", got)
	}
	for _, identifier := range []string{"new@bücher.example", "newcomer"} {
		if !w.passwordWorks(t, identifier, goodPassword) {
			t.Errorf("the new account does not sign in as %s", identifier)
		}
	}
	w.wantEvents(t, u.ID, audit.UserCreated)
}

func TestRegister_IsClosedUnlessOpened(t *testing.T) { // FS-10
	t.Parallel()
	w := newWorld(t)
	_, err := w.register(t.Context(), account.Applicant{Email: "new@example.com", Password: goodPassword})
	wantKind(t, err, idp.NotFound, account.CodeRegistrationClosed)
	if n := len(w.users(t)); n != 0 {
		t.Errorf("got %d users, want none", n)
	}
}

func TestRegister_RefusesWithTheField(t *testing.T) { // FS-12, FS-13, FS-23, FS-24, FB-5, PS-7
	t.Parallel()
	w := newWorld(t, open(1, 1)) // what is refused for what was typed alone spends nothing
	good := account.Applicant{Email: "new@example.com", Username: "newcomer", Password: goodPassword}
	for name, c := range map[string]struct {
		change func(*account.Applicant)
		want   []string
	}{
		"no address":                   {func(a *account.Applicant) { a.Email = "" }, []string{"email"}},
		"no address and no username":   {func(a *account.Applicant) { a.Email, a.Username = "", "" }, []string{"email"}},
		"no address at all":            {func(a *account.Applicant) { a.Email = "new" }, []string{"email"}},
		"markup":                       {func(a *account.Applicant) { a.Username = "<b>x" }, []string{"username"}},
		"an address as username":       {func(a *account.Applicant) { a.Username = "ann@example.com" }, []string{"username"}},
		"the service's name":           {func(a *account.Applicant) { a.Username = "ＡＤＭＩＮ" }, []string{"username"}},
		"a Cyrillic letter among ours": {func(a *account.Applicant) { a.Username = "p\u0430ul" }, []string{"username"}},
		"short":                        {func(a *account.Applicant) { a.Password = "short" }, []string{"password"}},
		"control character":            {func(a *account.Applicant) { a.Password = goodPassword + "\x00" }, []string{"password"}},
		"their own address":            {func(a *account.Applicant) { a.Password = a.Email }, []string{"password"}},
		"their own username":           {func(a *account.Applicant) { a.Username, a.Password = "violetkettlemarches", "violetkettlemarches1" }, []string{"password"}},
		"10 MB":                        {func(a *account.Applicant) { a.Password = strings.Repeat("a", 10<<20) }, []string{"password"}},
		"a long address":               {func(a *account.Applicant) { a.Email = strings.Repeat("a", 10<<10) + "@example.com" }, []string{"email"}},
		"everything":                   {func(a *account.Applicant) { *a = account.Applicant{Email: "x", Username: "?", Password: "short"} }, []string{"email", "username", "password"}},
	} {
		a := good
		c.change(&a)
		_, err := w.register(from(t, "192.0.2.1"), a)
		var got []string
		for _, f := range idp.Faults(err) {
			got = append(got, f.Field)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v about %v, want faults of %v", name, err, got, c.want)
		}
	}
	if n := len(w.users(t)); n != 0 {
		t.Fatalf("got %d users, want none", n)
	}
	if _, err := w.register(from(t, "192.0.2.1"), good); err != nil {
		t.Errorf("after all those: %v, want the account", err)
	}
}

func TestRegister_TakesUsernamesOfAnyOneScript(t *testing.T) { // FS-12
	t.Parallel()
	w := newWorld(t, open(100, 100))
	for i, name := range []string{"ann.lee-2", "müller", "иван", "ελένη", "山田たろう", "김철수", "عائشة", "דוד_7"} {
		if _, err := w.register(from(t, "192.0.2.1"), account.Applicant{Email: fmt.Sprintf("%d@example.com", i), Username: name, Password: goodPassword}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRegister_TakenNamesInAnySpelling(t *testing.T) { // FS-11, FS-12, FS-15
	t.Parallel()
	w := newWorld(t, open(100, 100))
	owner := w.ursula(t)
	for name, c := range map[string]struct {
		a    account.Applicant
		code string
	}{
		"address":            {account.Applicant{Email: "ursula@corp.example"}, account.CodeAddressTaken},
		"address, upper":     {account.Applicant{Email: "URSULA@Corp.Example"}, account.CodeAddressTaken},
		"username":           {account.Applicant{Email: "1@example.com", Username: "ursula"}, account.CodeUsernameTaken},
		"full-width letters": {account.Applicant{Email: "2@example.com", Username: "ＵＲＳＵＬＡ"}, account.CodeUsernameTaken},
	} {
		c.a.Password = otherPassword
		_, err := w.register(from(t, "192.0.2.1"), c.a)
		if known := (*idp.Error)(nil); !errors.As(err, &known) || known.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
	if n := len(w.users(t)); n != 1 {
		t.Errorf("got %d users, want ursula alone", n)
	}
	w.wantEvents(t, owner.ID, audit.UserCreated, audit.UserNotCreated, audit.UserNotCreated, audit.UserNotCreated, audit.UserNotCreated)
	if !w.passwordWorks(t, "ursula", goodPassword) || w.passwordWorks(t, "ursula", otherPassword) {
		t.Error("somebody else's registration changed a password")
	}
}

// The hash is made before the database is asked, so a taken name takes the work of a free one; and learning it costs one of the tries (FS-15, SEC-18).
func TestRegister_LearningWhoIsHereCosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, open(3, 5))
	w.ursula(t)
	taken := account.Applicant{Email: "ursula@corp.example", Password: otherPassword}
	for i := range 3 {
		if _, err := w.register(from(t, "192.0.2.1"), taken); idp.KindOf(err) != idp.Conflict {
			t.Errorf("try %d: got %v, want a conflict", i, err)
		}
	}
	for name, email := range map[string]string{"taken": "ursula@corp.example", "free": "free@example.com"} {
		_, err := w.register(from(t, "192.0.2.1"), account.Applicant{Email: email, Password: otherPassword})
		if known := (*idp.Error)(nil); !errors.As(err, &known) || known.Kind != idp.Throttled || known.RetryAfter <= 0 {
			t.Errorf("the fourth try from one address, %s: got %v, want it throttled whichever it is", name, err)
		}
	}
	for i := range 2 {
		if _, err := w.register(from(t, fmt.Sprintf("198.51.100.%d", i)), taken); idp.KindOf(err) != idp.Conflict {
			t.Errorf("another address: got %v, want a conflict", err)
		}
	}
}

// Somebody with many addresses learns and fills no more than their networks may, and does not use up what others need.
func TestRegister_ManyAddressesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, open(1, 4))
	w.ursula(t)
	tries := func(addresses ...string) (through int) {
		t.Helper()
		for _, address := range addresses {
			_, err := w.register(from(t, address), account.Applicant{Email: "ursula@corp.example", Password: otherPassword})
			switch idp.KindOf(err) {
			case idp.Conflict:
				through++
			case idp.Throttled:
			default:
				t.Fatalf("from %s: got %v", address, err)
			}
		}
		return through
	}
	numbered := func(format string, from, n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(format, from+i))
		}
		return list
	}
	for _, c := range []struct {
		what string
		got  int
		want int
	}{
		{"a /48 of IPv6", tries(numbered("2001:db8:1:%x::1", 1, 8)...), 4},
		{"three times a /24", tries(append(numbered("198.51.100.%d", 1, 6), append(numbered("198.51.101.%d", 1, 6), numbered("198.51.102.%d", 1, 6)...)...)...), 12},
		{"a fourth one, beyond the total", tries(numbered("198.51.103.%d", 1, 6)...), 3},
		{"somebody elsewhere", tries("203.0.113.9"), 1},
		{"somebody elsewhere, again", tries("203.0.113.9"), 0},
		{"the same /16", tries("198.51.104.1"), 0},
		{"a /32 of IPv6", tries(numbered("2001:db9:%x::1", 1, 30)...), 16},
		{"anybody, after ten times the total", tries(numbered("100.%d.0.1", 1, 30)...), 8},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d tries got through, want %d", c.what, c.got, c.want)
		}
	}
}

func TestRegister_HashesForTakenAndFreeAlike(t *testing.T) { // FS-15, SEC-18
	t.Parallel()
	w := newWorld(t, open(100, 100))
	w.ursula(t)
	for _, email := range []string{"ursula@corp.example", "free@example.com"} {
		// Apply ends with the hash, and knows nothing of what is taken.
		if _, err := w.accounts.Apply(from(t, "192.0.2.1"), account.Applicant{Email: email, Password: otherPassword}); err != nil {
			t.Errorf("%s: %v, want it judged and hashed", email, err)
		}
	}
}

// Whoever asks at the same moment, in whatever spelling: the unique key of the identifier decides.
func TestRegister_ParallelHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, open(1000, 1000))
	for _, c := range []struct {
		name      string
		applicant func(n int) account.Applicant
	}{
		{"address", func(n int) account.Applicant {
			return account.Applicant{Email: []string{"race@example.com", "RACE@Example.com", " race@EXAMPLE.com"}[n%3]}
		}},
		{"username", func(n int) account.Applicant {
			return account.Applicant{Email: fmt.Sprintf("%d@example.com", n), Username: []string{"racer", "RACER", "ｒａｃｅｒ"}[n%3]}
		}},
		{"both", func(int) account.Applicant { return account.Applicant{Email: "both@example.com", Username: "both"} }},
	} {
		var won, refused atomic.Int64
		var group sync.WaitGroup
		for worker := range 16 {
			group.Go(func() {
				for n := worker; n < 64; n += 16 {
					a := c.applicant(n)
					a.Password = goodPassword
					switch _, err := w.register(from(t, "192.0.2.1"), a); {
					case err == nil:
						won.Add(1)
					case idp.KindOf(err) == idp.Conflict && len(idp.Faults(err)) > 0:
						refused.Add(1)
					default:
						t.Errorf("%s: %v, want a sentence about what is taken", c.name, err)
					}
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || refused.Load() != 63 {
			t.Errorf("%s: %d of 64 registrations won and %d were told why not, want 1 and 63", c.name, won.Load(), refused.Load())
		}
	}
	if n := len(w.users(t)); n != 3 {
		t.Errorf("got %d users, want 3", n)
	}
}

// Somebody registers the victim's address and waits: the owner of the address gets the account emptied (SEC-8).
func TestRegister_IsNoTrapForTheOwnerOfTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, open(100, 100))
	u, err := w.register(from(t, "192.0.2.1"), account.Applicant{Email: "victim@corp.example", Username: "trap", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	w.signIn(t, u)
	op := upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "victim", Email: "victim@corp.example", EmailVerified: true}))
	if out.User == nil || out.User.ID != u.ID || !out.User.EmailVerified {
		t.Fatalf("got %+v, want the account given to the owner of the address", out)
	}
	if w.passwordWorks(t, "victim@corp.example", goodPassword) || w.passwordWorks(t, "trap", goodPassword) {
		t.Error("the password of whoever registered still works")
	}
	if left := w.sessionsOf(t, u.ID); len(left) != 0 {
		t.Errorf("sessions %v are left", left)
	}
}

func TestRegister_BreachedPasswordIsRefused(t *testing.T) { // FS-25
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("AD6438836DBE526AA231ABDE2D0EEF74D42:12\r\n")) // goodPassword's
	}))
	t.Cleanup(server.Close)
	b, err := secret.NewBreached(secret.BreachedConfig{Mode: secret.BreachedNormal, URL: server.URL + "/range/"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, open(100, 100), func(c *account.Config) { c.Breached = b })
	_, err = w.register(from(t, "192.0.2.1"), account.Applicant{Email: "new@example.com", Password: goodPassword})
	if e := wantKind(t, err, idp.Invalid, ""); e.Field != "password" {
		t.Errorf("got %v, want the password refused", err)
	}
}
