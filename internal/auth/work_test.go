package auth_test

import (
	"runtime"
	"strings"
	"testing"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store/sqldb"
)

// hashMemory is what one hash takes in these tests: so much that its allocation stands out from all others, and so tells how
// many hashes were computed.
const hashMemory = 16 << 20

// work returns how many bytes f allocated. Tests that call it do not run in parallel with any other.
func work(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

//nolint:paralleltest // it measures what the process allocates
func TestVerify_DoesEqualWorkAndHasOneAnswerForEveryCause(t *testing.T) { // FB-8, FS-15, PS-24, SEC-18
	w := newWorld(t, secret.HasherConfig{Params: secret.Params{MemoryKiB: hashMemory >> 10, Iterations: 1, Parallelism: 1}, Concurrency: 1})
	hash := w.hash(t, goodPassword)
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, hash)
	w.user(t, "disabled", idp.UserDisabled, secret.SchemeOwn, hash)
	w.user(t, "pending", idp.UserPending, secret.SchemeOwn, hash)
	w.user(t, "upstream-only", idp.UserActive, "", "")
	w.user(t, "damaged", idp.UserActive, secret.SchemeOwn, "rubbish in the column")
	// A hash that costs next to nothing: {SSHA} of another password.
	w.user(t, "imported", idp.UserActive, secret.SchemeLDAP, "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9gxMjM0NTY3OA==")

	type measured struct {
		hashes, trips int64
		text          string
	}
	try := func(identifier, password string) measured {
		ctx, trips := sqldb.WithCounter(from(t, "192.0.2.1"))
		var err error
		allocated := work(func() {
			_, err = w.password.Verify(ctx, auth.Attempt{Identifier: identifier, Password: password})
		})
		e := wantKind(t, err, idp.Unauthenticated, auth.CodeLoginFailed)
		return measured{hashes: (allocated + hashMemory/2) / hashMemory, trips: trips.Trips(), text: e.Message}
	}
	want := try("alice@example.com", "a wrong password")
	if want.hashes != 1 {
		t.Fatalf("a wrong password took %d hashes, want 1: the measurement does not work", want.hashes)
	}
	for _, c := range []struct{ name, identifier, password, cause string }{
		{"unknown address", "nobody@example.com", goodPassword, "unknown_user"},
		{"unknown username", "nobody", goodPassword, "unknown_user"},
		{"nobody's name", "no such name!", goodPassword, "unknown_user"},
		{"broken address", "a@b@c", goodPassword, "unknown_user"},
		{"broken UTF-8", "a\xff@example.com", goodPassword, "unknown_user"},
		{"huge name", strings.Repeat("x", 100_000), goodPassword, "unknown_user"},
		{"disabled, right password", "disabled", goodPassword, "not_active"},
		{"disabled, wrong password", "disabled", "another password", "wrong_password"},
		{"pending, right password", "pending", goodPassword, "not_active"},
		{"no password", "upstream-only", goodPassword, "no_password"},
		{"damaged hash", "damaged", goodPassword, "damaged_hash"},
		{"cheap imported hash", "imported", goodPassword, "wrong_password"},
	} {
		before := len(w.events(t, audit.LoginFailed))
		if got := try(c.identifier, c.password); got != want {
			t.Errorf("%s: got %+v, want as for a wrong password %+v", c.name, got, want)
		}
		events := w.events(t, audit.LoginFailed)
		if len(events) != before+1 || events[before].Details["cause"] != c.cause {
			t.Errorf("%s: got %d new events, the last %v, want one with cause %s", c.name, len(events)-before, events[len(events)-1].Details, c.cause)
		}
	}
}

//nolint:paralleltest // it measures what the process allocates
func TestVerify_RefusesWithoutWorkWhatNoHashMaySee(t *testing.T) { // FB-3, FB-5, PS-28
	w := newWorld(t, secret.HasherConfig{Params: secret.Params{MemoryKiB: hashMemory >> 10, Iterations: 1, Parallelism: 1}})
	w.user(t, "alice", idp.UserActive, secret.SchemeOwn, w.hash(t, goodPassword))
	for _, c := range []struct{ name, password string }{
		{"identifier alone", ""},
		{"10 MB", strings.Repeat("a", 10<<20)},
		{"257 characters", strings.Repeat("é", 257)},
		{"NUL", goodPassword + "\x00" + goodPassword},
		{"line end", goodPassword + "\n"},
		{"broken UTF-8", goodPassword + "\xff"},
	} {
		ctx, trips := sqldb.WithCounter(from(t, "192.0.2.1"))
		var err error
		allocated := work(func() {
			_, err = w.password.Verify(ctx, auth.Attempt{Identifier: "alice", Password: c.password})
		})
		if e := wantKind(t, err, idp.Invalid, ""); e.Field != "password" {
			t.Errorf("%s: got field %q, want password", c.name, e.Field)
		}
		if trips.Trips() != 0 || allocated > hashMemory/2 {
			t.Errorf("%s: took %d round trips and %d bytes, want neither database nor hash", c.name, trips.Trips(), allocated)
		}
	}
}
