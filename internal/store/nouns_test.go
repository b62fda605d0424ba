package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

func TestClients_ChangeOnlyWhatWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	age := int64(0)
	c := &idp.Client{
		ID: "app", Name: "App", RedirectURIs: []string{"https://a.example/?x=1&y"}, GrantTypes: []string{"authorization_code"}, AuthMethods: []string{"none"},
		Scopes: []string{"openid"}, DefaultMaxAge: &age, ManagedBy: "f", Contract: idp.DefaultContract(), CreatedAt: w.now, UpdatedAt: w.now,
		Secrets: []idp.ClientSecret{{ID: "1", Digest: "d", CreatedAt: w.now}},
	}
	must(t, w.CreateClient(ctx, c))
	wantKind(t, "same id", w.CreateClient(ctx, c), idp.Conflict)
	got, err := w.Client(ctx, "app")
	must(t, err)
	same(t, "client", got, c)
	_, err = w.Client(ctx, "APP")
	wantKind(t, "another case", err, idp.NotFound)

	won := race(t, 8, idp.ErrConflict, func(i int) error {
		changed := *c
		changed.Name, changed.UpdatedAt = fmt.Sprint(i), w.now.Add(time.Duration(i+1)*time.Second)
		return w.UpdateClient(ctx, &changed, w.now)
	})
	if won != 1 {
		t.Errorf("got %d changes over one reading, want 1", won)
	}
	must(t, w.CreateClient(ctx, &idp.Client{ID: "b", CreatedAt: w.now, UpdatedAt: w.now}))
	if list, err := w.Clients(ctx, store.Page{Limit: 1, After: "app"}); err != nil || len(list) != 1 || list[0].ID != "b" {
		t.Errorf("second page: got %v, %v", list, err)
	}
	if list, err := w.ClientsManagedBy(ctx, "f"); err != nil || len(list) != 1 || list[0].ID != "app" {
		t.Errorf("managed by f: got %v, %v", list, err)
	}
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	must(t, w.DeleteClient(ctx, "app", w.now))
	wantKind(t, "delete again", w.DeleteClient(ctx, "app", w.now), idp.NotFound)
	if v, _, err := w.AuthorizationNow(ctx, a.ID, ""); err != nil || v.RevokedAt == nil {
		t.Errorf("what the client was given: got %+v, %v, want it revoked", v, err)
	}
}

