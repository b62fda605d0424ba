package account_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

func TestCreate_KeepsOneFormOfEachIdentifier(t *testing.T) { // FS-11, FS-13
	t.Parallel()
	w := newWorld(t)
	u := w.create(t, account.NewUser{Email: " A@Bücher.Example ", Username: " Alice ", Password: goodPassword, Roles: []string{"b", "a", "b"}})
	if u.Email != "a@xn--bcher-kva.example" || u.Username != "Alice" || u.State != idp.UserActive || u.EmailVerified || !slices.Equal(u.Roles, []string{"a", "b"}) {
		t.Errorf("got %+v", u)
	}
	if got := w.user(t, u.ID); got.Email != u.Email || got.Username != u.Username || !got.CreatedAt.Equal(u.CreatedAt) {
		t.Errorf("stored %+v, returned %+v", got, u)
	}
	for _, n := range []account.NewUser{
		{Email: "a@bücher.example"},
		{Email: "A@XN--BCHER-KVA.example"},
		{Username: "ALICE"},
		{Username: "ａｌｉｃｅ"},
		{Email: "b@b.example", Username: "alice"},
	} {
		_, err := w.accounts.Create(t.Context(), n)
		if code := wantKind(t, err, idp.Conflict, "").Code; code != account.CodeAddressTaken && code != account.CodeUsernameTaken {
			t.Errorf("%+v: got code %q, want which identifier is taken", n, code)
		}
	}
	w.wantEvents(t, u.ID, audit.UserCreated)
}

func TestCreate_TellsEveryFaultWithItsField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.accounts.Create(t.Context(), account.NewUser{
		Email: `"quoted"@x.example`, Username: "looks@like.mail", Roles: []string{"with space"}, State: "frozen",
		Profile: idp.Profile{
			Name: "two\nlines", Picture: "javascript:alert(1)", Website: "https://user:pw@x.example", Birthdate: "1990-02-30", Zoneinfo: "../etc",
			Locale: "!", PhoneNumber: "030 123", Address: &idp.Address{Country: strings.Repeat("x", 257)},
			Custom: map[string]any{"email_verified": true, "sub": "x", "1st": 1, "fine": "y"},
		},
	})
	var fields []string
	for _, e := range unjoin(err) {
		var one *idp.Error
		if !errors.As(e, &one) || one.Kind != idp.Invalid || one.Message == "" {
			t.Errorf("got %v, want an error of kind invalid with a sentence", e)
			continue
		}
		fields = append(fields, one.Field)
	}
	slices.Sort(fields)
	want := []string{"address.country", "birthdate", "custom", "custom", "custom", "email", "locale", "name", "phone_number", "picture", "roles", "state", "username", "website", "zoneinfo"}
	if !slices.Equal(fields, want) {
		t.Errorf("got faults about\n%v, want\n%v", fields, want)
	}
	for name, n := range map[string]account.NewUser{
		"no identifier":         {Password: goodPassword},
		"verified nothing":      {Username: "nn", EmailVerified: true},
		"two passwords":         {Username: "nn", Password: goodPassword, PasswordHash: "$2b$12$x"},
		"scheme without a hash": {Username: "nn", PasswordScheme: "bcrypt"},
		"unknown scheme":        {Username: "nn", PasswordHash: "{SSHA}x", PasswordScheme: "md5"},
		"damaged hash":          {Username: "nn", PasswordHash: "$argon2id$cut"},
		"broken UTF-8":          {Email: "a\xff@x.example"},
		"control in a name":     {Username: "nn", Profile: idp.Profile{GivenName: "a\x00b"}},
		"verified no phone":     {Username: "nn", Profile: idp.Profile{PhoneNumberVerified: true}},
	} {
		if _, err := w.accounts.Create(t.Context(), n); idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s: got %v, want it refused as invalid", name, err)
		}
	}
	if got := len(w.users(t)); got != 0 {
		t.Errorf("%d users were made of faulty input", got)
	}
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range j.Unwrap() {
			list = append(list, unjoin(e)...)
		}
		return list
	}
	return []error{err}
}

