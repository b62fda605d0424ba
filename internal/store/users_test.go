package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

// race runs fn n times at once and returns how often it succeeded. Whoever did not must have heard loser.
func race(t *testing.T, n int, loser error, fn func(i int) error) int {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := fn(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, loser):
				t.Errorf("loser: got %v, want %v", err, loser)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(won.Load())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind fails unless err is of the kind.
func wantKind(t testing.TB, what string, err error, want idp.Kind) {
	t.Helper()
	if err == nil || idp.KindOf(err) != want {
		t.Errorf("%s: got %v, want kind %d", what, err, want)
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestUsers_ComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zone := time.FixedZone("far", -7*3600)
	u := &idp.User{
		ID: idp.NewID(), State: idp.UserPending, Username: "Bob.Ø", Email: "bob@example.com", Roles: []string{"a", "b"},
		Profile:   idp.Profile{Name: "B\nob \"'; --", Address: &idp.Address{Country: "NZ"}, Custom: map[string]any{"n": 1.5}},
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901234, zone), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 999999999, zone),
	}
	must(t, w.CreateUser(t.Context(), u))
	want := *u
	want.CreatedAt, want.UpdatedAt = u.CreatedAt.UTC().Truncate(time.Microsecond), u.UpdatedAt.UTC().Truncate(time.Microsecond)
	for _, find := range []func() (*idp.User, error){
		func() (*idp.User, error) { return w.User(t.Context(), u.ID) },
		func() (*idp.User, error) { return w.UserByIdentifier(t.Context(), "bob@example.com") },
		func() (*idp.User, error) { return w.UserByIdentifier(t.Context(), "bob.ø") },
		func() (*idp.User, error) { return w.LockUser(t.Context(), u.ID) },
	} {
		got, err := find()
		must(t, err)
		same(t, "user", *got, want)
	}

	u.Username, u.Email, u.Roles, u.State = "", "robert@example.com", []string{"c"}, idp.UserActive
	must(t, w.UpdateUser(t.Context(), u))
	for _, gone := range []string{"bob@example.com", "bob.ø"} {
		_, err := w.UserByIdentifier(t.Context(), gone)
		wantKind(t, gone, err, idp.NotFound)
	}
	for role, want := range map[string]bool{"a": false, "c": true, "admin": true, "": false} {
		if got, err := w.AnyActiveWithRole(t.Context(), role); err != nil || got != want {
			t.Errorf("role %q: got %v %v, want %v", role, got, err, want)
		}
	}
	must(t, w.SetUserState(t.Context(), u.ID, idp.UserDisabled, w.now))
	if got, err := w.AnyActiveWithRole(t.Context(), "c"); err != nil || got {
		t.Errorf("role of a disabled user: got %v %v, want false", got, err)
	}
}

func TestUsers_NotFoundAndConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.User(t.Context(), "nobody")
	wantKind(t, "read", err, idp.NotFound)
	wantKind(t, "update", w.UpdateUser(t.Context(), &idp.User{ID: idp.NewID(), State: idp.UserActive, CreatedAt: w.now, UpdatedAt: w.now}), idp.NotFound)
	wantKind(t, "state", w.SetUserState(t.Context(), "nobody", idp.UserActive, w.now), idp.NotFound)
	wantKind(t, "delete", w.DeleteUser(t.Context(), "nobody"), idp.NotFound)
	for name, u := range map[string]idp.User{
		"same address":                  {Email: "ann@example.com"},
		"same username in another case": {Username: "aNN"},
		"same id":                       {ID: w.user.ID},
	} {
		if u.ID == "" {
			u.ID = idp.NewID()
		}
		u.State, u.CreatedAt, u.UpdatedAt = idp.UserActive, w.now, w.now
		wantKind(t, name, w.CreateUser(t.Context(), &u), idp.Conflict)
		if u.ID != w.user.ID {
			_, err := w.User(t.Context(), u.ID)
			wantKind(t, name+": the half-made user", err, idp.NotFound)
		}
	}
	other := &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: "other", CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.CreateUser(t.Context(), other))
	other.Email = "ann@example.com"
	wantKind(t, "update to a taken address", w.UpdateUser(t.Context(), other), idp.Conflict)
	if got, err := w.UserByIdentifier(t.Context(), "other"); err != nil || got.Email != "" {
		t.Errorf("after the refused update: got %+v, %v, want the user as before", got, err)
	}
}

