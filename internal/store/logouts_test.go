package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// hearing registers clients that hear of ended sessions, by both ways, by one, and by none.
func (w world) hearing(t *testing.T) {
	t.Helper()
	for id, c := range map[string]idp.ClientLogout{
		"both":  {BackchannelLogoutURI: "https://both.example/bc", FrontchannelLogoutURI: "https://both.example/fc"},
		"back":  {BackchannelLogoutURI: "https://back.example/bc"},
		"front": {FrontchannelLogoutURI: "https://front.example/fc"},
		"deaf":  {},
	} {
		must(t, w.CreateClient(t.Context(), &idp.Client{ID: id, ClientLogout: c, CreatedAt: w.now, UpdatedAt: w.now}))
	}
}

// got gives clients a code each in a session.
func (w world) got(t *testing.T, session, cookie string, expires time.Time, clients ...string) {
	t.Helper()
	for _, id := range clients {
		_, err := w.IssueCode(t.Context(), &idp.Authorization{ID: idp.NewID(), ClientID: id, CodeExpires: w.now, ExpiresAt: expires}, []byte("c"),
			store.IssueConditions{SessionID: session, SessionDigest: []byte(cookie), SkipGrant: true}, w.now)
		must(t, err)
	}
}

// outbox returns what is written down for a user, as "client session", sorted.
func (w world) outbox(t *testing.T) []string {
	t.Helper()
	list, err := w.Logouts(t.Context(), store.LogoutsOf{UserID: w.user.ID}, store.Page{})
	must(t, err)
	var out []string
	for _, v := range list {
		if v.State != idp.LogoutWaiting || v.Attempts != 0 || !v.DueAt.Equal(w.now) {
			t.Errorf("got %+v, want a new entry", v)
		}
		out = append(out, v.ClientID+" "+v.SessionID)
	}
	slices.Sort(out)
	return out
}

func TestLogouts_AreOneForEachClientOfTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hearing(t)
	ctx, end := t.Context(), w.now.Add(time.Hour)
	other := w.remembered(t)
	w.got(t, w.session.ID, "cookie", end, "both", "both", "front", "deaf")
	w.got(t, other.ID, "d0", end, "back")
	ended, err := w.EndSession(ctx, w.session.ID, w.now)
	must(t, err)
	same(t, "who hears", ended.Clients, []idp.SessionClient{
		{ClientID: "both", SessionID: w.session.ID, Back: true, Front: true}, {ClientID: "front", SessionID: w.session.ID, Front: true},
	})
	same(t, "outbox", w.outbox(t), []string{"both " + w.session.ID})
	// The other session's client hears when that one ends, and the first one's no second time.
	if n, err := w.EndSessionsOf(ctx, w.user.ID, "", w.now); err != nil || n != 1 {
		t.Fatalf("got %d %v, want one ended", n, err)
	}
	same(t, "outbox", w.outbox(t), []string{"back " + other.ID, "both " + w.session.ID})
}

// An authorization expires minutes after its code, the session lives for days: the client hears all the same.
func TestLogouts_ClientsOfPurgedAuthorizationsHear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hearing(t)
	ctx := t.Context()
	w.got(t, w.session.ID, "cookie", w.now.Add(time.Minute), "both", "both", "deaf")
	for range 2 {
		gone, err := w.Purge(ctx, 2, w.now.Add(time.Minute), time.Time{})
		must(t, err)
		if gone["authorizations"] == 0 {
			t.Error("no authorization was purged")
		}
	}
	ended, err := w.EndSession(ctx, w.session.ID, w.now)
	must(t, err)
	same(t, "who hears", ended.Clients, []idp.SessionClient{{ClientID: "both", SessionID: w.session.ID, Back: true, Front: true}})
}

// A session that nobody ends and that time ends: whoever asked to hear of the end hears of this one too, once.
func TestLogouts_ClientsHearOfSessionsThatTimeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hearing(t)
	ctx, over := t.Context(), w.session.ExpiresAt
	living := w.remembered(t)
	w.got(t, w.session.ID, "cookie", w.now.Add(time.Minute), "both", "both", "front", "deaf")
	w.got(t, living.ID, "d0", w.now.Add(time.Minute), "back")
	for _, at := range []time.Time{w.now.Add(time.Minute), over.Add(-time.Microsecond)} {
		_, err := w.Purge(ctx, 100, at, time.Time{})
		must(t, err)
		same(t, "outbox before", w.outbox(t), []string(nil))
	}
	for range 2 {
		gone, err := w.Purge(ctx, 100, over, time.Time{})
		must(t, err)
		list, err := w.Logouts(ctx, store.LogoutsOf{UserID: w.user.ID}, store.Page{})
		must(t, err)
		if len(list) != 1 || list[0].ClientID != "both" || list[0].SessionID != w.session.ID || !list[0].DueAt.Equal(over) {
			t.Fatalf("after purging %v: got %+v, want one entry, for the client with a back channel", gone, list)
		}
	}
	ended, err := w.EndSession(ctx, living.ID, over)
	must(t, err)
	same(t, "who hears of the other one", ended.Clients, []idp.SessionClient{{SessionID: living.ID, ClientID: "back", Back: true}})
}

// A session that the remember cookie brought back lives on, and who is in it is known as long.
func TestLogouts_ClientsOfRestoredSessionsHear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hearing(t)
	ctx := t.Context()
	s := w.remembered(t)
	w.got(t, s.ID, "d0", w.now.Add(time.Minute), "back")
	_, err := w.Purge(ctx, 100, w.now.Add(time.Minute), time.Time{})
	must(t, err)
	late := *s.RememberExpiresAt
	must(t, w.RestoreSession(ctx, s.ID, []byte("r0"), []byte("d1"), []byte("r1"), late.Add(time.Hour), late.Add(time.Hour), late.Add(-time.Minute)))
	_, err = w.Purge(ctx, 100, late.Add(time.Minute), time.Time{})
	must(t, err)
	ended, err := w.EndSession(ctx, s.ID, late.Add(time.Minute))
	must(t, err)
	same(t, "who hears", ended.Clients, []idp.SessionClient{{SessionID: s.ID, ClientID: "back", Back: true}})
}

