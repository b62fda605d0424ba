package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
}

// Manager signs and verifies with the keys of the database, from memory. Safe for concurrent use.
type Manager struct {
	Config
	snapshot atomic.Pointer[snapshot]
}

// New returns a manager with the database's keys loaded. In an empty database it makes one key of each algorithm first, in one
// lease, so that replicas that start together agree.
func New(ctx context.Context, c Config) (*Manager, error) {
	m := &Manager{Config: c}
	if err := m.Reload(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	missing := m.missing(now)
	if len(missing) == 0 {
		return m, nil
	}
	generated, err := m.generateAll(missing)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		held, err := m.Store.WithLease(ctx, "keys", idp.NewID(), time.Now().Add(time.Second), time.Now(), func(ctx context.Context) error {
			if err := m.Reload(ctx); err != nil {
				return err
			}
			// By the clock of this moment: what another replica has made meanwhile signs from a moment later than our first look.
			for _, alg := range m.missing(time.Now()) {
				if k, ok := generated[alg]; ok {
					if _, err := m.create(ctx, k, now); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("make the first signing keys: %w", err)
		}
		if err := m.Reload(ctx); err != nil {
			return nil, err
		}
		if held || len(m.missing(time.Now())) == 0 {
			return m, nil
		}
		if attempt == 50 {
			return nil, errors.New("make the first signing keys: another replica has held the lease for 5 seconds; start again")
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
	}
}

func (m *Manager) missing(now time.Time) []string {
	var names []string
	for _, a := range algorithms {
		if m.snapshot.Load().signing(a.name, now) == nil {
			names = append(names, a.name)
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

// Ready reports whether every algorithm has a key that signs now.
func (m *Manager) Ready() error {
	if missing := m.missing(time.Now()); len(missing) > 0 {
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

// List describes the published keys, oldest first.
func (m *Manager) List() []Info {
	now, s := time.Now(), m.snapshot.Load()
	list := make([]Info, 0, len(s.keys))
	for _, k := range s.keys {
		list = append(list, info(&k.SigningKey, s, now))
	}
	return list
}

func info(k *idp.SigningKey, s *snapshot, now time.Time) Info {
	state := StatePublished
	if now.Before(k.ActiveAt) {
		state = StateNext
	} else if active := s.signing(k.Algorithm, now); active != nil && active.ID == k.ID {
		state = StateSigning
	}
	return Info{ID: k.ID, Algorithm: k.Algorithm, State: state, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetiredAt: k.RetiredAt, ExpiresAt: k.ExpiresAt}
}