// RFC 9700 §4.15.1, and one namespace for whatever finds a person: a sub from elsewhere is nobody else's name, and no client's id.
func TestUsers_ASubMeansOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	make := func(id, username, email string) error {
		return w.CreateUser(t.Context(), &idp.User{ID: id, State: idp.UserActive, Username: username, Email: email, CreatedAt: w.now, UpdatedAt: w.now})
	}
	must(t, w.CreateClient(t.Context(), &idp.Client{ID: "app", CreatedAt: w.now, UpdatedAt: w.now}))
	wantKind(t, "a client's id", make("app", "one", ""), idp.Conflict)
	wantKind(t, "another's username in another case", make("ANN", "two", ""), idp.Conflict)
	wantKind(t, "another's address", make("ann@example.com", "three", ""), idp.Conflict)
	must(t, make("Moved", "moved", "moved@example.com")) // one's own name it may be
	must(t, make("f:1@x.example", "", "f1@example.com"))
	wantKind(t, "a username that is another's sub", make(idp.NewID(), "MOVED", ""), idp.Conflict)
	wantKind(t, "an address that is another's sub", make("four", "", "f:1@x.example"), idp.Conflict)
	wantKind(t, "a new username that is another's sub", w.UpdateUser(t.Context(), &idp.User{ID: w.user.ID, State: idp.UserActive, Username: "Moved", CreatedAt: w.now, UpdatedAt: w.now}), idp.Conflict)
	for _, find := range [][2]string{{"Moved", ""}, {"", "moved"}, {"Moved", "ann@example.com"}} {
		u, err := w.UserBySubOrIdentifier(t.Context(), find[0], find[1])
		if err != nil || u.ID != "Moved" {
			t.Errorf("%q: got %+v, %v, want the user Moved", find, u, err)
		}
	}
	_, err := w.UserBySubOrIdentifier(t.Context(), "moved", "")
	wantKind(t, "a sub in another case", err, idp.NotFound)
}

func TestUsers_IdentifierRaceHasOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	won := race(t, 16, idp.ErrConflict, func(i int) error {
		return w.CreateUser(t.Context(), &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: fmt.Sprintf("u%d", i), Email: "new@example.com", CreatedAt: w.now, UpdatedAt: w.now})
	})
	if won != 1 {
		t.Errorf("got %d users with one address, want 1", won)
	}
	list, err := w.Users(t.Context(), store.Page{})
	if err != nil || len(list) != 2 {
		t.Errorf("got %d users, %v, want 2", len(list), err)
	}
}

func TestUsers_PagesAreInOrderAndComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	must(t, w.InTx(t.Context(), func(ctx context.Context) error {
		want = []string{w.user.ID}
		for range 54 {
			id := idp.NewID()
			want = append(want, id)
			if err := w.CreateUser(ctx, &idp.User{ID: id, State: idp.UserActive, CreatedAt: w.now, UpdatedAt: w.now}); err != nil {
				return err
			}
		}
		return nil
	}))
	slices.Sort(want)
	var got []string
	for page := (store.Page{Limit: 7}); ; {
		list, err := w.Users(t.Context(), page)
		must(t, err)
		if len(list) == 0 {
			break
		}
		for _, u := range list {
			got = append(got, u.ID)
		}
		page.After = got[len(got)-1]
	}
	same(t, "ids over all pages", got, want)
	for _, c := range []struct{ limit, want int }{{0, 50}, {-1, 50}, {1000, 55}} {
		if list, err := w.Users(t.Context(), store.Page{Limit: c.limit}); err != nil || len(list) != c.want {
			t.Errorf("limit %d: got %d users, %v, want %d", c.limit, len(list), err, c.want)
		}
	}
}

// FL-18, EA-5: what was a person's goes with the account.
func TestDeleteUser_TakesAllThatIsTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	must(t, w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now))
	must(t, w.PutPassword(ctx, &idp.Credential{ID: idp.NewID(), UserID: w.user.ID, Secret: "h", CreatedAt: w.now, UpdatedAt: w.now}))
	must(t, w.CreateIdentity(ctx, &idp.Identity{ID: idp.NewID(), UserID: w.user.ID, Issuer: "i", Subject: "s", CreatedAt: w.now, LastUsedAt: w.now}))
	must(t, w.DeleteUser(ctx, w.user.ID))

	_, _, err = w.AuthorizationNow(ctx, a.ID, "")
	wantKind(t, "authorization", err, idp.NotFound)
	_, err = w.Session(ctx, w.session.ID)
	wantKind(t, "session", err, idp.NotFound)
	_, err = w.Grant(ctx, w.user.ID, "app")
	wantKind(t, "grant", err, idp.NotFound)
	_, err = w.PasswordLogin(ctx, "ann@example.com")
	wantKind(t, "password", err, idp.NotFound)
	_, err = w.IdentityBySubject(ctx, "i", "s")
	wantKind(t, "identity", err, idp.NotFound)
	if any, err := w.AnyActiveWithRole(ctx, "admin"); err != nil || any {
		t.Errorf("role: got %v %v, want none", any, err)
	}
	// Whoever was about to write for them hears that they are gone, and not that we are broken.
	wantKind(t, "new session", w.CreateSession(ctx, w.session, []byte("x"), nil), idp.NotFound)
	wantKind(t, "new grant", w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now), idp.NotFound)
	must(t, w.CreateUser(ctx, &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: "ann", Email: "ann@example.com", CreatedAt: w.now, UpdatedAt: w.now}))
}