// Replicas read their memory again when a version moved; an undone change moves none.
func TestVersions_MoveWithEachChangeThatStands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	version := func(topic string) int64 {
		v, err := w.Versions(ctx)
		must(t, err)
		return v[topic]
	}
	c := &idp.Client{ID: "app", CreatedAt: w.now, UpdatedAt: w.now}
	p := &idp.Provider{ID: "g", CreatedAt: w.now, UpdatedAt: w.now}
	k := &idp.SigningKey{ID: "k", Algorithm: "ES256", CreatedAt: w.now, ActiveAt: w.now}
	for _, step := range []struct {
		name, topic string
		change      func() error
	}{
		{"client created", store.TopicClients, func() error { return w.CreateClient(ctx, c) }},
		{"client updated", store.TopicClients, func() error { return w.UpdateClient(ctx, c, w.now) }},
		{"client deleted", store.TopicClients, func() error { return w.DeleteClient(ctx, "app", w.now) }},
		{"provider created", store.TopicProviders, func() error { return w.CreateProvider(ctx, p, "s") }},
		{"provider updated", store.TopicProviders, func() error { return w.UpdateProvider(ctx, p, "s", w.now) }},
		{"provider deleted", store.TopicProviders, func() error { return w.DeleteProvider(ctx, "g") }},
		{"key created", store.TopicKeys, func() error { return w.CreateSigningKey(ctx, k, "s") }},
		{"key retired", store.TopicKeys, func() error { return w.RetireSigningKey(ctx, "k", w.now, w.now.Add(time.Hour)) }},
		{"key withdrawn", store.TopicKeys, func() error { return w.ReplaceRetirement(ctx, "k", w.now, w.now) }},
	} {
		before := version(step.topic)
		undone := errors.New("undone")
		if err := w.InTx(ctx, func(ctx context.Context) error { return errors.Join(w.CreateClient(ctx, &idp.Client{ID: "x"}), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		must(t, step.change())
		if after := version(step.topic); after != before+1 {
			t.Errorf("%s: version went from %d to %d, want one up", step.name, before, after)
		}
	}
}

func TestProviders_SecretStaysOutOfTheDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := &idp.Provider{ID: "g", Type: "google", Name: "Google", Issuer: "https://accounts.google.com", ClientID: "c", ClientSecret: "in clear", Scopes: []string{"openid"}, CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.CreateProvider(ctx, p, "sealed"))
	wantKind(t, "same id", w.CreateProvider(ctx, p, "x"), idp.Conflict)
	got, err := w.Provider(ctx, "g")
	must(t, err)
	want := *p
	want.ClientSecret = ""
	same(t, "provider", got, &store.SealedProvider{Provider: &want, Secret: "sealed"})
	p.Disabled = true
	must(t, w.UpdateProvider(ctx, p, "other", w.now))
	if list, err := w.Providers(ctx); err != nil || len(list) != 1 || !list[0].Disabled || list[0].Secret != "other" {
		t.Errorf("got %+v, %v", list, err)
	}
	must(t, w.DeleteProvider(ctx, "g"))
	_, err = w.Provider(ctx, "g")
	wantKind(t, "read", err, idp.NotFound)
	wantKind(t, "update", w.UpdateProvider(ctx, p, "x", w.now), idp.Conflict)
	wantKind(t, "delete", w.DeleteProvider(ctx, "g"), idp.NotFound)
}

func TestProviders_ChangeOnlyWhatWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := &idp.Provider{ID: "g", Issuer: "https://op.example", CreatedAt: w.now, UpdatedAt: w.now}
	must(t, w.CreateProvider(ctx, p, "sealed"))
	if won := race(t, 8, idp.ErrConflict, func(i int) error { return w.ResealProvider(ctx, "g", "sealed", fmt.Sprint(i)) }); won != 1 {
		t.Errorf("got %d reseals, want 1", won)
	}
	won := race(t, 8, idp.ErrConflict, func(i int) error {
		changed := *p
		changed.Name, changed.UpdatedAt = fmt.Sprint(i), w.now.Add(time.Duration(i+1)*time.Second)
		return w.UpdateProvider(ctx, &changed, "sealed", w.now)
	})
	if won != 1 {
		t.Errorf("got %d changes over one reading, want 1", won)
	}
}

// An identity is issuer and subject, so providers of one issuer must read their subjects at one place, whoever writes at the same time.
func TestProviders_OfAnIssuerAgreeWhereSubjectsAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	make := func(i int) *idp.Provider {
		p := &idp.Provider{ID: fmt.Sprint(i), Issuer: "https://chat.example", CreatedAt: w.now, UpdatedAt: w.now}
		p.UserInfoURL, p.Claims.Subject = "https://chat.example/me", []string{"id", "login"}[i%2]
		return p
	}
	agree := func(what string, want int) {
		t.Helper()
		list, err := w.Providers(ctx)
		must(t, err)
		places := map[string]int{}
		for _, p := range list {
			if p.Issuer == "https://chat.example" {
				places[p.SubjectsFrom()]++
			}
		}
		for _, n := range places {
			if len(places) != 1 || n != want {
				t.Errorf("%s: got %v, want %d providers that agree", what, places, want)
			}
		}
	}
	for n := range 4 { // each round with an issuer that nobody has yet
		if won := race(t, 8, idp.ErrConflict, func(i int) error { return w.CreateProvider(ctx, make(i), "s") }); won != 4 {
			t.Errorf("round %d: got %d providers, want the 4 that agree with the first", n, won)
		}
		agree("created", 4)
		list, err := w.Providers(ctx)
		must(t, err)
		for _, p := range list {
			must(t, w.DeleteProvider(ctx, p.ID))
		}
	}
	for i := range 8 {
		p := make(i)
		p.Issuer += "/" + p.ID
		must(t, w.CreateProvider(ctx, p, "s"))
	}
	if won := race(t, 8, idp.ErrConflict, func(i int) error { return w.UpdateProvider(ctx, make(i), "s", w.now) }); won != 4 {
		t.Errorf("got %d changes, want the 4 that agree with the first", won)
	}
	agree("changed", 4)
	must(t, w.CreateProvider(ctx, &idp.Provider{ID: "alone", Issuer: "https://op.example", CreatedAt: w.now, UpdatedAt: w.now}, "s"))
	moved := &idp.Provider{ID: "alone", Issuer: "https://op.example", CreatedAt: w.now, UpdatedAt: w.now.Add(time.Second)}
	moved.UserInfoURL = "https://op.example/me"
	must(t, w.UpdateProvider(ctx, moved, "s", w.now)) // nobody stands beside it
}

