package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
)

func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVerify_FindsByAddressAndUsernameInAnySpelling(t *testing.T) { // FS-11, FS-13
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	alice := w.user(t, "Alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	alice.Email = "alice@xn--bcher-kva.example"
	if err := w.store.UpdateUser(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	for _, identifier := range []string{
		"alice", "ALICE", " Alice ", "ａｌｉｃｅ",
		"alice@bücher.example", "ALICE@Bücher.example", "Alice@XN--BCHER-KVA.example", " alice@xn--bcher-kva.example\t",
	} {
		got, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: identifier, Password: goodPassword})
		if err != nil || got.ID != alice.ID {
			t.Errorf("%q: got %v, %v, want user %s", identifier, got, err, alice.ID)
		}
	}
	if n := len(w.events(t, audit.LoginOK)); n != 0 {
		t.Errorf("got %d login.ok events, want none: whoever makes the session writes it", n)
	}
}

func TestVerify_LongPasswordIsNotTruncated(t *testing.T) { // FB-3, SEC-16
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	long := strings.Repeat("0123456789", 10)
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, long))
	if _, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: "alice", Password: long[:99]}); idp.KindOf(err) != idp.Unauthenticated {
		t.Errorf("the first 99 of 100 bytes: got %v, want a refusal", err)
	}
	if _, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: "alice", Password: long}); err != nil {
		t.Errorf("all 100 bytes: got %v, want the user", err)
	}
}

func TestVerify_RenewsForeignAndWeakHashes(t *testing.T) { // FB-1, FB-8
	t.Parallel()
	weak, err := secret.NewHasher(secret.HasherConfig{Params: secret.Params{MemoryKiB: 8, Iterations: 1, Parallelism: 1}})
	if err != nil {
		t.Fatal(err)
	}
	weakHash, err := weak.Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, secret.HasherConfig{})
	for _, c := range []struct {
		name   string
		scheme secret.Scheme
		hash   string
	}{
		{"imported", secret.SchemeBcrypt, bcryptOf(t, goodPassword)},
		{"weak", secret.SchemeOwn, weakHash},
	} {
		u := w.user(t, c.name, idp.UserActive, c.scheme, c.hash)
		if _, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: c.name, Password: goodPassword}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		login, err := w.store.PasswordOf(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := login.Credential; got.Scheme != "" || !strings.HasPrefix(got.Secret, "$argon2id$v=19$m=64,t=1,p=1$") {
			t.Errorf("%s: stored %q with scheme %q, want argon2id with the present parameters", c.name, got.Secret, got.Scheme)
		}
		if _, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: c.name, Password: goodPassword}); err != nil {
			t.Errorf("%s: after renewal: %v", c.name, err)
		}
	}
	if got := len(w.events(t, audit.PasswordRehashed)); got != 2 {
		t.Errorf("got %d password.rehashed events, want 2: one for each, and none for the second sign-in", got)
	}
}

func TestVerify_DisabledUserIsNotRehashed(t *testing.T) { // PS-24
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	hash := bcryptOf(t, goodPassword)
	u := w.user(t, "bob", idp.UserDisabled, secret.SchemeBcrypt, hash)
	_, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: "bob", Password: goodPassword})
	wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed)
	login, err := w.store.PasswordOf(t.Context(), u.ID)
	if err != nil || login.Credential.Secret != hash {
		t.Errorf("a refused sign-in changed the stored hash (%v)", err)
	}
}

func TestVerify_DamagedHashIsOneLogLineWithoutTheValue(t *testing.T) { // FB-2
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	const rubbish = "$argon2id$rubbish-7731"
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, rubbish)
	_, err := w.password.Verify(from(t, "192.0.2.1"), auth.Attempt{Identifier: "alice", Password: goodPassword})
	wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed)
	if got := strings.Count(w.log.String(), "level=ERROR"); got != 1 {
		t.Errorf("got %d lines at error level, want 1:\n%s", got, w.log)
	}
	if strings.Contains(w.log.String(), "7731") || strings.Contains(w.log.String(), goodPassword) {
		t.Errorf("the log shows the hash or the password:\n%s", w.log)
	}
}

