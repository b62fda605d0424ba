package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// pend makes a pending authorization of a device.
func (w world) pend(t *testing.T, userCode string) *idp.PendingAuthorization {
	t.Helper()
	p := &idp.PendingAuthorization{
		ID: idp.NewID(), Kind: idp.PendingDevice, ClientID: "tv", Scopes: []string{"openid", "offline_access"}, Audience: []string{"https://api.example"},
		Request: idp.PendingRequest{Address: "192.0.2.1", UserAgent: "TV"}, State: idp.PendingOpen, Address: "192.0.2.1",
		Interval: 5 * time.Second, CreatedAt: w.now, ExpiresAt: w.now.Add(10 * time.Minute),
	}
	must(t, w.CreatePending(t.Context(), p, store.PendingKeys{Digest: []byte("device"), UserCode: userCode}, store.PendingBounds{}))
	return p
}

func (w world) redemption(p *idp.PendingAuthorization) store.PendingRedemption {
	return store.PendingRedemption{
		ID: p.ID, Kind: p.Kind, Digest: []byte("device"), ClientID: "tv", Refreshable: true, Offline: true, RefreshDigest: []byte("refresh"),
		RefreshIdle: w.now.Add(time.Hour), Expires: w.now.Add(24 * time.Hour), Request: idp.CodeRequest{TraceID: "t"},
	}
}

func TestPending_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pend(t, "code")
	got, err := w.PendingByUserCode(t.Context(), "code", w.now)
	must(t, err)
	same(t, "pending authorization", got, p)
	_, err = w.PendingByUserCode(t.Context(), "CODE", w.now)
	wantKind(t, "another code", err, idp.NotFound)
	_, err = w.Pending(t.Context(), p.ID, p.ExpiresAt)
	wantKind(t, "at its end", err, idp.NotFound)
	again := *p
	again.ID = idp.NewID()
	wantKind(t, "the same user code", w.CreatePending(t.Context(), &again, store.PendingKeys{Digest: []byte("d"), UserCode: "code"}, store.PendingBounds{}), idp.Conflict)
}

// RFC 8628 §3.5: a poll before its time makes the interval five seconds longer, and every poll is judged by the one before it.
func TestPending_PollsBeforeTheirTimeAreSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pend(t, "")
	at := w.now
	for n, c := range []struct {
		after    time.Duration
		hurried  bool
		interval time.Duration
	}{
		{0, false, 5 * time.Second}, // the first may come at once
		{4 * time.Second, true, 10 * time.Second},
		{9 * time.Second, true, 15 * time.Second},
		{14600 * time.Millisecond, false, 15 * time.Second}, // half a second of grace
		{15 * time.Second, false, 15 * time.Second},
		{time.Second, true, 20 * time.Second},
	} {
		at = at.Add(c.after)
		got, err := w.PollPending(t.Context(), p.Kind, p.ID, []byte("device"), "tv", at)
		must(t, err)
		if got.State != idp.PendingOpen || got.Hurried != c.hurried || got.Interval != c.interval || !got.Expires.Equal(p.ExpiresAt) {
			t.Errorf("poll %d: got %+v, want hurried %v, interval %s", n, got, c.hurried, c.interval)
		}
	}
	for range 20 {
		_, err := w.PollPending(t.Context(), p.Kind, p.ID, []byte("device"), "tv", at)
		must(t, err)
	}
	if got, err := w.PollPending(t.Context(), p.Kind, p.ID, []byte("device"), "tv", at); err != nil || got.Interval > time.Minute {
		t.Errorf("after many: got %+v, %v, want a minute at most", got, err)
	}
	for name, call := range map[string]func() (*store.PendingPoll, error){
		"another client": func() (*store.PendingPoll, error) {
			return w.PollPending(t.Context(), p.Kind, p.ID, []byte("device"), "other", at)
		},
		"another code": func() (*store.PendingPoll, error) {
			return w.PollPending(t.Context(), p.Kind, p.ID, []byte("guess"), "tv", at)
		},
		"another kind": func() (*store.PendingPoll, error) {
			return w.PollPending(t.Context(), idp.PendingBackchannel, p.ID, []byte("device"), "tv", at)
		},
	} {
		_, err := call()
		wantKind(t, name, err, idp.NotFound)
	}
}