func TestSigningKeys_LeaveAtTheirTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	k := &idp.SigningKey{ID: "k", Algorithm: "ES256", CreatedAt: w.now, ActiveAt: w.now.Add(time.Hour)}
	must(t, w.CreateSigningKey(ctx, k, "sealed"))
	wantKind(t, "same id", w.CreateSigningKey(ctx, k, "sealed"), idp.Conflict)
	list, err := w.SigningKeys(ctx, w.now)
	must(t, err)
	same(t, "keys", list, []*store.SealedKey{{SigningKey: k, Sealed: "sealed"}})
	retired, expires := w.now.Add(2*time.Hour), w.now.Add(3*time.Hour)
	if won := race(t, 8, idp.ErrNotFound, func(int) error { return w.RetireSigningKey(ctx, "k", retired, expires) }); won != 1 {
		t.Errorf("got %d retirements, want 1", won)
	}
	must(t, w.ReplaceRetirement(ctx, "k", retired.Add(time.Hour), expires.Add(time.Hour))) // never later
	for at, want := range map[time.Time]int{expires.Add(-time.Microsecond): 1, expires: 0} {
		if list, err := w.SigningKeys(ctx, at); err != nil || len(list) != want {
			t.Errorf("at %v: got %d keys, %v, want %d", at, len(list), err, want)
		}
	}
	must(t, w.ReplaceRetirement(ctx, "k", w.now, w.now))
	if list, err := w.SigningKeys(ctx, w.now); err != nil || len(list) != 0 {
		t.Errorf("withdrawn: got %d keys, %v, want 0", len(list), err)
	}
	wantKind(t, "no such key", w.ReplaceRetirement(ctx, "x", w.now, w.now), idp.NotFound)
	if won := race(t, 8, idp.ErrConflict, func(i int) error { return w.ResealSigningKey(ctx, "k", "sealed", fmt.Sprint(i)) }); won != 1 {
		t.Errorf("got %d reseals, want 1", won)
	}
}

func TestWithLease_HasOneHolderUntilTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	until := w.now.Add(time.Minute)
	take := func(holder string, at time.Time, fault error) (bool, error) {
		ran := false
		held, err := w.WithLease(ctx, "job", holder, at.Add(time.Minute), at, func(context.Context) error { ran = true; return fault })
		if ran != held && fault == nil {
			t.Errorf("%s: held %v, ran %v", holder, held, ran)
		}
		return held, err
	}
	busy := errors.New("busy")
	won := race(t, 16, busy, func(i int) error {
		if held, err := take(fmt.Sprint(i), w.now, nil); err != nil || held {
			return err
		}
		return busy
	})
	if won != 1 {
		t.Errorf("got %d holders, want 1", won)
	}
	if held, err := take("late", until.Add(-time.Microsecond), nil); err != nil || held {
		t.Errorf("a microsecond before the end: got %v %v, want not held", held, err)
	}
	fault := errors.New("fault")
	if _, err := take("late", until, fault); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault", err)
	}
	if held, err := take("late", until, nil); err != nil || !held {
		t.Errorf("at the end, after a failed run: got %v %v, want held", held, err)
	}
	if held, err := take("late", until, nil); err != nil || !held {
		t.Errorf("its holder again: got %v %v, want held", held, err)
	}
}

func TestInteractions_BelongToOneBrowserAndEndOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	at := w.now.Add(time.Second)
	i := &idp.Interaction{
		ID: idp.NewID(), Kind: idp.InteractionAuthorize, BrowserDigest: []byte("b"), ClientID: "app", Params: "a=%00&b=%FF", TraceID: "t",
		Steps: idp.Steps{LoginAt: &at, ConsentedScopes: []string{"x"}}, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute),
	}
	must(t, w.CreateInteraction(ctx, i, 4))
	got, err := w.Interaction(ctx, i.ID, []byte("b"), w.now)
	must(t, err)
	same(t, "interaction", got, i)
	_, err = w.Interaction(ctx, i.ID, []byte("c"), w.now)
	wantKind(t, "another browser", err, idp.NotFound)
	_, err = w.Interaction(ctx, i.ID, []byte("b"), i.ExpiresAt)
	wantKind(t, "at its end", err, idp.NotFound)
	must(t, w.RecordSteps(ctx, i.ID, idp.Steps{Denied: true}, i.ExpiresAt.Add(-time.Microsecond)))
	wantKind(t, "a step at its end", w.RecordSteps(ctx, i.ID, idp.Steps{}, i.ExpiresAt), idp.NotFound)
	if got, err := w.Interaction(ctx, i.ID, []byte("b"), w.now); err != nil || !got.Steps.Denied || got.Steps.LoginAt != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if won := race(t, 16, idp.ErrNotFound, func(int) error { return w.ConsumeInteraction(ctx, i.ID) }); won != 1 {
		t.Errorf("got %d ends, want 1", won)
	}
	// SEC-23: one browser keeps its newest only, and another's are left alone.
	other := *i
	other.ID, other.BrowserDigest = idp.NewID(), []byte("other")
	must(t, w.CreateInteraction(ctx, &other, 4))
	var ids []string
	for range 10 {
		next := *i
		next.ID = idp.NewID()
		ids = append(ids, next.ID)
		must(t, w.CreateInteraction(ctx, &next, 4))
	}
	for n, id := range ids {
		if _, err := w.Interaction(ctx, id, []byte("b"), w.now); errors.Is(err, idp.ErrNotFound) != (n < 6) {
			t.Errorf("interaction %d of 10: got %v, want the last four kept", n, err)
		}
	}
	if _, err := w.Interaction(ctx, other.ID, []byte("other"), w.now); err != nil {
		t.Errorf("another browser's: %v", err)
	}
}

func TestUpstreamLogins_StateIsUsedOnceByItsBrowser(t *testing.T) { // FD-2
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	l := &store.UpstreamLogin{StateDigest: []byte("s"), BrowserDigest: []byte("b"), InteractionID: "i", ProviderID: "g", Pending: "p", CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute)}
	must(t, w.CreateUpstreamLogin(ctx, l))
	_, err := w.TakeUpstreamLogin(ctx, []byte("s"), []byte("thief"), w.now)
	wantKind(t, "another browser", err, idp.NotFound)
	_, err = w.TakeUpstreamLogin(ctx, []byte("s"), []byte("b"), l.ExpiresAt)
	wantKind(t, "at its end", err, idp.NotFound)
	if won := race(t, 16, idp.ErrNotFound, func(int) error {
		got, err := w.TakeUpstreamLogin(ctx, []byte("s"), []byte("b"), w.now)
		if err == nil {
			same(t, "login", got, l)
		}
		return err
	}); won != 1 {
		t.Errorf("got %d winners, want 1", won)
	}
}