func TestVerify_GuessingSlowsTheAccountButNotItsOwnDevice(t *testing.T) { // FS-43
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	alice := w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	w.user(t, "bob", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	throttled := 0
	for i := range 100 {
		_, err := w.password.Verify(from(t, fmt.Sprintf("192.0.2.%d", i)), auth.Attempt{Identifier: "alice@example.com", Password: "guess " + fmt.Sprint(i)})
		switch idp.KindOf(err) {
		case idp.Throttled:
			throttled++
		case idp.Unauthenticated:
		default:
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if throttled < 80 {
		t.Errorf("of 100 guesses from 100 addresses %d were slowed down, want most", throttled)
	}
	_, err := w.password.Verify(from(t, "198.51.100.1"), auth.Attempt{Identifier: "alice@example.com", Password: goodPassword})
	if e := wantKind(t, err, idp.Throttled, ""); e.RetryAfter <= 0 {
		t.Errorf("the right password from a strange browser: got no time to wait")
	}
	var asked []string
	known := func(id string) bool { asked = append(asked, id); return id == alice.ID }
	got, err := w.password.Verify(from(t, "198.51.100.1"), auth.Attempt{Identifier: "alice@example.com", Password: goodPassword, KnownDevice: known})
	if err != nil || got.ID != alice.ID || len(asked) != 1 || asked[0] != alice.ID {
		t.Errorf("the right password from her own device: got %v, %v (asked for %v), want alice", got, err, asked)
	}
	if _, err := w.password.Verify(from(t, "198.51.100.1"), auth.Attempt{Identifier: "bob", Password: goodPassword, KnownDevice: known}); err != nil {
		t.Errorf("bob is slowed down for alice's sake: %v", err)
	}
	if n := len(w.events(t, audit.LoginThrottled)); n == 0 || n > 25 {
		t.Errorf("a flood of %d throttled tries wrote %d events, want some, but bounded", throttled, n)
	}
}

func TestVerify_NameThatIsSlowedDownDoesNotTellWhoseAddressItIs(t *testing.T) { // SEC-18
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	for i := range 30 {
		_, err := w.password.Verify(from(t, fmt.Sprintf("192.0.2.%d", i)), auth.Attempt{Identifier: "alice", Password: "a wrong password"})
		if err == nil {
			t.Fatal("a wrong password signed in")
		}
	}
	_, err := w.password.Verify(from(t, "198.51.100.1"), auth.Attempt{Identifier: "alice@example.com", Password: "a wrong password"})
	wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed)
}

func TestVerifyUser_LooksAtTheAccountAsItIsNow(t *testing.T) { // FD-15, PS-24
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	u := w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	none := w.user(t, "upstream-only", idp.UserActive, "", "")
	ctx := from(t, "192.0.2.1")
	if err := w.password.VerifyUser(ctx, u, goodPassword); err != nil {
		t.Errorf("the right password: %v", err)
	}
	wantKind(t, w.password.VerifyUser(ctx, u, "a wrong password"), idp.Unauthenticated, auth.CodeLoginFailed)
	wantKind(t, w.password.VerifyUser(ctx, u, ""), idp.Invalid, "")
	wantKind(t, w.password.VerifyUser(ctx, none, goodPassword), idp.Unauthenticated, auth.CodeLoginFailed)
	wantKind(t, w.password.VerifyUser(ctx, &idp.User{ID: idp.NewID(), State: idp.UserActive}, goodPassword), idp.Unauthenticated, auth.CodeLoginFailed)
	if err := w.store.SetUserState(ctx, u.ID, idp.UserDisabled, u.UpdatedAt); err != nil {
		t.Fatal(err)
	}
	// u still says active: it was read before.
	wantKind(t, w.password.VerifyUser(ctx, u, goodPassword), idp.Unauthenticated, auth.CodeLoginFailed)
}

func TestVerify_NeitherLogNorAuditShowsWhatWasTyped(t *testing.T) { // FL-18
	t.Parallel()
	w := newWorld(t, secret.HasherConfig{})
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	// People type their password into the field for the name.
	for _, a := range []auth.Attempt{
		{Identifier: "alice", Password: "Typed-Secret-1"},
		{Identifier: "Typed-Secret-2", Password: "Typed-Secret-3"},
	} {
		_, err := w.password.Verify(from(t, "192.0.2.1"), a)
		e := wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed)
		if strings.Contains(e.Error(), "Typed") {
			t.Errorf("the error shows what was typed: %v", e)
		}
	}
	events := w.events(t, audit.LoginFailed)
	if len(events) != 2 {
		t.Fatalf("got %d events, want 2", len(events))
	}
	if text := fmt.Sprintf("%+v %+v %s", *events[0], *events[1], w.log); strings.Contains(strings.ToLower(text), "typed-secret") {
		t.Errorf("what was typed is kept: %s", text)
	}
	if events[0].UserID == "" || events[1].UserID != "" || events[0].Address != "192.0.2.1" || events[0].RequestID != "request-1" {
		t.Errorf("the events do not tell who and from where: %+v %+v", *events[0], *events[1])
	}
}
