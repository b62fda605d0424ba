package throttle

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// Limits say how much one key may fail.
type Limits struct {
	Failures int           // that cost nothing
	Window   time.Duration // after which a count begins anew
	MaxDelay time.Duration // the longest wait between two tries
}

// Config is what a Throttle needs.
type Config struct {
	Store      *store.Store
	Keyring    *secret.Keyring
	PerAccount Limits
	PerAddress Limits
	// Guessing names what is guessed; counts of different things are kept apart. Empty for passwords.
	Guessing string
	// TooMany is the sentence before "Wait … and try again."; empty for that of passwords.
	TooMany string
	Logger  *slog.Logger
}

// Throttle counts failed guesses, of passwords unless it is told otherwise. It is safe for concurrent use, and its counts are shared by all replicas.
type Throttle struct {
	store      *store.Store
	keyring    *secret.Keyring
	perAccount Limits
	perAddress Limits
	guessing   string
	sentence   string
	logger     *slog.Logger
	flights    *flights
}

// New returns a throttle. Limits that are 0 are 10 failures per account and 100 per address in 15 minutes, and 15 minutes
// between tries at most.
func New(c Config) *Throttle {
	return &Throttle{
		store: c.Store, keyring: c.Keyring, logger: c.Logger, flights: newFlights(),
		perAccount: c.PerAccount.withDefaults(10), perAddress: c.PerAddress.withDefaults(100),
		guessing: c.Guessing, sentence: cmp.Or(c.TooMany, "There were too many failed sign-ins."),
	}
}

func (l Limits) withDefaults(failures int) Limits {
	const quarter = 15 * time.Minute
	if l.Failures <= 0 {
		l.Failures = failures
	}
	if l.Window <= 0 {
		l.Window = quarter
	}
	if l.MaxDelay <= 0 {
		l.MaxDelay = quarter
	}
	return l
}

// delay returns how long to wait after so many failures: 1s, 2s, 4s and so on, from the first one over the limit.
func (l Limits) delay(failures int64) time.Duration {
	over := failures - int64(l.Failures)
	switch {
	case over < 0:
		return 0
	case over > 20: // twelve days; beyond it the shift would overflow before long
		return l.MaxDelay
	}
	return min(l.MaxDelay, time.Second<<over)
}

// Allow returns nil if this address may try a password for this account now, else an *idp.Error of kind Throttled with the
// time to wait. account is the canonical identifier, whether or not there is such an account; knownDevice says that the
// browser signed in as that account before (session.Manager.KnownDevice), so that strangers who fail cannot shut the owner
// out (FS-43). One statement. After nil the caller calls Failed or Succeeded, or neither if the password was not judged.
func (t *Throttle) Allow(ctx context.Context, account, address string, knownDevice bool) error {
	now := time.Now().UTC()
	byAccount, byAddress := t.keys(account, address)
	// Before the counts are read: a try that ends in between is seen in one place or the other.
	flying := t.flights.begin(byAccount, now)
	a, b, err := t.store.Throttles(ctx, byAccount, byAddress, now)
	if err != nil {
		t.flights.end(byAccount)
		return fmt.Errorf("read throttles: %w", err)
	}
	wait := blocked(b, now)
	if !knownDevice {
		wait = max(wait, blocked(a, now))
		// Tries that are being judged right now count as failures: else a hundred sent at once would all get through. For
		// an address it is enough that the hasher's queue is bounded, and an office may sign in all at once.
		if flying > 0 && a.Failures+int64(flying) >= int64(t.perAccount.Failures) {
			wait = max(wait, time.Second)
		}
	}
	if wait > 0 {
		t.flights.end(byAccount)
		return t.tooMany(wait)
	}
	return nil
}

func blocked(s store.Throttle, now time.Time) time.Duration {
	if s.BlockedUntil == nil {
		return 0
	}
	return max(0, s.BlockedUntil.Sub(now))
}

