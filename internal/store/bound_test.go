package store_test

import (
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// RFC 9449 §5, §10: code and refresh token fit the key that they are bound to and no other, in the statement that spends them; what is
// bound to nothing fits every key, and a refresh token is bound once.
func TestBoundKey_DecidesInTheStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	issue := func(bound string) string {
		a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", Refreshable: true, Offline: true, BoundKey: bound, CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Minute)}
		_, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
		must(t, err)
		return a.ID
	}
	later := w.now.Add(time.Hour)
	redeem := func(id, key, bind string) error {
		_, err := w.RedeemCode(ctx, store.Redemption{
			ID: id, CodeDigest: []byte("c"), ClientID: "app", RefreshDigest: []byte("r0"), RefreshIdle: later, RefreshExpires: later, Key: key, BindTo: bind,
		}, w.now)
		return err
	}
	rotate := func(id, old, next, key, bind string, static bool) error {
		_, err := w.RotateRefreshToken(ctx, store.Rotation{
			ID: id, Old: []byte(old), New: []byte(next), ClientID: "app", Sealed: []byte("s"), Idle: later, Grace: time.Minute, Key: key, BindTo: bind, Static: static,
		}, w.now)
		return err
	}
	for name, key := range map[string]string{"another key": "jkt:b", "no key": "", "a pattern": "%", "a part": "jkt:", "another kind": "x5t#S256:a"} {
		wantKind(t, "code, "+name, redeem(issue("jkt:a"), key, ""), idp.NotFound)
		id := issue("")
		must(t, redeem(id, "jkt:a", "jkt:a"))
		wantKind(t, "refresh token, "+name, rotate(id, "r0", "r1", key, key, false), idp.NotFound)
		wantKind(t, "static refresh token, "+name, rotate(id, "r0", "r1", key, key, true), idp.NotFound)
		must(t, rotate(id, "r0", "r1", "jkt:a", "jkt:a", false))
	}
	id := issue("jkt:a")
	must(t, redeem(id, "jkt:a", "")) // a client with credentials: from here on its key may change
	must(t, rotate(id, "r0", "r1", "jkt:b", "", false))
	must(t, rotate(id, "r1", "r2", "", "", false))
	must(t, rotate(id, "r2", "r3", "jkt:c", "jkt:c", false)) // one that has none: bound by its first proof
	wantKind(t, "after it was bound", rotate(id, "r3", "r4", "jkt:d", "jkt:d", false), idp.NotFound)
	must(t, rotate(id, "r3", "r4", "jkt:c", "jkt:c", false))
}

// Two keys that come at once with one unbound refresh token: the token ends bound to one of them.
func TestBoundKey_OneOfTwoWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", Refreshable: true, Offline: true, CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Minute)}
	_, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
	must(t, err)
	later := w.now.Add(time.Hour)
	_, err = w.RedeemCode(ctx, store.Redemption{ID: a.ID, CodeDigest: []byte("c"), ClientID: "app", RefreshDigest: []byte("r0"), RefreshIdle: later, RefreshExpires: later}, w.now)
	must(t, err)
	keys := []string{"jkt:a", "jkt:b", "jkt:c", "jkt:d"}
	if won := race(t, len(keys), idp.ErrNotFound, func(i int) error {
		_, err := w.RotateRefreshToken(ctx, store.Rotation{
			ID: a.ID, Old: []byte("r0"), New: []byte(keys[i]), ClientID: "app", Sealed: []byte("s"), Idle: later, Grace: time.Minute, Key: keys[i], BindTo: keys[i],
		}, w.now)
		return err
	}); won != 1 {
		t.Errorf("%d keys got the token's successor, want 1", won)
	}
}
