package store_test

import (
	"errors"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

func TestSessions_LiveUntilTheLimitAndNotAtIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, s := t.Context(), w.session
	live := func(digest string, at time.Time) error {
		_, err := w.LiveSession(ctx, s.ID, []byte(digest), at)
		return err
	}
	got, err := w.LiveSession(ctx, s.ID, []byte("cookie"), w.now)
	must(t, err)
	same(t, "session", got.Session, s)
	if got.User.ID != w.user.ID || got.User.Email != w.user.Email {
		t.Errorf("got user %+v, want Ann", got.User)
	}
	for _, c := range []struct {
		name, digest string
		at           time.Time
		dead         bool
	}{
		{"another cookie", "other", w.now, true},
		{"a microsecond before the idle limit", "cookie", s.IdleExpiresAt.Add(-time.Microsecond), false},
		{"at the idle limit", "cookie", s.IdleExpiresAt, true},
	} {
		if err := live(c.digest, c.at); errors.Is(err, idp.ErrNotFound) != c.dead {
			t.Errorf("%s: got %v, want dead=%v", c.name, err, c.dead)
		}
	}
	// The idle limit moves, but never past the absolute one, and not back from the dead.
	must(t, w.TouchSession(ctx, s.ID, s.ExpiresAt.Add(time.Hour), w.now.Add(time.Minute)))
	if err := live("cookie", s.ExpiresAt.Add(-time.Microsecond)); err != nil {
		t.Errorf("a microsecond before the absolute limit: %v", err)
	}
	if err := live("cookie", s.ExpiresAt); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("at the absolute limit: got %v, want not found", err)
	}
	must(t, w.TouchSession(ctx, s.ID, s.ExpiresAt.Add(2*time.Hour), s.ExpiresAt))
	if got, err := w.Session(ctx, s.ID); err != nil || !got.LastSeenAt.Equal(w.now.Add(time.Minute)) {
		t.Errorf("touched after its end: got %+v, %v", got, err)
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserDisabled, w.now))
	if err := live("cookie", w.now); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("of a disabled user: got %v, want not found", err)
	}
}

func (w world) remembered(t *testing.T) *idp.Session {
	t.Helper()
	until := w.now.Add(30 * 24 * time.Hour)
	s := &idp.Session{
		ID: idp.NewID(), UserID: w.user.ID, AuthTime: w.now, AMR: []string{"pwd", "otp"}, Contexts: []string{"urn:a", "urn:b"}, ProviderID: "g", UserAgent: "b", Address: "192.0.2.1",
		CreatedAt: w.now, LastSeenAt: w.now, IdleExpiresAt: w.now.Add(time.Hour), ExpiresAt: w.now.Add(2 * time.Hour), RememberExpiresAt: &until, Remembered: true,
	}
	must(t, w.CreateSession(t.Context(), s, []byte("d0"), []byte("r0")))
	return s
}

// FS-4: a remember cookie that was copied serves one of its two holders.
func TestRestoreSession_RaceHasOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, ctx := w.remembered(t), t.Context()
	later := w.now.Add(24 * time.Hour)
	restore := func(remember string, at time.Time) error {
		return w.RestoreSession(ctx, s.ID, []byte(remember), []byte("d1"), []byte("r1"), at.Add(time.Hour), at.Add(2*time.Hour), at)
	}
	wantKind(t, "at its limit", restore("r0", *s.RememberExpiresAt), idp.NotFound)
	if won := race(t, 16, idp.ErrNotFound, func(int) error { return restore("r0", later) }); won != 1 {
		t.Errorf("got %d winners, want 1", won)
	}
	got, err := w.LiveSession(ctx, s.ID, []byte("d1"), later)
	must(t, err)
	if !got.Session.AuthTime.Equal(w.now) || got.Session.RestoredAt == nil || !got.Session.RestoredAt.Equal(later) {
		t.Errorf("got %+v, want the old auth_time and the time of the restoration", got.Session)
	}
	if _, err := w.SessionByRemember(ctx, s.ID, []byte("r0")); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the old remember cookie: got %v, want not found", err)
	}
	if _, err := w.SessionByRemember(ctx, s.ID, []byte("r1")); err != nil {
		t.Errorf("the new remember cookie: %v", err)
	}
	if _, err := w.SessionByDigest(ctx, s.ID, []byte("d0")); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the old cookie: got %v, want not found", err)
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserDisabled, later))
	wantKind(t, "of a disabled user", restore("r1", later), idp.NotFound)
}

func TestSessions_ListsHoldWhatCanStillBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, ctx := w.remembered(t), t.Context()
	for _, c := range []struct {
		at   time.Time
		want int
	}{{w.now, 2}, {w.session.ExpiresAt, 1}, {s.RememberExpiresAt.Add(-time.Microsecond), 1}, {*s.RememberExpiresAt, 0}} {
		of, err := w.SessionsOf(ctx, w.user.ID, c.at)
		must(t, err)
		all, err := w.Sessions(ctx, store.Page{}, c.at)
		must(t, err)
		if len(of) != c.want || len(all) != c.want {
			t.Errorf("at %v: got %d of the user and %d in all, want %d", c.at, len(of), len(all), c.want)
		}
	}
	got, err := w.Session(ctx, s.ID)
	must(t, err)
	same(t, "session", got, s)
}

// Signing in again as the same person keeps the session, with what applications hold of it, and changes who may use it.
func TestRenewSession_KeepsTheIDAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	next := *w.session
	next.AuthTime, next.AMR, next.Contexts, next.Address = w.now.Add(time.Minute), []string{"otp"}, []string{"urn:example:two"}, "192.0.2.99"
	next.LastSeenAt, next.IdleExpiresAt, next.ExpiresAt = next.AuthTime, w.now.Add(2*time.Hour), w.now.Add(3*time.Hour)
	stranger := next
	stranger.UserID = idp.NewID()
	wantKind(t, "another person's sign-in", w.RenewSession(ctx, &stranger, w.session.AuthTime, []byte("d2"), nil), idp.NotFound)
	wantKind(t, "after another sign-in", w.RenewSession(ctx, &next, next.AuthTime, []byte("d2"), nil), idp.NotFound)
	must(t, w.RenewSession(ctx, &next, w.session.AuthTime, []byte("d2"), nil))
	got, err := w.SessionByDigest(ctx, w.session.ID, []byte("d2"))
	must(t, err)
	same(t, "session", got, &next)
	_, err = w.SessionByDigest(ctx, w.session.ID, []byte("cookie"))
	wantKind(t, "the old cookie", err, idp.NotFound)
	if v, _, err := w.AuthorizationNow(ctx, a.ID, ""); err != nil || v.SessionID != w.session.ID || v.RevokedAt != nil {
		t.Errorf("got %+v, %v, want it alive", v, err)
	}
}

func TestEndSession_StopsWhatIsNotOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Hour)}
	_, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
	must(t, err)
	if won := race(t, 8, idp.ErrNotFound, func(int) error { _, err := w.EndSession(ctx, w.session.ID, w.now); return err }); won != 1 {
		t.Errorf("got %d ends, want 1", won)
	}
	if v, _, err := w.AuthorizationNow(ctx, a.ID, ""); err != nil || v.RevokedAt == nil {
		t.Errorf("got %+v, %v, want it revoked", v, err)
	}
}

func TestEndSessionsOf_KeepsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	kept := w.remembered(t)
	mine, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	if n, err := w.EndSessionsOf(ctx, w.user.ID, kept.ID, w.now); err != nil || n != 1 {
		t.Errorf("got %d ended, %v, want 1", n, err)
	}
	if _, err := w.Session(ctx, kept.ID); err != nil {
		t.Errorf("the kept session: %v", err)
	}
	if v, _, err := w.AuthorizationNow(ctx, mine.ID, ""); err != nil || v.RevokedAt == nil {
		t.Errorf("an authorization of an ended session: got %+v, %v, want it revoked although it is offline", v, err)
	}
}