func TestFirstUse_IsWonOnceUntilItExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	end := w.now.Add(time.Minute)
	use := func(kind, value string, now time.Time) bool {
		first, err := w.FirstUse(ctx, kind, value, end, now)
		must(t, err)
		return first
	}
	if won := race(t, 32, errSecond, func(int) error {
		first, err := w.FirstUse(ctx, "assertion", "app jti", end, w.now)
		if err == nil && !first {
			return errSecond
		}
		return err
	}); won != 1 {
		t.Errorf("got %d first uses, want 1", won)
	}
	for _, c := range []struct {
		kind, value string
		now         time.Time
		want        bool
	}{
		{"assertion", "app jti", end.Add(-time.Microsecond), false},
		{"proof", "app jti", w.now, true}, // each kind counts for itself
		{"assertionapp", " jti", w.now, true},
		{"assertion", "app jti\x00", w.now, true},
	} {
		if got := use(c.kind, c.value, c.now); got != c.want {
			t.Errorf("%q %q: got first %v, want %v", c.kind, c.value, got, c.want)
		}
	}
	// What has expired is refused for its age before anybody asks here; whoever makes the same name again is not held up by an old row.
	end = w.now.Add(2 * time.Minute)
	if at := w.now.Add(time.Minute); !use("assertion", "app jti", at) || use("assertion", "app jti", at) {
		t.Error("after its end: want it free once")
	}
}

var errSecond = errors.New("not the first")

func TestOnceTokens_AreUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	end := w.now.Add(time.Minute)
	must(t, w.PutOnceToken(ctx, []byte("old"), "reset", "ann", end, w.now))
	must(t, w.PutOnceToken(ctx, []byte("new"), "reset", "ann", end, w.now))
	must(t, w.PutOnceToken(ctx, []byte("bob"), "reset", "bob", end, w.now))
	take := func(digest, purpose string, at time.Time) error {
		subject, err := w.TakeOnceToken(ctx, []byte(digest), purpose, at)
		if err == nil && subject != "ann" {
			t.Errorf("got subject %q, want ann", subject)
		}
		return err
	}
	wantKind(t, "one that was replaced", take("old", "reset", w.now), idp.NotFound)
	wantKind(t, "for another purpose", take("new", "verify", w.now), idp.NotFound)
	wantKind(t, "at its end", take("new", "reset", end), idp.NotFound)
	if subject, err := w.OnceTokenSubject(ctx, []byte("new"), "reset", w.now); err != nil || subject != "ann" {
		t.Errorf("a look: got %q %v", subject, err)
	}
	if won := race(t, 16, idp.ErrNotFound, func(int) error { return take("new", "reset", end.Add(-time.Microsecond)) }); won != 1 {
		t.Errorf("got %d winners, want 1", won)
	}
	if _, err := w.OnceTokenSubject(ctx, []byte("bob"), "reset", end.Add(-time.Microsecond)); err != nil {
		t.Errorf("just before its end: got %v, want the token of bob", err)
	}
	_, err := w.OnceTokenSubject(ctx, []byte("bob"), "reset", end)
	wantKind(t, "a look at its end", err, idp.NotFound)
	must(t, w.DropOnceTokens(ctx, "reset", "bob"))
	_, err = w.OnceTokenSubject(ctx, []byte("bob"), "reset", w.now)
	wantKind(t, "after the drop", err, idp.NotFound)
}

func TestOpaqueTokens_EndAtTheirTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	end := w.now.Add(time.Minute)
	must(t, w.PutOpaqueToken(ctx, []byte("d"), "", `{"a":1}`, end))
	wantKind(t, "same digest", w.PutOpaqueToken(ctx, []byte("d"), "", "", end), idp.Conflict)
	if got, err := w.OpaqueToken(ctx, []byte("d"), end.Add(-time.Microsecond)); err != nil || got != `{"a":1}` {
		t.Errorf("got %q %v", got, err)
	}
	_, err := w.OpaqueToken(ctx, []byte("d"), end)
	wantKind(t, "at its end", err, idp.NotFound)
}