// Several replicas: each entry has one sender at a time, and only who holds it writes down what came of it.
func TestClaimLogouts_RaceHasOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hearing(t)
	ctx, lease := t.Context(), w.now.Add(30*time.Second)
	w.got(t, w.session.ID, "cookie", w.now.Add(time.Hour), "both", "back")
	_, err := w.EndSession(ctx, w.session.ID, w.now)
	must(t, err)
	claim := func(at time.Time) []*idp.Logout {
		list, err := w.ClaimLogouts(ctx, store.Claim{Limit: 10, Lease: at.Add(30 * time.Second), Now: at})
		must(t, err)
		return list
	}
	counts := make(chan int, 16)
	race(t, 16, idp.ErrNotFound, func(i int) error {
		claim := func() ([]*idp.Logout, error) {
			return w.ClaimLogouts(ctx, store.Claim{Limit: 10, Lease: lease, Now: w.now})
		}
		if i%2 == 0 {
			claim = func() ([]*idp.Logout, error) { return w.ClaimLogoutsOf(ctx, w.session.ID, 10, lease, w.now) }
		}
		list, err := claim()
		counts <- len(list)
		return err
	})
	total := 0
	for range 16 {
		total += <-counts
	}
	if total != 2 {
		t.Errorf("got %d claims of two entries, want 2", total)
	}
	if list := claim(lease.Add(-time.Microsecond)); len(list) != 0 {
		t.Errorf("under the lease: got %d entries, want none", len(list))
	}
	list := claim(lease)
	if len(list) != 2 || list[0].Attempts != 2 {
		t.Fatalf("after the lease: got %d entries, want both a second time", len(list))
	}
	late := *list[0]
	late.Attempts, late.State = 1, idp.LogoutFailed
	wantKind(t, "who lost the lease", w.SettleLogout(ctx, &late), idp.NotFound)
	first := list[0]
	done := lease.Add(time.Second)
	first.State, first.Status, first.DoneAt, first.DueAt = idp.LogoutDelivered, 200, &done, done
	must(t, w.SettleLogout(ctx, first))
	wantKind(t, "settled twice", w.SettleLogout(ctx, first), idp.NotFound)
	got, err := w.Logouts(ctx, store.LogoutsOf{SessionID: w.session.ID, ClientID: first.ClientID}, store.Page{})
	must(t, err)
	same(t, "receipt", got, []*idp.Logout{first})
	if list := claim(done.Add(time.Hour)); len(list) != 1 || list[0].ClientID == first.ClientID {
		t.Errorf("afterwards: got %v, want the other entry alone", list)
	}
}

func TestClaimLogouts_TakesSoManyAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for i := range 5 {
		_, err := w.Engine().Exec(ctx, `INSERT INTO logouts (id, session_id, client_id, user_id, state, attempts, status, fault, created_at, due_at, expires_at)
			VALUES ($1, 's', 'app', 'u', 'waiting', 0, 0, '', $2, $2, $2)`, fmt.Sprint(i), w.now)
		must(t, err)
	}
	for _, want := range []int{3, 2, 0} {
		if list, err := w.ClaimLogouts(ctx, store.Claim{Limit: 3, Lease: w.now.Add(time.Hour), Now: w.now}); err != nil || len(list) != want {
			t.Errorf("got %d entries %v, want %d", len(list), err, want)
		}
	}
}

// One client has most of what waits, in front of all others: while it is busy, what is behind it comes.
func TestClaimLogouts_NothingOfABusyClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	// Nor is an id a pattern, nor its case nothing.
	for i, client := range []string{"much", "much", "much", "muc_", "other", "%", "MUCH", "uch"} {
		_, err := w.Engine().Exec(ctx, `INSERT INTO logouts (id, session_id, client_id, user_id, state, attempts, status, fault, created_at, due_at, expires_at)
			VALUES ($1, 's', $2, 'u', 'waiting', 0, 0, '', $3, $3, $3)`, fmt.Sprint(i), client, w.now.Add(time.Duration(i)*time.Millisecond))
		must(t, err)
	}
	at := w.now.Add(time.Second)
	claim := func(at time.Time, limit int, busy ...string) (ids []string, list []*idp.Logout) {
		list, err := w.ClaimLogouts(ctx, store.Claim{Limit: limit, Busy: busy, Lease: at.Add(time.Minute), Now: at})
		must(t, err)
		for _, v := range list {
			ids = append(ids, v.ID)
		}
		slices.Sort(ids)
		return ids, list
	}
	first, list := claim(at, 1)
	same(t, "the first claim", first, []string{"0"})
	rest, _ := claim(at, 9, "else", "much")
	same(t, "while it is busy", rest, []string{"3", "4", "5", "6", "7"})
	// What was not tried is given back, and counts no attempt.
	must(t, w.PutOffLogout(ctx, list[0], at.Add(time.Second)))
	must(t, w.PutOffLogout(ctx, list[0], at.Add(time.Hour))) // it is nobody's by now
	_, again := claim(at.Add(time.Second), 9)
	if len(again) != 3 || !slices.ContainsFunc(again, func(v *idp.Logout) bool { return v.ID == "0" && v.Attempts == 1 }) {
		t.Errorf("after it was put off: got %+v, want it among them with its first attempt", again)
	}
}
