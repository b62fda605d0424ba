package secret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"time"

	"idp/internal/panics"
)

// The algorithms for new hashes. No weaker one can be configured.
const (
	AlgorithmArgon2id = "argon2id"
	AlgorithmBcrypt   = "bcrypt" // written as bcrypt-sha256, which cuts nothing
)

// HasherConfig says how new hashes are made, and how many may be computed at once. Zero values mean the defaults.
type HasherConfig struct {
	Params       Params        // of argon2id; default defaultParams
	Algorithm    string        // "argon2id" (default) or "bcrypt"
	BcryptCost   int           // 10 to 16; default 12
	Concurrency  int           // hashes at once; default GOMAXPROCS-1, at least 1 (see Hasher)
	MemoryBudget int64         // bytes for all hashes at once; default 256 MiB
	Queue        int           // how many may wait; default 128
	MaxWait      time.Duration // how long one may wait; default 10 s
	// SpareProcessor lets Go use one processor more while passwords are hashed; it changes GOMAXPROCS, so it is for the server alone.
	SpareProcessor bool
}

const (
	defaultMemoryBudget = 256 << 20
	defaultQueue        = 128
	defaultMaxWait      = 10 * time.Second
)

// Hasher hashes and verifies passwords, and bounds what that takes from the machine. Safe for concurrent use.
//
// One processor of the Go scheduler stays free of hashing, because an Argon2 computation gives its processor back only
// after the scheduler's 10 ms, and the network is not polled meanwhile. Measured with 64 sign-ins always waiting, and an
// HTTP handler that signs one ES256 token, on a busy machine of two cores (without hashing: median 0.5 ms, p99 3–5 ms):
//
//	cores  GOMAXPROCS  hashes at once  median   p99    hashes/s
//	1      1           1               10.9 ms  58 ms  33
//	1      2           1               0.7 ms   13 ms  30–40
//	2      2           2               10.1 ms  50 ms  37
//	2      2           1               0.5 ms   15 ms  35
//	2      3           1               0.6 ms   9 ms   31
//
// So Concurrency defaults to GOMAXPROCS-1; and while hashes run a server should have one processor more than cores
// (SpareProcessor), which leaves the sharing to the kernel: it prefers threads that have slept. A larger GOGC changed nothing.
type Hasher struct {
	config HasherConfig
	cost   string // of new hashes, as storedHash.cost
	nobody reading
	queue  *queue
}

// Result is the outcome of a verification.
type Result struct {
	OK      bool   // the password is right
	Rehash  bool   // it is right, and the hash should be replaced by a new one from Hash, with SchemeOwn
	Damaged bool   // the stored hash cannot be read, which an operator should hear of; OK is false
	Panic   string // where reading it panicked, if it did; the value is not told, because it may be of the hash
}

