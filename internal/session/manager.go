package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// Config is what a Manager needs.
type Config struct {
	Store      *store.Store
	Keyring    *secret.Keyring
	Audit      *audit.Log
	Issuer     string        // decides the names and flags of the cookies
	Idle       time.Duration // ends a session that nobody used; each use moves it; a day if 0
	Max        time.Duration // ends a session, used or not; a week if 0
	Remember   time.Duration // how long "keep me signed in" lasts; 30 days if 0
	Protection Protection    // off if empty
	Logger     *slog.Logger
}

const day = 24 * time.Hour

// Manager makes, finds and ends browser sessions. It is safe for concurrent use.
type Manager struct {
	store      *store.Store
	keyring    *secret.Keyring
	audit      *audit.Log
	jar        jar
	idle       time.Duration
	max        time.Duration
	remember   time.Duration
	protection Protection
	logger     *slog.Logger
	touches    *touches
}

// New returns a manager. Somebody must call Run, or idle limits do not move.
func New(c Config) *Manager {
	if c.Protection == "" {
		c.Protection = ProtectionOff
	}
	if c.Idle <= 0 {
		c.Idle = day
	}
	if c.Max <= 0 {
		c.Max = 7 * day
	}
	if c.Remember <= 0 {
		c.Remember = 30 * day
	}
	return &Manager{
		store: c.Store, keyring: c.Keyring, audit: c.Audit, jar: newJar(c.Issuer),
		idle: c.Idle, max: c.Max, remember: c.Remember, protection: c.Protection,
		logger: c.Logger, touches: newTouches(c.Idle),
	}
}

// Current is who is signed in, in this browser.
type Current struct {
	Session *idp.Session
	User    *idp.User
	Digest  []byte // of the session cookie, for store.IssueConditions
}

// Ref returns the id and digest of the session cookie, for a statement that checks the session itself. The MAC is checked,
// the database is not asked. ok is false without a cookie of ours, and always when session protection is on: then the row
// must be compared with the request, which is Current's to do.
func (m *Manager) Ref(r *http.Request) (id string, digest []byte, ok bool) {
	if m.protection != ProtectionOff {
		return "", nil, false
	}
	t, ok := m.jar.token(m.keyring, r, sessionCookie, secret.TokenSession)
	return t.ID, t.Digest, ok
}

// Current returns who is signed in, or nil. Expired and ended sessions, disabled users and cookies that are not ours are
// nobody; an error means that the database did not say. One statement, or none without a cookie.
func (m *Manager) Current(ctx context.Context, r *http.Request) (*Current, error) {
	t, ok := m.jar.token(m.keyring, r, sessionCookie, secret.TokenSession)
	if !ok {
		return nil, nil
	}
	now := time.Now().UTC()
	found, err := m.store.LiveSession(ctx, t.ID, t.Digest, now)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load session %s: %w", t.ID, err)
	}
	if fits, err := m.protect(ctx, r, found.Session); err != nil || !fits {
		return nil, err
	}
	m.touches.add(found.Session.ID, found.Session.LastSeenAt, now)
	return &Current{Session: found.Session, User: found.User, Digest: t.Digest}, nil
}

// Touch notes that a session was used, for callers that went by Ref. It costs no statement now: see Run.
func (m *Manager) Touch(id string) { m.touches.add(id, time.Time{}, time.Now().UTC()) }