func TestPassword_PolicyHoldsWhereverOneIsSet(t *testing.T) { // FS-23, FS-24, FB-3, FB-5
	t.Parallel()
	w := newWorld(t)
	u := w.create(t, account.NewUser{Email: "ursula.upton@corp.example", Password: goodPassword, Profile: idp.Profile{Name: "Ursula Upton"}})
	recovery, err := w.accounts.Recover(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	bootstrap, err := w.accounts.IssueBootstrapToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{
		"elevenchars", strings.Repeat("ä", 257), "ursula.upton@corp.example", "UrsulaUpton1", "CorporateDirectory", "password1234", "correct horse\x00battery staple",
	} {
		_, errCreate := w.accounts.Create(t.Context(), account.NewUser{
			Email: "ursula.upton@other.example", Password: password, Profile: idp.Profile{Name: "Ursula Upton"},
		})
		_, errRecovery := w.accounts.RedeemRecovery(t.Context(), recovery, password)
		_, errBootstrap := w.accounts.BootstrapAdmin(t.Context(), bootstrap, account.NewUser{
			Email: "ursula.upton@boot.example", Password: password, Profile: idp.Profile{Name: "Ursula Upton"},
		})
		for door, err := range map[string]error{
			"create": errCreate, "set": w.accounts.SetPassword(t.Context(), u.ID, password, ""), "recovery": errRecovery, "bootstrap": errBootstrap,
		} {
			if e := wantKind(t, err, idp.Invalid, ""); e.Field != "password" {
				t.Errorf("%s, %.20q: got field %q, want password", door, password, e.Field)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("%s: the error shows the password: %v", door, err)
			}
		}
	}
	// Refused passwords spend no token.
	if _, err := w.accounts.RedeemRecovery(t.Context(), recovery, otherPassword); err != nil {
		t.Errorf("the recovery token is gone: %v", err)
	}
	if _, err := w.accounts.BootstrapAdmin(t.Context(), bootstrap, account.NewUser{Email: "boot@corp.example", Password: otherPassword}); err != nil {
		t.Errorf("the bootstrap token is gone: %v", err)
	}
}

func TestPassword_BreachedIsRefusedAndStrictModeWaits(t *testing.T) { // FS-25
	t.Parallel()
	var asked []string
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		rw.WriteHeader(answer)
		// SHA-1 of goodPassword is ABF7A…
		_, _ = rw.Write([]byte("AD6438836DBE526AA231ABDE2D0EEF74D42:12\r\n0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"))
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		mode     secret.BreachedMode
		status   int
		password string
		want     idp.Kind
		ok       bool
	}{
		{secret.BreachedNormal, http.StatusOK, goodPassword, idp.Invalid, false},
		{secret.BreachedNormal, http.StatusOK, otherPassword, 0, true},
		{secret.BreachedNormal, http.StatusInternalServerError, goodPassword, 0, true},
		{secret.BreachedStrict, http.StatusInternalServerError, otherPassword, idp.Unavailable, false},
	} {
		answer = c.status
		b, err := secret.NewBreached(secret.BreachedConfig{Mode: c.mode, URL: server.URL + "/range/"})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, func(cfg *account.Config) { cfg.Breached = b })
		_, err = w.accounts.Create(t.Context(), account.NewUser{Username: "alice", Password: c.password})
		if c.ok && err != nil || !c.ok && idp.KindOf(err) != c.want {
			t.Errorf("mode %s, status %d, %q: got %v, want ok=%v kind=%d", c.mode, c.status, c.password, err, c.ok, c.want)
		}
	}
	for _, path := range asked {
		if digits := strings.TrimPrefix(path, "/range/"); len(digits) != 5 {
			t.Errorf("%q left this server, want five digits only", digits)
		}
	}
}

