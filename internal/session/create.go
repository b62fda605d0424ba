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
	Contexts   []string // authentication contexts that the upstream vouched for
	ProviderID string   // the upstream that vouched, if one did
	Remember   bool     // "keep me signed in" was ticked
}

// Create signs the browser in, in the caller's transaction, always under new cookies (FL-1, SEC-6): what the browser brought along is never
// adopted, and is dead afterwards. If its previous session was the same user's, that one goes on, so that applications still know it by its
// sid; else it ends, and their tokens with it. The caller writes login.ok or stepup.ok in the same transaction, and calls setCookies after the
// commit, before the answer's body: a cookie must not outlive a transaction that failed.
func (m *Manager) Create(ctx context.Context, r *http.Request, in SignIn) (c *Current, setCookies func(w http.ResponseWriter), err error) {
	now := time.Now().UTC().Truncate(time.Microsecond) // as the database keeps it
	agent, address := whoFrom(ctx, r)
	s := &idp.Session{
		ID: idp.NewID(), UserID: in.User.ID, AuthTime: now, AMR: in.AMR, Contexts: in.Contexts, ProviderID: in.ProviderID,
		UserAgent: agent, Address: address, CreatedAt: now, LastSeenAt: now,
		IdleExpiresAt: earlier(now.Add(m.idle), now.Add(m.max)), ExpiresAt: now.Add(m.max),
	}
	if in.Remember {
		until := now.Add(m.remember)
		s.Remembered, s.RememberExpiresAt = true, &until
	}
	var made cookies
	err = m.store.InTx(ctx, func(ctx context.Context) error {
		previous, err := m.previous(ctx, r)
		if err != nil {
			return err
		}
		if previous != nil && previous.UserID == s.UserID {
			renewed := *s
			renewed.ID, renewed.CreatedAt = previous.ID, previous.CreatedAt
			made = m.cookies(&renewed)
			err := m.store.RenewSession(ctx, &renewed, previous.AuthTime, made.session.Digest, made.remember.Digest)
			if err == nil {
				s = &renewed
				return nil
			}
			if !errors.Is(err, idp.ErrNotFound) {
				return fmt.Errorf("renew session %s: %w", previous.ID, err)
			}
			previous = nil // it ended in this moment, or another tab was first
		}
		made = m.cookies(s)
		if err := m.store.CreateSession(ctx, s, made.session.Digest, made.remember.Digest); err != nil {
			return fmt.Errorf("create session: %w", err)
		}
		if err := m.displace(ctx, previous, s.UserID); err != nil {
			return err
		}
		return m.trim(ctx, s.UserID)
	})
	if err != nil {
		return nil, nil, err
	}
	setCookies = func(w http.ResponseWriter) {
		m.jar.set(w, sessionCookie, made.session.Text, 0)
		m.jar.setState(w, m.State(s.ID))
		if in.Remember {
			m.jar.set(w, rememberCookie, made.remember.Text, m.remember)
		} else {
			m.jar.clear(w, r, rememberCookie)
		}
		m.remark(w, r, s.UserID, in.Remember)
	}
	return &Current{Session: s, User: in.User, Digest: made.session.Digest}, setCookies, nil
}

// cookies are what a browser gets for a session.
type cookies struct{ session, remember secret.Token }

func (m *Manager) cookies(s *idp.Session) cookies {
	made := cookies{session: m.keyring.NewToken(secret.TokenSession, s.ID)}
	if s.Remembered {
		made.remember = m.keyring.NewToken(secret.TokenRemember, s.ID)
	}
	return made
}

// displace ends the session of another user that the browser had before.
func (m *Manager) displace(ctx context.Context, previous *idp.Session, userID string) error {
	if previous == nil {
		return nil
	}
	_, err := m.end(ctx, previous.ID, audit.Event{
		Type: audit.SessionEnded, ActorKind: audit.ActorUser, ActorID: userID,
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
