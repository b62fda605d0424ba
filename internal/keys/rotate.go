package keys

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"idp/internal/idp"
)

// candidate is a key of which the database knows nothing yet.
type candidate struct {
	*idp.SigningKey
	sealed string
}

// generate makes a key. Never inside a transaction: an RSA key takes up to a second, and SQLite has one writer.
func (m *Manager) generate(alg string) (candidate, error) {
	a, err := algorithmNamed(alg)
	if err != nil {
		return candidate{}, err
	}
	private, err := a.generate(&a)
	if err != nil {
		return candidate{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return candidate{}, fmt.Errorf("encode %s key: %w", alg, err)
	}
	k := &idp.SigningKey{ID: idp.NewID(), Algorithm: alg, Private: der, CreatedAt: time.Now()}
	sealed, err := m.Keyring.Seal(der, Binding(k.ID))
	if err != nil {
		return candidate{}, fmt.Errorf("seal %s key: %w", alg, err)
	}
	return candidate{k, sealed}, nil
}

// generateAll makes a key of each algorithm named.
func (m *Manager) generateAll(algs []string) (map[string]candidate, error) {
	made := make(map[string]candidate, len(algs))
	for _, alg := range algs {
		k, err := m.generate(alg)
		if err != nil {
			return nil, err
		}
		made[alg] = k
	}
	return made, nil
}

// create writes a key that signs from active on, in the caller's transaction.
func (m *Manager) create(ctx context.Context, k candidate, active time.Time) (*idp.SigningKey, error) {
	k.ActiveAt = active
	if err := m.Store.CreateSigningKey(ctx, k.SigningKey, k.sealed); err != nil {
		return nil, err
	}
	m.Logger.InfoContext(ctx, "key created", slog.String("kid", k.ID), slog.String("alg", k.Algorithm), slog.Time("active_at", active))
	return k.SigningKey, nil
}

// Rotate makes a new key for alg. One that signs is only published at first, for PublishBefore; the present one stops signing then, and stays
// published until its last token has expired (OpenID Connect Core §10.1.1). One that decrypts takes the place of the present one in the JWKS
// at once; that one decrypts what was encrypted before for as long (OpenID Connect Core §10.2.1). The first key of an algorithm works at
// once: there is nothing that anybody could have kept.
func (m *Manager) Rotate(ctx context.Context, alg string) (*Info, error) {
	return m.succeed(ctx, alg, func(ctx context.Context, k candidate) (*idp.SigningKey, error) {
		now := time.Now()
		if idp.IsEncryptionAlg(alg) || m.snapshot.Load().current(alg, now) == nil {
			return m.rotate(ctx, k, now)
		}
		return m.rotate(ctx, k, now.Add(m.PublishBefore))
	})
}

// RotateNow is Rotate for who cannot wait. The key that was published ahead starts to sign, so that whoever keeps the JWKS for a while
// knows it already; if there is none, a new one is made.
func (m *Manager) RotateNow(ctx context.Context, alg string) (*Info, error) {
	return m.succeed(ctx, alg, func(ctx context.Context, k candidate) (*idp.SigningKey, error) {
		now := time.Now()
		if promoted, err := m.promote(ctx, alg, now); promoted != nil || err != nil {
			return promoted, err
		}
		return m.rotate(ctx, k, now)
	})
}

// succeed puts the key that next takes or finds in the place of the present one.
func (m *Manager) succeed(ctx context.Context, alg string, next func(ctx context.Context, k candidate) (*idp.SigningKey, error)) (*Info, error) {
	if _, err := algorithmNamed(alg); err != nil {
		return nil, idp.Invalidf("alg", "%s.", err)
	}
	k, err := m.generate(alg)
	if err != nil {
		return nil, err
	}
	var made *idp.SigningKey
	err = m.Store.InTx(ctx, func(ctx context.Context) (err error) {
		made, err = next(ctx, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rotate %s: %w", alg, err)
	}
	if err := m.Reload(ctx); err != nil {
		return nil, err
	}
	i := info(made, m.snapshot.Load(), time.Now())
	return &i, nil
}

// promote lets the key of alg that was published ahead sign from now on; nil if there is none.
func (m *Manager) promote(ctx context.Context, alg string, now time.Time) (*idp.SigningKey, error) {
	rows, err := m.Store.SigningKeys(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, next := range rows {
		if next.Algorithm != alg || next.RetiredAt != nil || !now.Before(next.ActiveAt) {
			continue
		}
		if err := m.Store.ActivateSigningKey(ctx, next.ID, now); err != nil {
			return nil, err
		}
		next.ActiveAt = now
		for _, old := range rows {
			if old.Algorithm == alg && old.ID != next.ID && (old.RetiredAt == nil || now.Before(*old.RetiredAt)) {
				if err := m.Store.ReplaceRetirement(ctx, old.ID, now, now.Add(m.MaxTokenLife)); err != nil {
					return nil, err
				}
			}
		}
		m.Logger.InfoContext(ctx, "signing key promoted", slog.String("kid", next.ID), slog.String("alg", alg))
		return next.SigningKey, nil
	}
	return nil, nil
}

func (m *Manager) rotate(ctx context.Context, k candidate, active time.Time) (*idp.SigningKey, error) {
	rows, err := m.Store.SigningKeys(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	made, err := m.create(ctx, k, active)
	if err != nil {
		return nil, err
	}
	for _, old := range rows {
		if old.Algorithm == k.Algorithm && old.RetiredAt == nil {
			if err := m.Store.RetireSigningKey(ctx, old.ID, active, active.Add(m.MaxTokenLife)); err != nil {
				return nil, err
			}
		}
	}
	return made, nil
}

// RotateDue makes successors for keys that have signed for RotateEvery, less the time of publishing. Whoever holds the lease does
// it; the other replicas hear of it. It returns how many keys it made.
func (m *Manager) RotateDue(ctx context.Context, now time.Time) (made int, err error) {
	if m.RotateEvery <= 0 {
		return 0, nil
	}
	due, err := m.due(ctx, now)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	generated, err := m.generateAll(due)
	if err != nil {
		return 0, err
	}
	_, err = m.Store.WithLease(ctx, "keys", m.holder, now.Add(time.Second), now, func(ctx context.Context) error {
		still, err := m.due(ctx, now) // another replica may have been first
		if err != nil {
			return err
		}
		for _, alg := range still {
			k, ok := generated[alg]
			if !ok {
				continue // since a moment ago: the next run's
			}
			active := now.Add(m.PublishBefore)
			if idp.IsEncryptionAlg(alg) {
				active = now
			}
			if _, err := m.rotate(ctx, k, active); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("rotate keys by schedule: %w", err)
	}
	return made, m.Reload(ctx)
}

// due names the algorithms whose newest key is to get its successor.
func (m *Manager) due(ctx context.Context, now time.Time) ([]string, error) {
	rows, err := m.Store.SigningKeys(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("rotate keys by schedule: %w", err)
	}
	newest := map[string]time.Time{}
	for _, k := range rows {
		if k.ActiveAt.After(newest[k.Algorithm]) {
			newest[k.Algorithm] = k.ActiveAt
		}
	}
	var due []string
	for alg, since := range newest {
		if !now.Add(m.PublishBefore).Before(since.Add(m.RotateEvery)) {
			due = append(due, alg)
		}
	}
	return due, nil
}

// Retire stops a key from signing at once, with a successor in its place, and leaves it published until its last token has
// expired. For a key that leaked, use Withdraw.
func (m *Manager) Retire(ctx context.Context, kid string) error {
	return m.remove(ctx, kid, m.MaxTokenLife)
}

// Withdraw takes a key that leaked out of use and out of the JWKS at once: every token that it signed is refused from now on.
func (m *Manager) Withdraw(ctx context.Context, kid string) error {
	return m.remove(ctx, kid, -withdrawnMargin)
}

// withdrawnMargin is how far replicas' clocks may be apart: one that is late must not take a withdrawn key for a living one.
const withdrawnMargin = 5 * time.Minute

func (m *Manager) remove(ctx context.Context, kid string, stay time.Duration) error {
	successor, err := m.successor(ctx, kid)
	if err != nil {
		return err
	}
	err = m.Store.InTx(ctx, func(ctx context.Context) error {
		now := time.Now()
		rows, err := m.Store.SigningKeys(ctx, now)
		if err != nil {
			return err
		}
		for _, k := range rows {
			if k.ID != kid {
				continue
			}
			if err := m.Store.ReplaceRetirement(ctx, kid, now, now.Add(stay)); err != nil {
				return err
			}
			for _, other := range rows {
				if other.ID != kid && other.Algorithm == k.Algorithm && !now.Before(other.ActiveAt) && (other.RetiredAt == nil || now.Before(*other.RetiredAt)) {
					return nil // somebody else signs already
				}
			}
			_, err := m.create(ctx, successor, now)
			return err
		}
		return noSuchKey()
	})
	if err != nil {
		return err
	}
	return m.Reload(ctx)
}

// successor makes a key for the place of another; it is thrown away if that one need not be replaced.
func (m *Manager) successor(ctx context.Context, kid string) (candidate, error) {
	rows, err := m.Store.SigningKeys(ctx, time.Now())
	if err != nil {
		return candidate{}, err
	}
	for _, k := range rows {
		if k.ID == kid {
			return m.generate(k.Algorithm)
		}
	}
	return candidate{}, noSuchKey()
}

func noSuchKey() error {
	return &idp.Error{Kind: idp.NotFound, Code: "key_not_found", Field: "kid", Message: "No published key has this kid. `idp key list` shows them."}
}