// Failed counts a wrong password. It goes on if the client has hung up: else hanging up would be the way around.
func (t *Throttle) Failed(ctx context.Context, account, address string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	now := time.Now().UTC()
	byAccount, byAddress := t.keys(account, address)
	defer t.flights.end(byAccount)
	t.count(ctx, byAccount, t.perAccount, now)
	t.count(ctx, byAddress, t.perAddress, now)
}

// Spend counts one use of something that an address may use most times within a window, whatever comes of it, and refuses the next. One statement,
// whose count all replicas share.
func (t *Throttle) Spend(ctx context.Context, what, address string, most int, window time.Duration) error {
	used, err := t.Count(ctx, what, address, window)
	if err != nil {
		return err
	}
	if used > int64(most) {
		return Spent("your address", window)
	}
	return nil
}

// Count counts one use by an address, or by whatever a key names, and returns how many there were within the window, with this one.
func (t *Throttle) Count(ctx context.Context, what, key string, window time.Duration) (int64, error) {
	now := time.Now().UTC()
	used, err := t.store.CountFailure(ctx, "spend:"+what+":"+t.keyring.KeyedDigest("throttle address", idp.Line(key)), now.Add(-window), now.Add(window), now)
	if err != nil {
		return 0, fmt.Errorf("count uses of %s: %w", what, err)
	}
	return used, nil
}

// Spent says that no use is left within the window to whoever comes from there.
func Spent(there string, window time.Duration) *idp.Error {
	return &idp.Error{
		Kind: idp.Throttled, Code: "too_many_requests", RetryAfter: window,
		Message: "There were too many requests of this kind from " + there + ". Wait " + inWords(window) + " and try again.",
	}
}

// patience bounds how long a count may wait for the database.
const patience = 5 * time.Second

// count adds a failure with one statement and, beyond the limit, sets the wait with another.
func (t *Throttle) count(ctx context.Context, key string, l Limits, now time.Time) {
	failures, err := t.store.CountFailure(ctx, key, now.Add(-l.Window), now.Add(l.Window), now)
	if err == nil {
		if wait := l.delay(failures); wait > 0 {
			err = t.store.Block(ctx, key, now.Add(wait))
		}
	}
	if err != nil {
		t.logger.ErrorContext(ctx, "failed sign-in not counted", slog.Any("error", err))
	}
}

// Succeeded forgets the account's failures. The address keeps its own: somebody with an account could otherwise sign in
// between guesses at others.
func (t *Throttle) Succeeded(ctx context.Context, account string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	byAccount, _ := t.keys(account, "")
	defer t.flights.end(byAccount)
	if err := t.store.ClearThrottle(ctx, byAccount); err != nil {
		t.logger.ErrorContext(ctx, "throttle not cleared", slog.Any("error", err))
	}
}

func (t *Throttle) keys(account, address string) (byAccount, byAddress string) {
	return t.guessing + "account:" + t.keyring.KeyedDigest("throttle account", account),
		t.guessing + "address:" + t.keyring.KeyedDigest("throttle address", idp.Line(address))
}

// tooMany says the same whichever limit was reached, so that it tells nothing about the account.
func (t *Throttle) tooMany(wait time.Duration) *idp.Error {
	// Whole seconds, rounded up: Retry-After knows no fractions, and the try at that second must be allowed.
	wait = (wait + time.Second - 1).Truncate(time.Second)
	return &idp.Error{
		Kind: idp.Throttled, Code: "too_many_attempts", RetryAfter: wait,
		Message: t.sentence + " Wait " + inWords(wait) + " and try again.",
	}
}

func inWords(wait time.Duration) string {
	unit, n := "second", int64(wait/time.Second)
	if n > 90 {
		unit, n = "minute", (n+59)/60
	}
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

// Undecided ends a try that was neither a failure nor a success that clears the count.
func (t *Throttle) Undecided(account string) {
	byAccount, _ := t.keys(account, "")
	t.flights.end(byAccount)
}
