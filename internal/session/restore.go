package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

// Resume returns who is signed in, if need be by the remember cookie, or nil. A session that is brought back keeps the time
// and the methods of the sign-in (FL-12, FL-16): it is not a sign-in. Both cookies are replaced in this answer, so that a
// copied remember cookie is good for one use at most. Call it before the answer's body, and outside a transaction.
func (m *Manager) Resume(ctx context.Context, w http.ResponseWriter, r *http.Request) (*Current, error) {
	c, err := m.Current(ctx, r)
	if c != nil || err != nil {
		return c, err
	}
	t, ok := m.jar.token(m.keyring, r, rememberCookie, secret.TokenRemember)
	if ok {
		c, err = m.restore(ctx, w, r, t)
		if c != nil || err != nil {
			return c, err
		}
	}
	if m.protection == ProtectionRevoke {
		// FL-13: what was revoked leaves the browser too. Elsewhere dead cookies stay: of two tabs that open at once, the
		// one that comes second must not delete the cookies that the first has just got.
		m.jar.clear(w, r, sessionCookie)
		m.jar.clear(w, r, rememberCookie)
		m.jar.clear(w, r, stateCookie)
	}
	return nil, nil
}

func (m *Manager) restore(ctx context.Context, w http.ResponseWriter, r *http.Request, t secret.Token) (*Current, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	was, err := m.store.SessionByRemember(ctx, t.ID, t.Digest)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load remembered session %s: %w", t.ID, err)
	}
	if was.RememberExpiresAt == nil || !now.Before(*was.RememberExpiresAt) {
		return nil, nil
	}
	if fits, err := m.protect(ctx, r, was); err != nil || !fits {
		return nil, err
	}
	// The device's own limit is the absolute one: nothing that is brought back outlives it (FL-9).
	expires := earlier(now.Add(m.max), *was.RememberExpiresAt)
	idle := earlier(now.Add(m.idle), expires)
	session := m.keyring.NewToken(secret.TokenSession, t.ID)
	remember := m.keyring.NewToken(secret.TokenRemember, t.ID)
	var c *Current
	err = m.store.InTx(ctx, func(ctx context.Context) error {
		// One statement: of two browsers with one copied cookie, one is served.
		if err := m.store.RestoreSession(ctx, t.ID, t.Digest, session.Digest, remember.Digest, idle, expires, now); err != nil {
			return err
		}
		found, err := m.store.LiveSession(ctx, t.ID, session.Digest, now)
		if err != nil {
			return err
		}
		c = &Current{Session: found.Session, User: found.User, Digest: session.Digest}
		return m.audit.Write(ctx, audit.Event{
			Type: audit.SessionRestored, ActorKind: audit.ActorUser, ActorID: found.User.ID,
			UserID: found.User.ID, SessionID: t.ID,
		})
	})
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("restore session %s: %w", t.ID, err)
	}
	m.jar.set(w, sessionCookie, session.Text, 0)
	m.jar.setState(w, m.State(t.ID))
	m.jar.set(w, rememberCookie, remember.Text, was.RememberExpiresAt.Sub(now))
	return c, nil
}