func TestPending_IsDecidedOnceByWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.pend(t, "code")
	stranger := *w.session
	stranger.ID = idp.NewID()
	wantKind(t, "no such session", w.ApprovePending(ctx, p.ID, p.Scopes, &stranger, []byte("cookie"), w.now), idp.NotFound)
	wantKind(t, "another cookie", w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("guess"), w.now), idp.NotFound)
	wantKind(t, "session over", w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.session.IdleExpiresAt), idp.NotFound)
	wantKind(t, "expired", w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), p.ExpiresAt), idp.NotFound)
	_, err := w.RedeemPending(ctx, w.redemption(p), w.now)
	wantKind(t, "redeemed before anybody said yes", err, idp.NotFound)
	must(t, w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
	wantKind(t, "a second yes", w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now), idp.NotFound)
	wantKind(t, "a no after the yes", w.DenyPending(ctx, p.ID, w.user.ID, w.now), idp.NotFound)
	_, err = w.Pending(ctx, p.ID, w.now)
	wantKind(t, "decided", err, idp.NotFound)

	no := w.pend(t, "other")
	must(t, w.DenyPending(ctx, no.ID, w.user.ID, w.now))
	wantKind(t, "a yes after the no", w.ApprovePending(ctx, no.ID, no.Scopes, w.session, []byte("cookie"), w.now), idp.NotFound)
	if got, err := w.PollPending(ctx, no.Kind, no.ID, []byte("device"), "tv", w.now); err != nil || got.State != idp.PendingDenied {
		t.Errorf("poll after the no: got %+v, %v", got, err)
	}

	// Only who is asked may answer.
	asked := &idp.PendingAuthorization{ID: idp.NewID(), Kind: idp.PendingBackchannel, ClientID: "bank", UserID: w.other(t).ID, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute)}
	must(t, w.CreatePending(ctx, asked, store.PendingKeys{Digest: []byte("d")}, store.PendingBounds{}))
	wantKind(t, "somebody else's yes", w.ApprovePending(ctx, asked.ID, asked.Scopes, w.session, []byte("cookie"), w.now), idp.NotFound)
	wantKind(t, "somebody else's no", w.DenyPending(ctx, asked.ID, w.user.ID, w.now), idp.NotFound)
}

// The tokens are for what the person read, whatever the client may ask for by the time that it fetches them.
func TestPending_GivesTheScopesThatWereAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pend(t, "code")
	must(t, w.ApprovePending(t.Context(), p.ID, p.Scopes[:1], w.session, []byte("cookie"), w.now))
	got, err := w.RedeemPending(t.Context(), w.redemption(p), w.now)
	if len(p.Scopes) < 2 || err != nil || len(got.Scopes) != 1 || got.Scopes[0] != p.Scopes[0] {
		t.Errorf("got %+v, %v, want %v alone of %v", got, err, p.Scopes[:1], p.Scopes)
	}
}

// other makes a second user.
func (w world) other(t *testing.T) *idp.User {
	t.Helper()
	u := &idp.User{ID: idp.NewID(), State: idp.UserActive, Username: "bob", CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.CreateUser(t.Context(), u))
	return u
}

func TestPending_RedeemedGivesTheAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.pend(t, "code")
	must(t, w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
	for name, change := range map[string]func(*store.PendingRedemption){
		"another client": func(r *store.PendingRedemption) { r.ClientID = "other" },
		"another code":   func(r *store.PendingRedemption) { r.Digest = []byte("guess") },
		"another kind":   func(r *store.PendingRedemption) { r.Kind = idp.PendingBackchannel },
	} {
		r := w.redemption(p)
		change(&r)
		_, err := w.RedeemPending(ctx, r, w.now)
		wantKind(t, name, err, idp.NotFound)
	}
	_, err := w.RedeemPending(ctx, w.redemption(p), p.ExpiresAt)
	wantKind(t, "expired", err, idp.NotFound)
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserDisabled, w.now))
	_, err = w.RedeemPending(ctx, w.redemption(p), w.now)
	wantKind(t, "user disabled in between", err, idp.NotFound)
	if f, err := w.WhyNotRedeemed(ctx, p.ID); err != nil || f.State != idp.PendingApproved || f.UserState != idp.UserDisabled {
		t.Errorf("why not: got %+v, %v", f, err)
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserActive, w.now))

	v, err := w.RedeemPending(ctx, w.redemption(p), w.now)
	must(t, err)
	if v.ID != p.ID || v.UserID != w.user.ID || v.SessionID != w.session.ID || !v.AuthTime.Equal(w.session.AuthTime) || len(v.AMR) != 1 || !v.Refreshable ||
		!v.Offline || len(v.Scopes) != 2 || len(v.Audience) != 1 || v.UserState != idp.UserActive || v.Claims.Email != "ann@example.com" || v.Request.TraceID != "t" {
		t.Errorf("got %+v", v)
	}
	_, err = w.RedeemPending(ctx, w.redemption(p), w.now)
	wantKind(t, "a second time", err, idp.NotFound)
	if f, err := w.WhyNotRedeemed(ctx, p.ID); err != nil || f.State != idp.PendingRedeemed {
		t.Errorf("why not: got %+v, %v", f, err)
	}
	rotated, err := w.RotateRefreshToken(ctx, store.Rotation{ID: v.ID, Old: []byte("refresh"), ClientID: "tv", New: []byte("next"), Idle: w.now.Add(time.Hour)}, w.now)
	if err != nil || rotated.ID != v.ID {
		t.Errorf("its refresh token: got %v, %v", rotated, err)
	}
}

