package directory_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newClient(id string) *idp.Client {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &idp.Client{ID: id, Name: "before", RedirectURIs: []string{"https://" + id + ".example/cb"}, CreatedAt: now, UpdatedAt: now}
}

func TestClients_AreReadOnceAndAgainAfterAChange(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	c := newClient("app")
	must(t, s.CreateClient(t.Context(), c))
	w := directory.NewWatcher(s, quiet)
	clients := directory.NewClients(s, w, nil)
	get := func(id string) (*idp.Client, int64, error) {
		ctx, n := sqldb.WithCounter(t.Context())
		got, err := clients.Get(ctx, id)
		return got, n.Trips(), err
	}
	for _, c := range []struct {
		id    string
		trips int64
		err   error
	}{
		{"app", 1, nil},
		{"app", 0, nil},
		{"unknown", 1, idp.ErrNotFound},
		{"unknown", 0, idp.ErrNotFound},
		{"a\x00", 0, idp.ErrNotFound},
		{"\xff", 0, idp.ErrNotFound},
		{"", 0, idp.ErrNotFound},
	} {
		if _, n, err := get(c.id); n != c.trips || !errors.Is(err, c.err) {
			t.Errorf("%q: got %v in %d trips, want %v in %d", c.id, err, n, c.err, c.trips)
		}
	}
	told := make(chan struct{}, 8)
	w.Subscribe(store.TopicClients, func(context.Context) error { told <- struct{}{}; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-told
	changed := *c
	changed.Disabled, changed.UpdatedAt = true, c.UpdatedAt.Add(time.Second)
	must(t, s.UpdateClient(t.Context(), &changed, c.UpdatedAt))
	<-told
	if _, _, err := get("app"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("disabled: got %v, want not found", err)
	}
	must(t, s.CreateClient(t.Context(), newClient("unknown")))
	<-told
	if _, _, err := get("unknown"); err != nil {
		t.Errorf("made meanwhile: %v", err)
	}
}

// Whoever could not read what changed is told again, and after the database was away everybody is.
func TestWatcher_TellsUntilItIsHeard(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	must(t, s.CreateClient(t.Context(), newClient("app")))
	w := directory.NewWatcher(s, quiet)
	var calls atomic.Int64
	heard := make(chan struct{})
	w.Subscribe(store.TopicClients, func(context.Context) error {
		switch calls.Add(1) {
		case 1:
			return idp.ErrUnavailable
		case 2:
			close(heard)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Errorf("told %d times, want again after the failure", calls.Load())
	}
	cancel()
	<-done
}

func TestClients_OriginsAreOfEnabledClients(t *testing.T) { // FL-20
	t.Parallel()
	s := storetest.New(t)
	on, off := newClient("on"), newClient("off")
	off.Disabled = true
	must(t, s.CreateClient(t.Context(), on))
	must(t, s.CreateClient(t.Context(), off))
	clients := directory.NewClients(s, directory.NewWatcher(s, quiet), nil)
	for origin, want := range map[string]bool{"https://on.example": true, "https://off.example": false, "https://on.example:444": false, "null": false, "": false} {
		if got, err := clients.AllowsOrigin(t.Context(), origin); err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", origin, got, err, want)
		}
	}
	for _, want := range []int64{1, 0} {
		ctx, n := sqldb.WithCounter(t.Context())
		if _, err := clients.AllowsOrigin(ctx, "https://made-up.example"); err != nil || n.Trips() != want {
			t.Errorf("a made-up origin: %v in %d trips, want %d", err, n.Trips(), want)
		}
	}
	must(t, s.DeleteClient(t.Context(), "on", time.Now()))
	clients.Forget("on")
	if got, err := clients.AllowsOrigin(t.Context(), "https://on.example"); err != nil || got {
		t.Errorf("of a client that is gone: got %v %v", got, err)
	}
}

// Where applications register themselves all day, the others' clients stay in memory, here and on other replicas.
func TestClients_AChangeTakesOneOutOfMemory(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a, b := newClient("a"), newClient("b")
	must(t, s.CreateClient(t.Context(), a))
	must(t, s.CreateClient(t.Context(), b))
	w := directory.NewWatcher(s, quiet)
	clients := directory.NewClients(s, w, nil)
	told := make(chan struct{}, 16)
	w.Subscribe(store.TopicClients, func(context.Context) error { told <- struct{}{}; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-told
	read := func(id string) (trips int64, name string) {
		ctx, n := sqldb.WithCounter(t.Context())
		c, err := clients.Get(ctx, id)
		if err != nil {
			return n.Trips(), err.Error()
		}
		return n.Trips(), c.Name
	}
	read("a")
	read("b")
	read("c")
	for i, change := range []func() error{
		func() error {
			next := *a
			next.Name, next.UpdatedAt = "after", a.UpdatedAt.Add(time.Second)
			return s.UpdateClient(t.Context(), &next, a.UpdatedAt)
		},
		func() error { return s.CreateClient(t.Context(), newClient("c")) },
		func() error { return s.DeleteClient(t.Context(), "a", time.Now()) },
	} {
		must(t, change())
		<-told
		if trips, name := read("b"); trips != 0 || name != "before" {
			t.Errorf("change %d: another client was read again, %d trips (%s)", i, trips, name)
		}
		want := []string{"after", "before", idp.ErrNotFound.Error()}[i]
		if _, name := read([]string{"a", "c", "a"}[i]); name != want {
			t.Errorf("change %d: got %q, want %q", i, name, want)
		}
	}
}

// Who missed too many changes, or none that this database has had, forgets everything.
func TestClientChanges_AreToldAsFarAsTheyAreKnown(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, id := range []string{"a", "b", "c"} {
		must(t, s.CreateClient(t.Context(), newClient(id)))
	}
	for after, want := range map[int64]string{0: "unknown", 1: "b c", 2: "c", 3: "", 4: "unknown"} {
		ids, version, known, err := s.ClientChanges(t.Context(), after)
		got := strings.Join(ids, " ")
		if !known {
			got = "unknown"
		}
		if err != nil || got != want || known && version != 3 {
			t.Errorf("after %d: got %q and version %d, %v, want %q", after, got, version, err, want)
		}
	}
}

// A row may be there that the settings have no room for any more: such a client is like none, and so is its origin.
func TestClients_WhatTheSettingsRefuseIsNotThere(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	must(t, s.CreateClient(t.Context(), newClient("on")))
	clients := directory.NewClients(s, directory.NewWatcher(s, quiet), func(c *idp.Client) bool { return c.ID == "on" })
	if _, err := clients.Get(t.Context(), "on"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("got %v, want it not found", err)
	}
	if allowed, err := clients.AllowsOrigin(t.Context(), "https://on.example"); allowed || err != nil {
		t.Errorf("its origin: got %v, %v", allowed, err)
	}
}

func TestProviders_OneBrokenLeavesTheOthers(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	now := time.Now()
	for _, p := range []*idp.Provider{{ID: "broken"}, {ID: "good"}, {ID: "off", Disabled: true}} {
		sealed, err := ring.Seal([]byte("secret of "+p.ID), directory.ProviderBinding("good"))
		must(t, err)
		p.CreatedAt, p.UpdatedAt = now, now
		must(t, s.CreateProvider(t.Context(), p, sealed))
	}
	providers := directory.NewProviders(s, ring, directory.NewWatcher(s, quiet), quiet)
	list, err := providers.Enabled(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "good" || list[0].ClientSecret != "secret of good" {
		t.Errorf("got %d providers, %v, want the good one alone", len(list), err)
	}
	for _, id := range []string{"broken", "off", "unknown"} {
		if _, err := providers.Get(t.Context(), id); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%s: got %v, want not found", id, err)
		}
	}
	ctx, n := sqldb.WithCounter(t.Context())
	if _, err := providers.Get(ctx, "good"); err != nil || n.Trips() != 0 {
		t.Errorf("again: %v in %d trips, want none", err, n.Trips())
	}
}
