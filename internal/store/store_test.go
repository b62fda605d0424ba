package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

type world struct {
	*store.Store
	user    *idp.User
	session *idp.Session
	now     time.Time
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{Store: storetest.New(t), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	w.user = &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: "Ann", Email: "ann@example.com", EmailVerified: true, Roles: []string{"admin"}, CreatedAt: w.now, UpdatedAt: w.now}
	if err := w.CreateUser(t.Context(), w.user); err != nil {
		t.Fatal(err)
	}
	w.session = &idp.Session{ID: idp.NewID(), UserID: w.user.ID, AuthTime: w.now, AMR: []string{"pwd"}, Contexts: []string{"urn:example:gold"}, CreatedAt: w.now, LastSeenAt: w.now, IdleExpiresAt: w.now.Add(time.Hour), ExpiresAt: w.now.Add(2 * time.Hour)}
	if err := w.CreateSession(t.Context(), w.session, []byte("cookie"), nil); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) issue(t *testing.T, code string, c store.IssueConditions) (*idp.Authorization, error) {
	t.Helper()
	c.SessionID, c.SessionDigest = w.session.ID, []byte("cookie")
	a := &idp.Authorization{
		ID: idp.NewID(), ClientID: "app", Scopes: []string{"openid", "offline_access"}, RedirectURI: "https://app.example/cb",
		CodeChallenge: "challenge", Refreshable: true, Offline: true, Request: idp.CodeRequest{Nonce: "n"},
		CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Hour),
	}
	v, err := w.IssueCode(t.Context(), a, []byte(code), c, w.now)
	if err != nil {
		return nil, err
	}
	return v.Authorization, nil
}

func TestIssueCode_NeedsSessionUserAndGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.issue(t, "c", store.IssueConditions{RequiredScopes: []string{"openid"}}); !errors.Is(err, idp.ErrNotFound) {
		t.Fatalf("without a grant: got %v, want not found", err)
	}
	if err := w.PutGrant(t.Context(), w.user.ID, "app", []string{"openid", "email"}, w.now); err != nil {
		t.Fatal(err)
	}
	ctx, n := sqldb.WithCounter(t.Context())
	a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", CodeExpires: w.now, ExpiresAt: w.now}
	got, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), RequiredScopes: []string{"openid"}}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if got.UserID != w.user.ID || got.SessionID != w.session.ID || n.Trips() != 1 {
		t.Errorf("got user %s session %s in %d trips", got.UserID, got.SessionID, n.Trips())
	}
	if got.Claims.Email != "" || got.UserState != idp.UserActive {
		t.Errorf("got claims %+v, state %q, want claims for who asks for them, and an active user", got.Claims, got.UserState)
	}
	told, err := w.IssueCode(ctx, &idp.Authorization{ID: idp.NewID(), ClientID: "app", CodeExpires: w.now, ExpiresAt: w.now}, []byte("c"),
		store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true, WithClaims: true}, w.now)
	if err != nil || told.Claims.Email != w.user.Email {
		t.Errorf("with claims: got %+v %v, want the user's", told, err)
	}
	for name, c := range map[string]store.IssueConditions{
		"another user hinted":   {SkipGrant: true, UserID: "other"},
		"session too old":       {SkipGrant: true, MinAuthTime: w.now.Add(time.Second)},
		"scope not covered":     {RequiredScopes: []string{"openid", "profile"}},
		"scope as a pattern":    {RequiredScopes: []string{"%"}},
		"scope in another case": {RequiredScopes: []string{"OpenID"}},
	} {
		if _, err := w.issue(t, "c", c); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%s: got %v, want not found", name, err)
		}
	}
	if err := w.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, w.now); err != nil {
		t.Fatal(err)
	}
	if _, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true}); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("disabled user: got %v, want not found", err)
	}
}

func (w world) redeem(t *testing.T, a *idp.Authorization, code, challenge string) (*store.AuthorizationUser, error) {
	t.Helper()
	return w.RedeemCode(t.Context(), store.Redemption{
		ID: a.ID, CodeDigest: []byte(code), ClientID: "app", RedirectURI: "https://app.example/cb",
		CodeChallenge: challenge, RefreshDigest: []byte("r0"), RefreshIdle: w.now.Add(time.Hour), RefreshExpires: w.now.Add(24 * time.Hour), Expires: w.now.Add(time.Hour),
	}, w.now)
}