func TestCredentials_EachUserHasOnePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	login, err := w.PasswordLogin(ctx, "ann@example.com")
	if err != nil || login.Credential != nil || login.User.ID != w.user.ID {
		t.Fatalf("without a password: got %+v, %v", login, err)
	}
	if got, err := w.PasswordOf(ctx, w.user.ID); err != nil || got.Credential != nil {
		t.Errorf("without a password: got %+v, %v", got, err)
	}
	first := &idp.Credential{ID: idp.NewID(), UserID: w.user.ID, Scheme: "md5", Secret: "old", CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.PutPassword(ctx, first))
	must(t, w.PutPassword(ctx, &idp.Credential{ID: idp.NewID(), UserID: w.user.ID, Secret: "new", CreatedAt: w.now.Add(time.Hour), UpdatedAt: w.now.Add(time.Hour)}))
	want := &idp.Credential{ID: first.ID, UserID: w.user.ID, Kind: idp.CredentialPassword, Secret: "new", CreatedAt: w.now, UpdatedAt: w.now.Add(time.Hour)}
	got, err := w.PasswordOf(ctx, w.user.ID)
	must(t, err)
	same(t, "password", got.Credential, want)
	login, err = w.PasswordLogin(ctx, "ann")
	must(t, err)
	if login.Credential == nil || login.Credential.Secret != "new" || login.Credential.Scheme != "" {
		t.Errorf("got %+v, want the new password", login.Credential)
	}
	wantKind(t, "rehash of a password that was changed", w.RehashPassword(ctx, first.ID, "old", "x", w.now), idp.Conflict)
	if won := race(t, 8, idp.ErrConflict, func(i int) error { return w.RehashPassword(ctx, first.ID, "new", fmt.Sprint(i), w.now) }); won != 1 {
		t.Errorf("got %d rehashes, want 1", won)
	}
	must(t, w.DeleteCredentials(ctx, w.user.ID))
	if got, err := w.PasswordOf(ctx, w.user.ID); err != nil || got.Credential != nil {
		t.Errorf("after the deletion: got %+v, %v", got, err)
	}
	_, err = w.PasswordOf(ctx, "nobody")
	wantKind(t, "nobody's password", err, idp.NotFound)
}

func TestIdentities_SubjectIsUniqueByteForByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	link := func(issuer, subject string) *idp.Identity {
		return &idp.Identity{ID: idp.NewID(), UserID: w.user.ID, ProviderID: "g", Issuer: issuer, Subject: subject, Email: "x@example.com", CreatedAt: w.now, LastUsedAt: w.now}
	}
	first := link("https://i", "Sub")
	must(t, w.CreateIdentity(ctx, first))
	must(t, w.CreateIdentity(ctx, link("https://i", "sub")))
	must(t, w.CreateIdentity(ctx, link("https://I", "Sub")))
	wantKind(t, "again", w.CreateIdentity(ctx, link("https://i", "Sub")), idp.Conflict)
	got, err := w.IdentityBySubject(ctx, "https://i", "Sub")
	must(t, err)
	same(t, "identity", got, first)
	_, err = w.IdentityBySubject(ctx, "https://i", "SUB")
	wantKind(t, "another case", err, idp.NotFound)
	if won := race(t, 8, idp.ErrConflict, func(int) error { return w.CreateIdentity(ctx, link("https://i", "raced")) }); won != 1 {
		t.Errorf("got %d links of one account, want 1", won)
	}
	must(t, w.TouchIdentity(ctx, first.ID, "y@example.com", w.now.Add(time.Hour)))
	list, err := w.IdentitiesOf(ctx, w.user.ID)
	if err != nil || len(list) != 4 || list[0].Email != "y@example.com" || !list[0].LastUsedAt.Equal(w.now.Add(time.Hour)) {
		t.Errorf("got %d links, %v, first %+v", len(list), err, list[0])
	}
	wantKind(t, "another user's", w.DeleteIdentity(ctx, "other", first.ID), idp.NotFound)
	must(t, w.DeleteIdentity(ctx, w.user.ID, first.ID))
	must(t, w.DeleteIdentities(ctx, w.user.ID))
	if list, err := w.IdentitiesOf(ctx, w.user.ID); err != nil || len(list) != 0 {
		t.Errorf("got %d links, %v, want none", len(list), err)
	}
}

// A search goes by the beginning of an address or a username, page by page, and names each person once.
func TestUsersNamed_FindsByTheBeginning(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	for id, of := range map[string][2]string{"1": {"ann@example.com", "ann"}, "2": {"anna@example.com", "zoe"}, "3": {"bob@example.com", "annie"}, "4": {"a_n@example.com", ""}} {
		must(t, s.CreateUser(t.Context(), &idp.User{ID: id, State: idp.UserActive, Email: of[0], Username: of[1], CreatedAt: now, UpdatedAt: now}))
	}
	for _, c := range []struct{ prefix, after, want string }{
		{"ann", "", "ann@example.com anna@example.com annie"},
		{"ann", "ann@example.com", "anna@example.com annie"},
		{"ann@", "", "ann@example.com"},
		{"a_", "", "a_n@example.com"},
		{"x", "", ""},
		{"z", "", "zoe"},
	} {
		list, err := s.UsersNamed(t.Context(), c.prefix, store.Page{After: c.after})
		must(t, err)
		var names []string
		for _, v := range list {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%q after %q: got %q, want %q", c.prefix, c.after, got, c.want)
		}
	}
}