func TestThrottles_CountEachFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	window, end := w.now.Add(-time.Minute), w.now.Add(time.Hour)
	race(t, 32, nil, func(int) error { _, err := w.CountFailure(ctx, "k", window, end, w.now); return err })
	if n, err := w.CountFailure(ctx, "k", window, end, w.now); err != nil || n != 33 {
		t.Errorf("got %d %v, want 33: none is lost", n, err)
	}
	must(t, w.Block(ctx, "k", w.now.Add(2*time.Hour)))
	must(t, w.Block(ctx, "k", w.now.Add(time.Hour)))
	absent, k, err := w.Throttles(ctx, "x", "k", w.now)
	if err != nil || absent.Failures != 0 || k.Failures != 33 || k.BlockedUntil == nil || !k.BlockedUntil.Equal(w.now.Add(2*time.Hour)) {
		t.Errorf("got %+v %+v %v, want the longer block to stand", absent, k, err)
	}
	if n, err := w.CountFailure(ctx, "k", w.now, end, w.now.Add(time.Minute)); err != nil || n != 1 {
		t.Errorf("a window that began at the limit: got %d %v, want a new count", n, err)
	}
	must(t, w.ClearThrottle(ctx, "k"))
	if _, k, err := w.Throttles(ctx, "x", "k", w.now); err != nil || k.Failures != 0 {
		t.Errorf("cleared: got %+v %v", k, err)
	}
}

func TestAuditAndTraces_ComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	events := make([]*idp.AuditEvent, 3)
	for n := range events {
		events[n] = &idp.AuditEvent{
			ID: idp.NewID(), At: w.now, Type: "login.ok", ActorKind: "user", ActorID: "a", UserID: []string{"ann", "bob"}[n%2], ClientID: "c", SessionID: "s",
			Address: "192.0.2.1", UserAgent: "b", RequestID: "r", Details: map[string]string{"k": "\x00v"},
		}
		must(t, w.AppendAudit(ctx, events[n]))
	}
	list, err := w.AuditEvents(ctx, "ann", store.Page{})
	must(t, err)
	same(t, "Ann's events", list, []*idp.AuditEvent{events[0], events[2]})
	list, err = w.AuditEvents(ctx, "", store.Page{After: events[0].ID, Limit: 1})
	must(t, err)
	same(t, "second page", list, events[1:2])

	tr := &idp.Trace{ID: "t", At: w.now, Endpoint: "token", ClientID: "c", Outcome: "waiting", Checks: []idp.Check{{Name: "n", Received: "\x00"}}, ExpiresAt: w.now.Add(time.Hour)}
	later := *tr
	later.Outcome = "ok"
	must(t, w.PutTraces(ctx, []*idp.Trace{tr, &later}))
	got, err := w.Trace(ctx, "t", w.now)
	must(t, err)
	same(t, "trace", got, &later)
	_, err = w.Trace(ctx, "t", tr.ExpiresAt)
	wantKind(t, "at its end", err, idp.NotFound)
}