// RFC 6749 §4.1.2: the code is used once, by whoever is first.
func TestRedeemCode_RaceHasOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if v, err := w.redeem(t, a, "c", "challenge"); err == nil {
				won.Add(1)
				if v.Claims.Email != "ann@example.com" || v.Request.Nonce != "n" {
					t.Errorf("got claims %+v, request %+v", v.Claims, v.Request)
				}
			} else if !errors.Is(err, idp.ErrNotFound) {
				t.Errorf("loser: %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("got %d winners, want 1", won.Load())
	}
	was, err := w.FailCode(t.Context(), a.ID, []byte("c"), w.now)
	if err != nil || was.CodeUsedAt == nil {
		t.Fatalf("got %+v, %v", was, err)
	}
	if v, _, err := w.AuthorizationNow(t.Context(), a.ID, ""); err != nil || v.RevokedAt == nil {
		t.Errorf("after reuse: got %+v, %v; want it revoked", v, err)
	}
}

// On PostgreSQL the end of all sessions does not see a code that is written at the same moment. Such a code is no good all the same.
func TestRedeemCode_DiesWithItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Engine().Exec(t.Context(), `DELETE FROM sessions WHERE id = $1`, w.session.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.redeem(t, a, "c", "challenge"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

// FD-4: a wrong verifier burns the code.
func TestFailCode_BurnsTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.redeem(t, a, "c", "wrong"); !errors.Is(err, idp.ErrNotFound) {
		t.Fatalf("wrong verifier: got %v", err)
	}
	if was, err := w.FailCode(t.Context(), a.ID, []byte("c"), w.now); err != nil || was.CodeUsedAt != nil {
		t.Fatalf("got %+v, %v", was, err)
	}
	if _, err := w.redeem(t, a, "c", "challenge"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("right verifier after a wrong one: got %v", err)
	}
}

func TestRotateRefreshToken_ReplayIsIdempotentThenFatal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.redeem(t, a, "c", "challenge"); err != nil {
		t.Fatal(err)
	}
	rotate := func(old, next string, now time.Time) (*store.Rotated, error) {
		return w.RotateRefreshToken(t.Context(), store.Rotation{
			ID: a.ID, Old: []byte(old), ClientID: "app", New: []byte(next), Sealed: []byte("sealed " + next),
			Idle: now.Add(time.Hour), Grace: time.Minute,
		}, now)
	}
	first, err := rotate("r0", "r1", w.now)
	if err != nil || string(first.Sealed) != "sealed r1" {
		t.Fatalf("got %+v, %v", first, err)
	}
	again, err := rotate("r0", "other", w.now.Add(30*time.Second))
	if err != nil || string(again.Sealed) != "sealed r1" {
		t.Fatalf("replay in the window: got %+v, %v; want the same successor", again, err)
	}
	late := w.now.Add(2 * time.Minute)
	if _, err := rotate("r0", "x", late); !errors.Is(err, idp.ErrNotFound) {
		t.Fatalf("replay after the window: got %v", err)
	}
	f, err := w.FailRefresh(t.Context(), store.Rotation{ID: a.ID, Old: []byte("r0"), ClientID: "app", Grace: time.Minute}, late)
	if err != nil || !f.Reused {
		t.Fatalf("got %+v, %v; want reuse", f, err)
	}
	if _, err := rotate("r1", "r2", late); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the newest token after reuse: got %v, want dead", err)
	}
}

func TestEndSession_OfflineOutlives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EndSession(t.Context(), w.session.ID, w.now); err != nil {
		t.Fatal(err)
	}
	if v, _, err := w.AuthorizationNow(t.Context(), a.ID, ""); err != nil || v.RevokedAt != nil {
		t.Errorf("got %+v, %v; want it alive", v, err)
	}
	if _, err := w.EndSessionsOf(t.Context(), w.user.ID, "", w.now); err != nil {
		t.Fatal(err)
	}
	if v, _, err := w.AuthorizationNow(t.Context(), a.ID, ""); err != nil || v.RevokedAt == nil {
		t.Errorf("got %+v, %v; want it revoked", v, err)
	}
}