func TestSetPassword_EndsEveryOtherSession(t *testing.T) { // FL-15
	t.Parallel()
	w := newWorld(t)
	u := w.ursula(t)
	mine, other := w.signIn(t, u), w.signIn(t, u)
	if err := w.accounts.SetPassword(t.Context(), u.ID, otherPassword, mine.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.sessionsOf(t, u.ID); !slices.Equal(got, []string{mine.ID}) {
		t.Errorf("got sessions %v, want %s alone, without %s", got, mine.ID, other.ID)
	}
	if w.passwordWorks(t, "ursula", goodPassword) || !w.passwordWorks(t, "ursula", otherPassword) {
		t.Error("the old password works, or the new one does not")
	}
	if got := w.events(t, u.ID); !slices.Contains(got, string(audit.PasswordChanged)) {
		t.Errorf("got events %v, want password.changed among them", got)
	}
	if err := w.accounts.SetPassword(t.Context(), idp.NewID(), otherPassword, ""); idp.KindOf(err) != idp.NotFound {
		t.Errorf("nobody's password: got %v, want not found", err)
	}
}

func TestUpdate_ChangesWhatItIsTold(t *testing.T) { // FL-3, FL-15, FS-29
	t.Parallel()
	w := newWorld(t)
	u := w.ursula(t)
	w.create(t, account.NewUser{Email: "taken@corp.example", Username: "taken"})
	s := w.signIn(t, u)

	verified, name, roles := true, "Ulla", []string{"ops", "admin"}
	got, err := w.accounts.Update(t.Context(), u.ID, account.Change{Username: &name, Roles: &roles, Profile: &idp.Profile{Name: "Ursula"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != u.ID || got.Username != "Ulla" || got.Profile.Name != "Ursula" || !slices.Equal(got.Roles, []string{"admin", "ops"}) || got.Email != u.Email || !got.EmailVerified {
		t.Errorf("got %+v", got)
	}
	if len(w.sessionsOf(t, u.ID)) != 1 {
		t.Error("a new name signed her out")
	}
	if w.passwordWorks(t, "ursula", goodPassword) || !w.passwordWorks(t, "ULLA", goodPassword) {
		t.Error("the old username signs in, or the new one does not")
	}

	email := "New@Corp.example"
	got, err = w.accounts.Update(t.Context(), u.ID, account.Change{Email: &email, KeepSession: s.ID})
	if err != nil || got.Email != "new@corp.example" || got.EmailVerified {
		t.Errorf("a new address: got %+v, %v, want it unverified", got, err)
	}
	other := "other@corp.example"
	got, err = w.accounts.Update(t.Context(), u.ID, account.Change{Email: &other, EmailVerified: &verified})
	if err != nil || !got.EmailVerified {
		t.Errorf("a new address that an operator vouches for: got %+v, %v", got, err)
	}
	if len(w.sessionsOf(t, u.ID)) != 0 {
		t.Error("a new address left a session")
	}
	before := w.events(t, u.ID)
	if _, err := w.accounts.Update(t.Context(), u.ID, account.Change{Email: &other, Roles: &roles}); err != nil || len(w.events(t, u.ID)) != len(before) {
		t.Errorf("a change that changes nothing: %v, events %v", err, w.events(t, u.ID))
	}
	taken, none, bad := "TAKEN@corp.example", "", "not an address"
	_, err = w.accounts.Update(t.Context(), u.ID, account.Change{Email: &taken})
	wantKind(t, err, idp.Conflict, account.CodeAddressTaken)
	takenName := "Taken"
	_, err = w.accounts.Update(t.Context(), u.ID, account.Change{Username: &takenName})
	wantKind(t, err, idp.Conflict, account.CodeUsernameTaken)
	_, err = w.accounts.Update(t.Context(), u.ID, account.Change{Email: &bad})
	wantKind(t, err, idp.Invalid, "")
	_, err = w.accounts.Update(t.Context(), u.ID, account.Change{Email: &none, EmailVerified: &verified})
	wantKind(t, err, idp.Invalid, "")
	if got := w.user(t, u.ID); got.Email != other || got.Username != "Ulla" {
		t.Errorf("a refused change left its mark: %+v", got)
	}
	if _, err := w.accounts.Update(t.Context(), idp.NewID(), account.Change{Email: &other}); idp.KindOf(err) != idp.NotFound {
		t.Errorf("nobody: got %v, want not found", err)
	}
}

func TestState_EachCommandHasItsEffectAndItsEvent(t *testing.T) { // FS-29, FL-2, FL-3
	t.Parallel()
	w := newWorld(t)
	u := w.ursula(t)
	ctx := idp.WithPeer(t.Context(), idp.Peer{RequestID: "r", Actor: idp.Actor{Kind: audit.ActorOperator, ID: "olga"}})
	w.signIn(t, u)
	if err := w.accounts.Disable(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if len(w.sessionsOf(t, u.ID)) != 0 || w.passwordWorks(t, "ursula", goodPassword) {
		t.Error("a disabled user has a session, or gets in")
	}
	if err := w.accounts.Enable(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if !w.passwordWorks(t, "ursula", goodPassword) || len(w.sessionsOf(t, u.ID)) != 0 {
		t.Error("an enabled user does not get in, or an old session came back")
	}
	if err := w.accounts.Delete(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if w.passwordWorks(t, "ursula", goodPassword) {
		t.Error("a deleted user gets in")
	}
	again := w.ursula(t)
	if again.ID == u.ID {
		t.Error("a sub was given twice")
	}
	for _, change := range []func() error{
		func() error { return w.accounts.Disable(ctx, u.ID) },
		func() error { return w.accounts.Enable(ctx, u.ID) },
		func() error { return w.accounts.Delete(ctx, u.ID) },
	} {
		if err := change(); idp.KindOf(err) != idp.NotFound {
			t.Errorf("a deleted user: got %v, want not found", err)
		}
	}
	list, err := w.store.AuditEvents(t.Context(), u.ID, storePage())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []audit.Type{audit.UserDisabled, audit.UserEnabled, audit.UserDeleted} {
		i := slices.IndexFunc(list, func(e *idp.AuditEvent) bool { return e.Type == string(kind) })
		if i < 0 || list[i].ActorKind != audit.ActorOperator || list[i].ActorID != "olga" {
			t.Errorf("%s: want one event with its actor, got %v", kind, list)
		}
	}
}
