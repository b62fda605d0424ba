package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
	"idp/internal/throttle"
)

type world struct {
	*throttle.Throttle
	store *store.Store
}

func newWorld(t *testing.T) world {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	w := world{store: storetest.New(t)}
	w.Throttle = throttle.New(throttle.Config{
		Store: w.store, Keyring: ring, Logger: slog.New(slog.DiscardHandler),
		PerAccount: throttle.Limits{Failures: 10, Window: 15 * time.Minute, MaxDelay: 5 * time.Minute},
		PerAddress: throttle.Limits{Failures: 20, Window: 15 * time.Minute, MaxDelay: 5 * time.Minute},
	})
	return w
}

// fail makes one wrong try and returns how long it was told to wait; 0 if it was judged.
func (w world) fail(t *testing.T, account, address string) time.Duration {
	t.Helper()
	if wait := w.wait(t, account, address, false); wait > 0 {
		return wait
	}
	w.Failed(t.Context(), account, address)
	return 0
}

// wait asks whether a try is allowed.
func (w world) wait(t *testing.T, account, address string, known bool) time.Duration {
	t.Helper()
	err := w.Allow(t.Context(), account, address, known)
	if err == nil {
		return 0
	}
	var e *idp.Error
	if !errors.As(err, &e) || e.Kind != idp.Throttled || e.RetryAfter <= 0 || !strings.HasSuffix(e.Message, ".") {
		t.Fatalf("got %v, want an error of kind Throttled with a time to wait", err)
	}
	return e.RetryAfter
}

// FS-43: 100 wrong passwords from 100 addresses slow the account; the right one from a known device still works, and
// nobody is locked out for ever.
func TestThrottle_SlowsTheAccountAndNotItsKnownDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		judged := 0
		for i := range 100 {
			if w.fail(t, "ann", fmt.Sprintf("192.0.2.%d", i)) == 0 {
				judged++
			}
		}
		if judged != 10 {
			t.Errorf("got %d of 100 tries judged, want 10", judged)
		}
		if got := w.wait(t, "ann", "198.51.100.1", false); got != time.Second {
			t.Errorf("the owner from an unknown device: got a wait of %v, want 1s", got)
		}
		if got := w.wait(t, "bob", "198.51.100.1", false); got != 0 {
			t.Errorf("another account: got a wait of %v, want none", got)
		}
		if got := w.wait(t, "ann", "198.51.100.1", true); got != 0 {
			t.Fatalf("the owner from a known device: got a wait of %v, want none", got)
		}
		w.Succeeded(t.Context(), "ann")
		if got := w.wait(t, "ann", "198.51.100.2", false); got != 0 {
			t.Errorf("after the owner signed in: got a wait of %v, want none", got)
		}
	})
}

func TestThrottle_WaitDoublesUpToItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 10 {
			if wait := w.fail(t, "ann", "192.0.2.1"); wait != 0 {
				t.Fatalf("within the limit: got a wait of %v", wait)
			}
		}
		var got []time.Duration
		for range 10 {
			wait := w.wait(t, "ann", "192.0.2.2", false)
			got = append(got, wait)
			time.Sleep(wait - time.Microsecond)
			if w.wait(t, "ann", "192.0.2.2", false) == 0 {
				t.Fatalf("a moment before the end of %v: allowed", wait)
			}
			time.Sleep(time.Microsecond)
			if wait := w.fail(t, "ann", "192.0.2.2"); wait != 0 {
				t.Fatalf("after the wait: got another of %v", wait)
			}
		}
		want := "[1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 5m0s]"
		if fmt.Sprint(got) != want {
			t.Errorf("got %v, want %v", got, want)
		}
		time.Sleep(16 * time.Minute)
		for range 10 {
			if wait := w.fail(t, "ann", "192.0.2.3"); wait != 0 {
				t.Errorf("after the window: got a wait of %v, want none", wait)
			}
		}
	})
}

