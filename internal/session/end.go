package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
)

// End signs the browser out: the row goes, and with it every token that does not outlive the session; both cookies are
// deleted (FL-14). It returns the session that ended, with the clients that hear of it, or nil if there was none. Call it outside a transaction: the cookies
// must not go before the row.
func (m *Manager) End(ctx context.Context, w http.ResponseWriter, r *http.Request) (*store.EndedSession, error) {
	s, err := m.previous(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("find session to end: %w", err)
	}
	var ended *store.EndedSession
	if s != nil {
		ended, err = m.end(ctx, s.ID, audit.Event{Type: audit.SessionEnded, ActorKind: audit.ActorUser, ActorID: s.UserID})
		if err != nil && !errors.Is(err, idp.ErrNotFound) { // another tab was first
			return nil, fmt.Errorf("end session %s: %w", s.ID, err)
		}
	}
	m.jar.clear(w, r, sessionCookie)
	m.jar.clear(w, r, rememberCookie)
	if m.jar.sent(r, stateCookie) {
		// Another one than before, and not that of a browser where nobody ever signed in: any page may frame the check-session frame, and
		// must not find out by it whether somebody is signed in.
		m.jar.setState(w, rand.Text())
	}
	return ended, nil
}

// Here returns the session that End would end, or nil: one that lives, or that the remember cookie can bring back. Nothing is
// brought back by asking, so that End still knows the cookies.
func (m *Manager) Here(ctx context.Context, r *http.Request) (*idp.Session, error) {
	s, err := m.previous(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	now := time.Now()
	if s == nil || !s.Live(now) && (s.RememberExpiresAt == nil || !now.Before(*s.RememberExpiresAt)) {
		return nil, nil
	}
	return s, nil
}

// EndByID ends a session from outside its browser, in the caller's transaction; idp.ErrNotFound if there is none.
func (m *Manager) EndByID(ctx context.Context, id string) error {
	if _, err := m.end(ctx, id, audit.Event{Type: audit.SessionKilled}); err != nil {
		return fmt.Errorf("end session %s: %w", id, err)
	}
	return nil
}

// EndAllOf ends all sessions of a user but keepSessionID (which may be empty), and every authorization that is not the kept
// session's, in the caller's transaction (FL-15). It returns how many sessions ended.
func (m *Manager) EndAllOf(ctx context.Context, userID, keepSessionID string) (int64, error) {
	var n int64
	err := m.store.InTx(ctx, func(ctx context.Context) (err error) {
		if n, err = m.store.EndSessionsOf(ctx, userID, keepSessionID, time.Now().UTC()); err != nil || n == 0 {
			return err
		}
		details := map[string]string{"sessions": strconv.FormatInt(n, 10)}
		if keepSessionID != "" {
			details["kept"] = keepSessionID
		}
		return m.audit.Write(ctx, audit.Event{Type: audit.SessionKilled, UserID: userID, Details: details})
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions of user %s: %w", userID, err)
	}
	return n, nil
}

// end deletes a session and writes the event about it.
func (m *Manager) end(ctx context.Context, id string, e audit.Event) (ended *store.EndedSession, err error) {
	err = m.store.InTx(ctx, func(ctx context.Context) error {
		s, err := m.store.EndSession(ctx, id, time.Now().UTC())
		if err != nil {
			return err
		}
		ended, e.UserID, e.SessionID = s, s.UserID, s.ID
		return m.audit.Write(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}