// What was redeemed stays so when its authorization has been purged.
func TestPending_IsRedeemedOnceThoughTheAuthorizationIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.pend(t, "code")
	must(t, w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
	r := w.redemption(p)
	r.Refreshable, r.RefreshDigest, r.Expires = false, nil, w.now.Add(time.Second)
	v, err := w.RedeemPending(ctx, r, w.now)
	must(t, err)
	gone, err := w.Purge(ctx, 100, v.ExpiresAt, time.Time{})
	if err != nil || gone["authorizations"] != 1 {
		t.Errorf("got %v, %v, want the authorization gone", gone, err)
	}
	_, err = w.RedeemPending(ctx, r, v.ExpiresAt)
	wantKind(t, "after a purge", err, idp.NotFound)
	gone, err = w.Purge(ctx, 100, p.ExpiresAt.Add(time.Hour), time.Time{})
	if err != nil || gone["pending_authorizations"] != 1 {
		t.Errorf("got %v, %v, want the request gone", gone, err)
	}
}

// Back-Channel Logout 1.0 §2.7: a sign-out stops what does not outlive the session, on a device too that has not fetched its tokens yet.
func TestPending_SignOutStopsWhatDoesNotOutliveTheSession(t *testing.T) {
	t.Parallel()
	for name, offline := range map[string]bool{"for the session": false, "that outlives it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx := t.Context()
			p := w.pend(t, "code")
			must(t, w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
			_, err := w.EndSession(ctx, w.session.ID, w.now)
			must(t, err)
			r := w.redemption(p)
			r.Offline = offline
			_, err = w.RedeemPending(ctx, r, w.now)
			if (err == nil) != offline {
				t.Errorf("got %v, want it redeemed: %v", err, offline)
			}
			if f, err := w.WhyNotRedeemed(ctx, p.ID); err != nil || !offline && (f.State != idp.PendingApproved || f.UserState != idp.UserActive) {
				t.Errorf("why not: got %+v, %v", f, err)
			}
		})
	}
}

// Whoever ends a person's sessions leaves no tokens behind, whichever of the two comes first: what is redeemed, or approved, at this very moment.
func TestPending_NothingSurvivesTheEndOfAllSessions(t *testing.T) {
	t.Parallel()
	const patience = 100 * time.Millisecond // with the other one, which waits, or comes through
	redeem := func(w world, p *idp.PendingAuthorization, offline bool) func(context.Context) error {
		r := w.redemption(p)
		r.Offline = offline
		return func(ctx context.Context) error { _, err := w.RedeemPending(ctx, r, w.now); return err }
	}
	approve := func(w world, p *idp.PendingAuthorization, _ bool) func(context.Context) error {
		return func(ctx context.Context) error {
			return w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now)
		}
	}
	all := func(w world) func(context.Context) error {
		return func(ctx context.Context) error { _, err := w.EndSessionsOf(ctx, w.user.ID, "", w.now); return err }
	}
	one := func(w world) func(context.Context) error {
		return func(ctx context.Context) error { _, err := w.EndSession(ctx, w.session.ID, w.now); return err }
	}
	for name, c := range map[string]struct {
		approved, offline bool
		end               func(world) func(context.Context) error
		act               func(world, *idp.PendingAuthorization, bool) func(context.Context) error
	}{
		"redeemed while all end": {true, true, all, redeem},
		"approved while all end": {false, true, all, approve},
		"redeemed at a sign-out": {true, false, one, redeem},
		"approved at a sign-out": {false, false, one, approve},
	} {
		for _, endFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, the end first: %v", name, endFirst), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				p := w.pend(t, "code")
				if c.approved {
					must(t, w.ApprovePending(t.Context(), p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
				}
				first, second := c.act(w, p, c.offline), c.end(w)
				if endFirst {
					first, second = second, first
				}
				done := make(chan struct{})
				var secondErr error
				var began sync.Once // a transaction may run twice
				must(t, w.InTx(t.Context(), func(ctx context.Context) error {
					err := first(ctx)
					began.Do(func() {
						go func() {
							defer close(done)
							secondErr = second(t.Context())
						}()
					})
					select {
					case <-done:
					case <-time.After(patience):
					}
					return err
				}))
				if <-done; secondErr != nil && !errors.Is(secondErr, idp.ErrNotFound) {
					t.Fatal(secondErr)
				}
				_ = redeem(w, p, c.offline)(t.Context()) // what was approved may be fetched now, if it may
				if v, _, err := w.AuthorizationNow(t.Context(), p.ID, ""); err == nil && v.RevokedAt == nil {
					t.Error("there is an authorization that nobody revoked")
				}
			})
		}
	}
}

func TestPending_EndsWithGrantClientAndUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for name, end := range map[string]func() error{
		"grant":  func() error { return w.RevokeGrant(ctx, w.user.ID, "tv", w.now) },
		"client": func() error { return w.RevokeClient(ctx, "tv", w.now) },
	} {
		p := w.pend(t, name)
		must(t, w.ApprovePending(ctx, p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
		must(t, end())
		_, err := w.RedeemPending(ctx, w.redemption(p), w.now)
		wantKind(t, name, err, idp.NotFound)
	}
}

func TestPending_AreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	create := func(client, address, user string, most store.PendingBounds) error {
		p := &idp.PendingAuthorization{ID: idp.NewID(), Kind: idp.PendingDevice, ClientID: client, Address: address, UserID: user, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute)}
		return w.CreatePending(ctx, p, store.PendingKeys{Digest: []byte("d")}, most)
	}
	for name, c := range map[string]struct {
		client, address, user string
		most                  store.PendingBounds
	}{
		"client":  {"one", "", "", store.PendingBounds{PerClient: 3}},
		"address": {"two", "192.0.2.9", "", store.PendingBounds{PerAddress: 3}},
		"person":  {"three", "", w.user.ID, store.PendingBounds{PerUser: 3}},
	} {
		for range 3 {
			must(t, create(c.client, c.address, c.user, c.most))
		}
		wantKind(t, "one more of a "+name, create(c.client, c.address, c.user, c.most), idp.NotFound)
	}
	must(t, create("other", "192.0.2.10", "", store.PendingBounds{PerAddress: 3}))
}

// Ten thousand polls at once for one approved authorization: one is given tokens.
func TestPending_TenThousandRedemptionsOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pend(t, "code")
	must(t, w.ApprovePending(t.Context(), p.ID, p.Scopes, w.session, []byte("cookie"), w.now))
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for range 10_000 {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			switch _, err := w.RedeemPending(t.Context(), w.redemption(p), w.now); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, idp.ErrNotFound):
				lost.Add(1)
			default:
				t.Errorf("loser: %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 9_999 {
		t.Errorf("got %d winners and %d losers, want 1 and 9999", won.Load(), lost.Load())
	}
}

func TestPings_AreClaimedByOneAndEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	make := func(notify string) *idp.PendingAuthorization {
		p := &idp.PendingAuthorization{ID: idp.NewID(), Kind: idp.PendingBackchannel, ClientID: "bank", UserID: w.user.ID, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute)}
		must(t, w.CreatePending(ctx, p, store.PendingKeys{Digest: []byte("d"), Notify: notify}, store.PendingBounds{}))
		return p
	}
	yes, no, silent := make("sealed"), make("sealed"), make("")
	if list, err := w.PendingOf(ctx, w.user.ID, w.now); err != nil || len(list) != 3 {
		t.Errorf("what waits for the person: got %v, %v, want three", list, err)
	}
	if p, err := w.PendingByToken(ctx, yes.Kind, yes.ID, []byte("d"), w.now); err != nil || p.ID != yes.ID {
		t.Errorf("by its token: got %v, %v", p, err)
	}
	if list, err := w.ClaimPings(ctx, store.Claim{Limit: 10, Lease: w.now.Add(time.Minute), Now: w.now}); err != nil || len(list) != 0 {
		t.Errorf("before anybody decided: got %v, %v, want none", list, err)
	}
	must(t, w.ApprovePending(ctx, yes.ID, yes.Scopes, w.session, []byte("cookie"), w.now))
	must(t, w.DenyPending(ctx, no.ID, w.user.ID, w.now))
	must(t, w.ApprovePending(ctx, silent.ID, silent.Scopes, w.session, []byte("cookie"), w.now))
	var claimed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			list, err := w.ClaimPings(ctx, store.Claim{Limit: 10, Lease: w.now.Add(time.Minute), Now: w.now})
			if err != nil {
				t.Error(err)
			}
			claimed.Add(int64(len(list)))
		})
	}
	wg.Wait()
	if claimed.Load() != 2 {
		t.Errorf("got %d pings claimed by eight, want each of two once", claimed.Load())
	}
	must(t, w.SettlePing(ctx, yes.ID, nil))
	if list, err := w.ClaimPings(ctx, store.Claim{Limit: 10, Lease: w.now.Add(time.Hour), Now: w.now.Add(time.Minute)}); err != nil || len(list) != 1 || list[0].ID != no.ID || list[0].Tries != 2 || list[0].Notify != "sealed" {
		t.Errorf("after one was told: got %v, %v, want the other, a second time", list, err)
	}
	if list, err := w.PendingOf(ctx, w.user.ID, w.now); err != nil || len(list) != 0 {
		t.Errorf("after all were decided: got %v, %v", list, err)
	}
}
