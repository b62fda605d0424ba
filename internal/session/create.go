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

// perUser is how many sessions one user may have; an older one makes way. Nobody has as many browsers, but a script that signs in
// at every run, and whoever has an account, could else make rows without end.
const perUser = 100

// SignIn says who proved what.
type SignIn struct {
	User       *idp.User
	AMR        []string // RFC 8176: what was really used, just now
	ACR        string
	ProviderID string // the upstream that vouched, if one did
	Remember   bool   // "keep me signed in" was ticked
}

// Create makes a session in the caller's transaction, always with a new id and new cookies (FL-1, SEC-6): what the browser
// brought along is never adopted. The browser's previous session ends; if it was the same user's, its applications go on
// under the new one, else their tokens end with it. The caller writes login.ok or stepup.ok in the same transaction, and
// calls setCookies after the commit, before the answer's body: a cookie must not outlive a transaction that failed.
func (m *Manager) Create(ctx context.Context, r *http.Request, in SignIn) (c *Current, setCookies func(w http.ResponseWriter), err error) {
	now := time.Now().UTC().Truncate(time.Microsecond) // as the database keeps it
	agent, address := whoFrom(ctx, r)
	s := &idp.Session{
		ID: idp.NewID(), UserID: in.User.ID, AuthTime: now, AMR: in.AMR, ACR: in.ACR, ProviderID: in.ProviderID,
		UserAgent: agent, Address: address, CreatedAt: now, LastSeenAt: now,
		IdleExpiresAt: earlier(now.Add(m.idle), now.Add(m.max)), ExpiresAt: now.Add(m.max),
	}
	token := m.keyring.NewToken(secret.TokenSession, s.ID)
	var remember secret.Token
	if in.Remember {
		until := now.Add(m.remember)
		s.Remembered, s.RememberExpiresAt = true, &until
		remember = m.keyring.NewToken(secret.TokenRemember, s.ID)
	}
	err = m.store.InTx(ctx, func(ctx context.Context) error {
		if err := m.store.CreateSession(ctx, s, token.Digest, remember.Digest); err != nil {
			return fmt.Errorf("create session: %w", err)
		}
		if err := m.succeed(ctx, r, s); err != nil {
			return err
		}
		return m.trim(ctx, s.UserID)
	})
	if err != nil {
		return nil, nil, err
	}
	setCookies = func(w http.ResponseWriter) {
		m.jar.set(w, sessionCookie, token.Text, 0)
		m.jar.setState(w, m.State(s.ID), 0)
		if in.Remember {
			m.jar.set(w, rememberCookie, remember.Text, m.remember)
		} else {
			m.jar.clear(w, r, rememberCookie)
		}
		m.remark(w, r, s.UserID, in.Remember)
	}
	return &Current{Session: s, User: in.User, Digest: token.Digest}, setCookies, nil
}

// succeed ends the session that the browser had before.
func (m *Manager) succeed(ctx context.Context, r *http.Request, s *idp.Session) error {
	previous, err := m.previous(ctx, r)
	if err != nil || previous == nil {
		return err
	}
	if previous.UserID == s.UserID {
		// Signing in again is no reason to sign the person out of every application.
		if err := m.store.SucceedSession(ctx, previous.ID, s.ID, s.UserID); err != nil {
			return fmt.Errorf("succeed session %s: %w", previous.ID, err)
		}
		return nil
	}
	_, err = m.end(ctx, previous.ID, audit.Event{
		Type: audit.SessionEnded, ActorKind: audit.ActorUser, ActorID: s.UserID,
		Details: map[string]string{"reason": "another_user_signed_in"},
	})
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return fmt.Errorf("end previous session %s: %w", previous.ID, err)
	}
	return nil
}

// trim ends a user's oldest sessions beyond perUser.
func (m *Manager) trim(ctx context.Context, userID string) error {
	surplus, err := m.store.SurplusSessions(ctx, userID, perUser)
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	for _, id := range surplus {
		_, err := m.end(ctx, id, audit.Event{Type: audit.SessionEnded, ActorKind: audit.ActorSystem, Details: map[string]string{"reason": "too_many_sessions"}})
		if err != nil && !errors.Is(err, idp.ErrNotFound) { // another sign-in of this moment was first
			return fmt.Errorf("end session %s, one too many: %w", id, err)
		}
	}
	return nil
}

// previous returns the session, live or not, that one of the request's cookies opens, or nil.
func (m *Manager) previous(ctx context.Context, r *http.Request) (*idp.Session, error) {
	st, hasSession := m.jar.token(m.keyring, r, sessionCookie, secret.TokenSession)
	if hasSession {
		s, err := m.store.SessionByDigest(ctx, st.ID, st.Digest)
		if err == nil || !errors.Is(err, idp.ErrNotFound) {
			return s, err
		}
	}
	rt, ok := m.jar.token(m.keyring, r, rememberCookie, secret.TokenRemember)
	if !ok {
		return nil, nil
	}
	s, err := m.store.SessionByRemember(ctx, rt.ID, rt.Digest)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	return s, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
