package account_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"idp/internal/account"
	"idp/internal/idp"
	"idp/internal/store"
)

const seedText = `
users:
  - email: Alice@Example.com
    username: alice
    password: easy
    roles: [admin]
    birthdate: 1990-12-31
    address: {country: Germany}
  - username: bob
    email: bob@example.com
    email_verified: false
    state: disabled
clients:
  - client_id: app
    redirect_uris: [https://app.example/cb]
  - client_id: other
`

func readSeed(t testing.TB, text string) *account.SeedFile {
	t.Helper()
	seed, err := account.ReadSeedFile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// dump is everything that seeding may write.
func (w *world) dump(t testing.TB) string {
	t.Helper()
	events, err := w.store.AuditEvents(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	all := []any{events}
	for _, u := range w.users(t) {
		login, err := w.store.PasswordOf(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, login)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSeed_TwiceGivesTheSame(t *testing.T) { // FL-21
	t.Parallel()
	w := newWorld(t)
	seed := readSeed(t, seedText)
	report, err := w.accounts.Seed(t.Context(), seed.Users)
	if err != nil || report != (account.SeedReport{Created: 2}) {
		t.Fatalf("got %+v, %v, want two created", report, err)
	}
	before := w.dump(t)
	report, err = w.accounts.Seed(t.Context(), readSeed(t, seedText).Users)
	if err != nil || report != (account.SeedReport{Unchanged: 2}) {
		t.Errorf("the second time: got %+v, %v, want two unchanged", report, err)
	}
	if after := w.dump(t); after != before {
		t.Errorf("the second time changed something:\n%s\n%s", before, after)
	}
	if !w.passwordWorks(t, "alice@example.com", "easy") {
		t.Error("the seeded password does not work")
	}
	alice, err := w.store.UserByIdentifier(t.Context(), "alice")
	if err != nil || !alice.EmailVerified || !alice.HasRole(idp.RoleAdmin) || alice.Profile.Birthdate != "1990-12-31" || alice.Profile.Address.Country != "Germany" {
		t.Errorf("got %+v, %v", alice, err)
	}
	bob, err := w.store.UserByIdentifier(t.Context(), "bob")
	if err != nil || bob.EmailVerified || bob.State != idp.UserDisabled {
		t.Errorf("got %+v, %v", bob, err)
	}

	// What a test changed is put right again, and the sub stays.
	name := "renamed"
	if _, err := w.accounts.Update(t.Context(), alice.ID, account.Change{Username: &name}); err != nil {
		t.Fatal(err)
	}
	if err := w.accounts.SetPassword(t.Context(), alice.ID, otherPassword, ""); err != nil {
		t.Fatal(err)
	}
	report, err = w.accounts.Seed(t.Context(), seed.Users)
	if err != nil || report != (account.SeedReport{Updated: 1, Unchanged: 1}) {
		t.Errorf("after a change: got %+v, %v, want one updated", report, err)
	}
	again, err := w.store.UserByIdentifier(t.Context(), "alice")
	if err != nil || again.ID != alice.ID || !w.passwordWorks(t, "alice", "easy") || w.passwordWorks(t, "alice", otherPassword) {
		t.Errorf("got %+v, %v, want alice as the file has her", again, err)
	}
}

func TestSeed_ClientsAreHandedOnAsDocuments(t *testing.T) { // FL-21
	t.Parallel()
	seed := readSeed(t, seedText)
	want := "client_id: app\nredirect_uris: ['https://app.example/cb']\n---\nclient_id: other\n"
	if got := string(seed.Clients); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	empty := readSeed(t, "")
	if len(empty.Users) != 0 || empty.Clients != nil {
		t.Errorf("an empty file: got %+v", empty)
	}
}

func TestSeed_FaultsNameTheirLine(t *testing.T) { // FL-21
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"misspelt field":     {"users:\n  - email: a@example.com\n    passwrod: x\n", "line 2"},
		"misspelt list":      {"user:\n  - email: a@example.com\n", "line 1"},
		"broken address":     {"users:\n  - email: a@example.com\n  - email: nothing\n", "line 3"},
		"not names, values":  {"users:\n  - alice\n", "line 2"},
		"no YAML":            {"users: [", "seed file"},
		"unknown state":      {"users:\n  - username: alice\n    state: gone\n", "line 2"},
		"number for a name":  {"users:\n  - username: 12\n", "line 2"},
		"the second fault":   {"users:\n  - email: nothing\n    phone_number: one\n", "line 2, phone_number"},
		"a key of no string": {"users:\n  - {[a]: b}\n", "line 2"},
	} {
		_, err := account.ReadSeedFile(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a fault that names %s", name, err, c.want)
		}
	}
}

func TestSeed_TwoAccountsAreNeverMadeOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(t, account.NewUser{Email: "a@example.com"})
	w.create(t, account.NewUser{Username: "bob"})
	_, err := w.accounts.Seed(context.WithoutCancel(t.Context()), []account.NewUser{{Email: "a@example.com", Username: "bob"}})
	wantKind(t, err, idp.Conflict, "")
}

func TestDemoUser_HasEveryStandardClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		if _, err := w.accounts.Seed(t.Context(), []account.NewUser{account.DemoUser()}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.passwordWorks(t, account.DemoUsername, account.DemoPassword) || !w.passwordWorks(t, account.DemoEmail, account.DemoPassword) {
		t.Error("the demo user cannot sign in")
	}
	u := w.users(t)[0]
	if len(w.users(t)) != 1 || !u.EmailVerified || u.Username == "" || u.HasRole(idp.RoleAdmin) {
		t.Errorf("got %+v", u)
	}
	// Every member of the profile, so that a claim that is added here is added to the demonstration too.
	profile := reflect.ValueOf(u.Profile)
	for i := range profile.NumField() {
		if name := profile.Type().Field(i).Name; name != "Custom" && profile.Field(i).IsZero() {
			t.Errorf("the demo user has no %s", name)
		}
	}
	address := reflect.ValueOf(*u.Profile.Address)
	for i := range address.NumField() {
		if address.Field(i).IsZero() {
			t.Errorf("the demo user's address has no %s", address.Type().Field(i).Name)
		}
	}
}