// Purging goes by batches, takes what has expired and nothing else, and keeps what is needed to notice reuse.
func TestPurge_IsBoundedAndJust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	end := w.now.Add(time.Minute)
	for n := range 5 {
		id := fmt.Sprint(n)
		must(t, w.CreateInteraction(ctx, &idp.Interaction{ID: id, BrowserDigest: []byte(id), CreatedAt: w.now, ExpiresAt: end}, 9))
		must(t, w.CreateUpstreamLogin(ctx, &store.UpstreamLogin{StateDigest: []byte(id), BrowserDigest: []byte(id), CreatedAt: w.now, ExpiresAt: end}))
		must(t, w.PutPushedRequest(ctx, &idp.PushedRequest{ID: id, ClientID: "app", CreatedAt: w.now, ExpiresAt: end}, []byte(id)))
		must(t, w.PutOpaqueToken(ctx, []byte(id), "", "{}", end))
		must(t, w.RevokeAccessToken(ctx, id, end))
		must(t, w.PutTraces(ctx, []*idp.Trace{{ID: id, At: w.now, ExpiresAt: end}}))
		_, err := w.CountFailure(ctx, id, w.now, end, w.now)
		must(t, err)
		must(t, w.PutOnceToken(ctx, []byte(id), "p", id, end, w.now))
		_, err = w.FirstUse(ctx, "p", id, end, w.now)
		must(t, err)
		must(t, w.CreateRegistrationToken(ctx, &store.RegistrationToken{ID: id, Most: 1, CreatedAt: w.now, ExpiresAt: end}, []byte(id)))
		must(t, w.CreatePending(ctx, &idp.PendingAuthorization{ID: id, CreatedAt: w.now, ExpiresAt: end.Add(-10 * time.Minute)}, store.PendingKeys{Digest: []byte(id)}, store.PendingBounds{}))
		must(t, w.CreateSigningKey(ctx, &idp.SigningKey{ID: id, CreatedAt: w.now, ActiveAt: w.now, RetiredAt: &w.now, ExpiresAt: &end}, ""))
		must(t, w.AppendAudit(ctx, &idp.AuditEvent{ID: id, At: w.now}))
		_, err = w.Engine().Exec(ctx, `INSERT INTO session_clients (session_id, client_id, user_id, expires_at) VALUES ($1, 'app', $2, $3)`, id, w.user.ID, end)
		must(t, err)
		_, err = w.Engine().Exec(ctx, `INSERT INTO logouts (id, session_id, client_id, user_id, state, attempts, status, fault, created_at, due_at, expires_at)
			VALUES ($1, $1, 'app', '', 'delivered', 1, 200, '', $2, $2, $3)`, id, w.now, end)
		must(t, err)
		must(t, w.CreateSession(ctx, &idp.Session{ID: id, UserID: w.user.ID, AuthTime: w.now, CreatedAt: w.now, LastSeenAt: w.now, IdleExpiresAt: end, ExpiresAt: end}, []byte(id), nil))
		_, err = w.IssueCode(ctx, &idp.Authorization{ID: id, ClientID: "app", CodeExpires: w.now, ExpiresAt: end}, []byte(id),
			store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
		must(t, err)
	}
	must(t, w.CreateSigningKey(ctx, &idp.SigningKey{ID: "signing", CreatedAt: w.now, ActiveAt: w.now}, ""))
	spent, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	_, err = w.redeem(t, spent, "c", "challenge") // its refresh token lives for 24 h
	must(t, err)
	remembered := w.remembered(t)

	purge := func(at, auditFrom time.Time, want int64) {
		t.Helper()
		gone, err := w.Purge(ctx, 3, at, auditFrom)
		must(t, err)
		if len(gone) < 15 {
			t.Errorf("got %d tables, want at least 15", len(gone))
		}
		for table, n := range gone {
			if n != want {
				t.Errorf("%s: %d rows went, want %d", table, n, want)
			}
		}
	}
	purge(end.Add(-time.Microsecond), w.now, 0)
	keysVersion := func() int64 {
		v, err := w.Versions(ctx)
		must(t, err)
		return v[store.TopicKeys]
	}
	before := keysVersion()
	purge(end, w.now.Add(time.Microsecond), 3)
	purge(end, w.now.Add(time.Microsecond), 2)
	purge(end, w.now.Add(time.Microsecond), 0)
	if got := keysVersion() - before; got != 2 {
		t.Errorf("replicas were told %d times that keys are gone, want 2", got)
	}

	// The code was spent long ago, the session is over: reuse must still be seen, and the remembered browser come back.
	day := w.now.Add(23 * time.Hour)
	_, err = w.Purge(ctx, 100, day, time.Time{})
	must(t, err)
	if was, err := w.FailCode(ctx, spent.ID, []byte("c"), day); err != nil || was.CodeUsedAt == nil {
		t.Errorf("reuse of a code whose tokens live: got %+v, %v, want it noticed", was, err)
	}
	if _, err := w.SessionByRemember(ctx, remembered.ID, []byte("r0")); err != nil {
		t.Errorf("a remembered session: %v", err)
	}
	if keys, err := w.SigningKeys(ctx, day); err != nil || len(keys) != 1 {
		t.Errorf("got %d keys, %v, want the one that signs", len(keys), err)
	}
}

