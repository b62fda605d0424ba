package auth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/storetest"
	"idp/internal/throttle"
)

const goodPassword = "correct horse battery staple"

// world is a database with everything a password check needs, and a log that can be read.
type world struct {
	store    *store.Store
	hasher   *secret.Hasher
	password *auth.Password
	log      *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var _ io.Writer = (*syncBuffer)(nil)

func newWorld(t testing.TB, hashing secret.HasherConfig) *world {
	t.Helper()
	s := storetest.New(t)
	if hashing.Params == (secret.Params{}) {
		hashing.Params = secret.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}
	}
	hasher, err := secret.NewHasher(hashing)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return &world{
		store: s, hasher: hasher, log: log,
		password: auth.NewPassword(auth.Config{
			Store: s, Hasher: hasher, Audit: audit.New(audit.Config{Store: s, Logger: logger}), Logger: logger,
			Throttle: throttle.New(throttle.Config{Store: s, Keyring: ring, Logger: logger}),
		}),
	}
}

// user makes a user with an address, a username and, if hash is not empty, a password.
func (w *world) user(t testing.TB, name string, state idp.UserState, scheme secret.Scheme, hash string) *idp.User {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Microsecond)
	u := &idp.User{ID: idp.NewID(), State: state, Username: name, Email: name + "@example.com", EmailVerified: true, CreatedAt: at, UpdatedAt: at}
	if err := w.store.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if hash != "" {
		c := &idp.Credential{ID: idp.NewID(), UserID: u.ID, Kind: idp.CredentialPassword, Scheme: string(scheme), Secret: hash, CreatedAt: at, UpdatedAt: at}
		if err := w.store.PutPassword(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func (w *world) hash(t testing.TB, password string) string {
	t.Helper()
	text, err := w.hasher.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// from is a context with the address that a request comes from.
func from(t testing.TB, address string) context.Context {
	return idp.WithPeer(t.Context(), idp.Peer{RequestID: "request-1", Address: address})
}

func (w *world) events(t testing.TB, kind audit.Type) []*idp.AuditEvent {
	t.Helper()
	list, err := w.store.AuditEvents(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	var out []*idp.AuditEvent
	for _, e := range list {
		if e.Type == string(kind) {
			out = append(out, e)
		}
	}
	return out
}

func wantKind(t testing.TB, err error, kind idp.Kind, code string) *idp.Error {
	t.Helper()
	var e *idp.Error
	if !errors.As(err, &e) || e.Kind != kind || code != "" && e.Code != code {
		t.Errorf("got %v, want an error of kind %d, code %q", err, kind, code)
		return &idp.Error{}
	}
	return e
}