// NewHasher returns a hasher, or an error that names the setting at fault.
func NewHasher(c HasherConfig) (*Hasher, error) {
	if c.Params == (Params{}) {
		c.Params = defaultParams()
	}
	if c.Algorithm == "" {
		c.Algorithm = AlgorithmArgon2id
	}
	if c.BcryptCost == 0 {
		c.BcryptCost = defaultBcryptCost
	}
	if c.Concurrency == 0 {
		c.Concurrency = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.MemoryBudget == 0 {
		c.MemoryBudget = defaultMemoryBudget
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.MaxWait == 0 {
		c.MaxWait = defaultMaxWait
	}
	if c.Concurrency < 0 || c.Queue < 0 || c.MaxWait < 0 || c.MemoryBudget < 0 {
		return nil, errors.New("password hashing: concurrency, queue, wait and memory must not be negative")
	}
	h := &Hasher{config: c, queue: &queue{maxLanes: c.Concurrency, maxMemory: c.MemoryBudget, maxWaiting: c.Queue, maxWait: c.MaxWait, spare: newSpareProcessor(c.SpareProcessor)}}
	var text string
	switch c.Algorithm {
	case AlgorithmArgon2id:
		if err := c.Params.validate(); err != nil {
			return nil, fmt.Errorf("password hashing: %w", err)
		}
		if need := int64(c.Params.MemoryKiB) << 10; need > c.MemoryBudget {
			return nil, fmt.Errorf("password hashing: one hash takes %d bytes, but the memory budget is %d: raise the budget or lower the parameters", need, c.MemoryBudget)
		}
		random := make([]byte, argon2SaltSize+argon2TagSize)
		rand.Read(random)
		text = c.Params.encode(random[:argon2SaltSize], random[argon2SaltSize:])
	case AlgorithmBcrypt:
		if c.BcryptCost < minNewBcryptCost || c.BcryptCost > maxBcryptCost {
			return nil, fmt.Errorf("password hashing: bcrypt cost is %d, but must be %d to %d", c.BcryptCost, minNewBcryptCost, maxBcryptCost)
		}
		text = bcryptNobody(c.BcryptCost)
	default:
		return nil, fmt.Errorf("password hashing: algorithm %q is unknown: use %q or %q", c.Algorithm, AlgorithmArgon2id, AlgorithmBcrypt)
	}
	nobody, err := read(SchemeOwn, text)
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	h.nobody, h.cost = nobody, nobody.cost
	return h, nil
}

// Hash returns a new hash of a password for SchemeOwn. A password that NormalizePassword refuses is refused here; policy is
// the caller's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	normalized, err := NormalizePassword(password)
	if err != nil {
		return "", err
	}
	text, err := run(ctx, h.queue, h.nobody.share(), func() (string, error) {
		if h.config.Algorithm == AlgorithmBcrypt {
			return hashBcrypt(normalized, h.config.BcryptCost)
		}
		return h.config.Params.hash([]byte(normalized)), nil
	})
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return text, nil
}

// Verify reports whether password is the one that was hashed. A stored hash that is damaged, unknown or over the cost caps
// is a wrong password, never an error, so that the answer tells nothing; it takes the work of a real one. Errors are a
// password that no hash may see (idp.Invalid), a full queue (idp.Unavailable) and the end of ctx.
func (h *Hasher) Verify(ctx context.Context, scheme Scheme, stored, password string) (Result, error) {
	r, err := read(scheme, stored)
	if err != nil {
		return Result{Damaged: true}, h.VerifyNobody(ctx, password)
	}
	ok, err := h.match(ctx, r, password)
	if caught := (*panics.Error)(nil); errors.As(err, &caught) {
		return Result{Damaged: true, Panic: caught.Where}, nil
	}
	if err != nil || !ok {
		return Result{}, err
	}
	return Result{OK: true, Rehash: !r.own || r.cost != h.cost}, nil
}

// VerifyNobody does the work of a verification with the current parameters, for a user who does not exist or has no
// password: without it the time of the answer tells who has an account.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	_, err := h.match(ctx, h.nobody, password)
	return err
}

// Load says how many hashes are computed and how many callers wait, for metrics.
func (h *Hasher) Load() (running, waiting int) { return h.queue.load() }

func (h *Hasher) match(ctx context.Context, r reading, password string) (bool, error) {
	normalized, err := NormalizePassword(password)
	if err != nil {
		return false, err
	}
	ok, err := run(ctx, h.queue, r.share(), func() (bool, error) {
		for _, input := range r.inputs(password, normalized) {
			if r.match(input) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return false, fmt.Errorf("verify a password: %w", err)
	}
	return ok, nil
}

func (s storedHash) share() share { return share{lanes: s.lanes, memory: s.memory} }

// run does the work in its turn. When ctx ends, the caller leaves at once, but a hash cannot be stopped, so its share is
// given back only when the work is really over: else cancelled requests could pile up work without bound.
func run[T any](ctx context.Context, q *queue, want share, work func() (T, error)) (T, error) {
	var zero T
	got, err := q.acquire(ctx, want)
	if err != nil {
		return zero, err
	}
	q.spare.begin()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer q.release(got)
		defer q.spare.end()
		var o outcome
		// Foreign texts reach third-party decoders.
		o.err = panics.Call(func() (err error) {
			o.value, err = work()
			return err
		})
		done <- o
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}