// SEC-23: what strangers can make grow without end has a cap beside its lifetime, and the newest rows are the ones that stay.
func TestTrim_KeepsTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for n := range 9 {
		id, end := fmt.Sprint(n), w.now.Add(time.Hour+time.Duration(n)*time.Second)
		must(t, w.CreateInteraction(ctx, &idp.Interaction{ID: id, BrowserDigest: []byte("b"), CreatedAt: w.now, ExpiresAt: end}, 99))
		must(t, w.CreateUpstreamLogin(ctx, &store.UpstreamLogin{StateDigest: []byte(id), BrowserDigest: []byte("b"), CreatedAt: w.now, ExpiresAt: end}))
		must(t, w.PutTraces(ctx, []*idp.Trace{{ID: id, At: w.now, ExpiresAt: end}}))
		must(t, w.PutPushedRequest(ctx, &idp.PushedRequest{ID: id, ClientID: "app", CreatedAt: w.now, ExpiresAt: end}, []byte(id)))
	}
	caps := store.Caps{Traces: 4, Interactions: 4, Logins: 4, Pushed: 4}
	for run, want := range []int64{3, 2, 0} {
		gone, err := w.Trim(ctx, caps, 3)
		must(t, err)
		for table, n := range gone {
			if n != want {
				t.Errorf("run %d, %s: %d rows went, want %d", run, table, n, want)
			}
		}
		if len(gone) != 4 {
			t.Errorf("got %d tables, want 4", len(gone))
		}
	}
	for n := range 9 {
		id, stays := fmt.Sprint(n), n >= 5
		if _, err := w.Trace(ctx, id, w.now); (err == nil) != stays {
			t.Errorf("trace %d: got %v, want it kept: %v", n, err, stays)
		}
		if _, err := w.Interaction(ctx, id, []byte("b"), w.now); (err == nil) != stays {
			t.Errorf("interaction %d: got %v, want it kept: %v", n, err, stays)
		}
		if _, err := w.PushedRequest(ctx, id, []byte(id), w.now); (err == nil) != stays {
			t.Errorf("pushed request %d: got %v, want it kept: %v", n, err, stays)
		}
		if _, err := w.TakeUpstreamLogin(ctx, []byte(id), []byte("b"), w.now); (err == nil) != stays {
			t.Errorf("upstream login %d: got %v, want it kept: %v", n, err, stays)
		}
	}
}

// A transaction of the store undoes all of it: the fact and what stands beside it.
func TestInTx_UndoesEveryNoun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	undone := errors.New("undone")
	err := w.InTx(ctx, func(ctx context.Context) error {
		return errors.Join(
			w.CreateClient(ctx, &idp.Client{ID: "app"}),
			w.PutGrant(ctx, w.user.ID, "app", []string{"x"}, w.now),
			w.AppendAudit(ctx, &idp.AuditEvent{ID: "e", At: w.now}),
			w.InTx(ctx, func(ctx context.Context) error { _, err := w.EndSession(ctx, w.session.ID, w.now); return err }),
			undone)
	})
	if !errors.Is(err, undone) {
		t.Fatalf("got %v", err)
	}
	_, err = w.Client(ctx, "app")
	wantKind(t, "client", err, idp.NotFound)
	_, err = w.Grant(ctx, w.user.ID, "app")
	wantKind(t, "grant", err, idp.NotFound)
	if list, err := w.AuditEvents(ctx, "", store.Page{}); err != nil || len(list) != 0 {
		t.Errorf("got %d events, %v, want none", len(list), err)
	}
	if _, err := w.Session(ctx, w.session.ID); err != nil {
		t.Errorf("session: %v", err)
	}
}