// One address that tries many accounts is slowed, whichever it tries, even as a known device; signing in as oneself in between
// does not help.
func TestThrottle_SlowsTheAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 20 {
			if wait := w.fail(t, fmt.Sprintf("user%d", i), "192.0.2.1"); wait != 0 {
				t.Fatalf("within the limit: got a wait of %v", wait)
			}
			if i < 19 {
				if wait := w.wait(t, "mallory", "192.0.2.1", false); wait != 0 {
					t.Fatalf("within the limit: got a wait of %v", wait)
				}
				w.Succeeded(t.Context(), "mallory")
			}
		}
		for _, known := range []bool{false, true} {
			if w.wait(t, "somebody", "192.0.2.1", known) == 0 {
				t.Errorf("known device %v: allowed, want a wait", known)
			}
		}
		if wait := w.wait(t, "somebody", "192.0.2.2", false); wait != 0 {
			t.Errorf("another address: got a wait of %v, want none", wait)
		}
	})
}

func TestThrottle_IPv6LineIsOneAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second string
		same          bool
	}{
		"same /64":         {"2001:db8::1", "2001:db8::ffff:1", true},
		"another /64":      {"2001:db8::1", "2001:db8:0:1::1", false},
		"v4 in v6":         {"::ffff:192.0.2.1", "192.0.2.1", true},
		"neighbour in v4":  {"192.0.2.1", "192.0.2.2", false},
		"with a zone":      {"fe80::1%eth0", "fe80::1%eth1", true},
		"unknown":          {"", "", true},
		"not even text":    {"\xff\x00", "\xff\x00", true},
		"unknown is apart": {"", "192.0.2.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 20 {
				w.fail(t, fmt.Sprintf("user%d", i), c.first)
			}
			if got := w.wait(t, "x", c.second, false) > 0; got != c.same {
				t.Errorf("got slowed %v, want %v", got, c.same)
			}
		})
	}
}

// A hundred tries sent at once get no further than a hundred sent one by one.
func TestThrottle_TriesAtOnceCountToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if w.Allow(t.Context(), "ann", fmt.Sprintf("192.0.2.%d", i), false) == nil {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if got := allowed.Load(); got != 10 {
		t.Errorf("got %d tries allowed at once, want 10", got)
	}
}

// A try that nobody judged (the hasher's queue was full) does not slow the account for good.
func TestThrottle_UnjudgedTriesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 10 {
			if wait := w.wait(t, "ann", "192.0.2.1", false); wait != 0 {
				t.Fatalf("got a wait of %v", wait)
			}
		}
		if w.wait(t, "ann", "192.0.2.1", false) == 0 {
			t.Fatal("ten under way: allowed, want a wait")
		}
		time.Sleep(31 * time.Second)
		if wait := w.wait(t, "ann", "192.0.2.1", false); wait != 0 {
			t.Errorf("half a minute later: got a wait of %v, want none", wait)
		}
	})
}

// Hanging up before the answer is no way around the count.
func TestThrottle_CountsWhoHungUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		w.Failed(ctx, "ann", "192.0.2.1")
	}
	if w.wait(t, "ann", "192.0.2.2", false) == 0 {
		t.Error("got no wait, want one")
	}
}

func TestThrottle_CostsFewStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, n := sqldb.WithCounter(t.Context())
	if err := w.Allow(ctx, "ann", "192.0.2.1", false); err != nil {
		t.Fatal(err)
	}
	if got := n.Trips(); got != 1 {
		t.Errorf("allow: got %d trips, want 1", got)
	}
	w.Failed(ctx, "ann", "192.0.2.1")
	if got := n.Trips(); got != 3 {
		t.Errorf("one failure: got %d trips after the first, want 2 (account and address)", got-1)
	}
}

// The table names nobody: not the accounts that were tried, not where from.
func TestThrottle_KeysAreKeyedDigests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail(t, "ann@example.com", "192.0.2.1")
	rows, err := w.store.Engine().Query(t.Context(), `SELECT key FROM throttles`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(key, "ann") || strings.Contains(key, "192.0.2.1") || len(key) > 80 {
			t.Errorf("got key %q", key)
		}
	}
	if n != 2 {
		t.Errorf("got %d rows, want 2", n)
	}
}
