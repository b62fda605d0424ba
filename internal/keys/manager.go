package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// Config is what a Manager needs.
type Config struct {
	Store         *store.Store
	Keyring       *secret.Keyring
	Logger        *slog.Logger
	RotateEvery   time.Duration // 0 = never by schedule
	PublishBefore time.Duration // how long relying parties can see a key before it signs
	MaxTokenLife  time.Duration // the longest a signed token can live: so long a retired key stays published
	// Heard is how long it takes until every replica has read what one of them wrote: so long Ensure waits behind a key that it made. 0
	// where there is one process.
	Heard time.Duration
}

// Manager signs, verifies and decrypts with the keys of the database, from memory. Safe for concurrent use.
type Manager struct {
	Config
	holder   string // of the lease under which keys are made
	snapshot atomic.Pointer[snapshot]
}

// New returns a manager with the database's keys loaded. In an empty database it makes the keys that every server has first, under one
// lease, so that replicas that start together agree.
func New(ctx context.Context, c Config) (*Manager, error) {
	m := &Manager{Config: c, holder: idp.NewID()}
	if err := m.Reload(ctx); err != nil {
		return nil, err
	}
	if _, err := m.fill(ctx, atFirstStart); err != nil {
		return nil, fmt.Errorf("make the first signing keys: %w", err)
	}
	return m, nil
}

// Ensure makes a key for each of the algorithms that has none. Call it before a client is registered for them, and in no transaction: an RSA
// key takes a while. Of replicas that do so at once one makes the key. It works at once, since whoever could have kept the JWKS from before
// has no token of that algorithm to look it up for; but Ensure comes back only when every replica publishes it.
func (m *Manager) Ensure(ctx context.Context, algs ...string) error {
	made, err := m.fill(ctx, algs)
	if err != nil {
		return fmt.Errorf("make keys for %v: %w", algs, err)
	}
	if made && m.Heard > 0 {
		return wait(ctx, m.Heard)
	}
	return nil
}

// fill makes the keys that are missing, in one transaction under the lease of keys.
func (m *Manager) fill(ctx context.Context, algs []string) (made bool, err error) {
	missing := m.missing(algs, time.Now())
	if len(missing) == 0 {
		return false, nil
	}
	generated, err := m.generateAll(missing)
	if err != nil {
		return false, err
	}
	for attempt := 0; ; attempt++ {
		now := time.Now()
		held, err := m.Store.WithLease(ctx, "keys", m.holder, now.Add(time.Second), now, func(ctx context.Context) error {
			made = false
			if err := m.Reload(ctx); err != nil {
				return err
			}
			// By the clock of this moment: what another replica has made meanwhile signs from a moment later than our first look.
			for _, alg := range m.missing(algs, time.Now()) {
				if k, ok := generated[alg]; ok {
					if _, err := m.create(ctx, k, now); err != nil {
						return err
					}
					made = true
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		if err := m.Reload(ctx); err != nil {
			return false, err
		}
		if held || len(m.missing(algs, time.Now())) == 0 {
			return made, nil
		}
		if attempt == 50 {
			return false, errors.New("another replica has held the lease for 5 seconds; try again")
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return false, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// missing lists those of algs that no key works for.
func (m *Manager) missing(algs []string, now time.Time) []string {
	var names []string
	for _, alg := range algs {
		if m.snapshot.Load().current(alg, now) == nil && !slices.Contains(names, alg) {
			names = append(names, alg)
		}
	}
	return names
}

// Reload reads the keys again. Replicas do so when told that they changed.
func (m *Manager) Reload(ctx context.Context) error {
	rows, err := m.Store.SigningKeys(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	s, err := newSnapshot(rows, m.Keyring)
	if err != nil {
		return err
	}
	m.snapshot.Store(s)
	return nil
}

// JWKS returns the published keys as JSON (RFC 7517 §5) and an ETag. The bytes are shared; nobody changes them.
func (m *Manager) JWKS() (body []byte, etag string) {
	s := m.snapshot.Load()
	return s.jwks, s.etag
}

// Published reports whether a key is in the JWKS, so that what it signed still counts.
func (m *Manager) Published(kid string) bool { return m.snapshot.Load().published(kid) }

// Ready reports whether the keys that every server has are there.
func (m *Manager) Ready() error {
	if missing := m.missing(atFirstStart, time.Now()); len(missing) > 0 {
		return fmt.Errorf("no active signing key for %v", missing)
	}
	return nil
}

// State says what a published key is there for.
type State string

// The states of a key.
const (
	StateNext      State = "next"      // published ahead: it will sign
	StateSigning   State = "signing"   // it signs
	StatePublished State = "published" // it has signed: its tokens are still verified

	StateDecrypting State = "decrypting" // published for others to encrypt with
	StateRetired    State = "retired"    // published no more: it decrypts what was encrypted before
)

// Info describes a key without its private half.
type Info struct {
	ID        string     `json:"kid"`
	Algorithm string     `json:"alg"`
	State     State      `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	RetiredAt *time.Time `json:"retired_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// List describes the keys that are published or still decrypt, oldest first.
func (m *Manager) List() []Info {
	now, s := time.Now(), m.snapshot.Load()
	list := make([]Info, 0, len(s.keys))
	for _, k := range s.keys {
		list = append(list, info(&k.SigningKey, s, now))
	}
	return list
}

func info(k *idp.SigningKey, s *snapshot, now time.Time) Info {
	state, active := StatePublished, s.current(k.Algorithm, now)
	switch current := active != nil && active.ID == k.ID; {
	case now.Before(k.ActiveAt):
		state = StateNext
	case current && idp.IsEncryptionAlg(k.Algorithm):
		state = StateDecrypting
	case current:
		state = StateSigning
	case idp.IsEncryptionAlg(k.Algorithm):
		state = StateRetired
	}
	return Info{ID: k.ID, Algorithm: k.Algorithm, State: state, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetiredAt: k.RetiredAt, ExpiresAt: k.ExpiresAt}
}
