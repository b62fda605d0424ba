package store

import (
	"context"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const sessionCols = `s.id, s.user_id, s.auth_time, s.amr, s.contexts, s.provider_id, s.user_agent, s.address, s.created_at, s.last_seen_at,
	s.idle_expires_at, s.expires_at, s.remember_expires_at, s.restored_at`

// sessionOwnCols are the same without the alias: SQLite's RETURNING knows none.
const sessionOwnCols = `id, user_id, auth_time, amr, contexts, provider_id, user_agent, address, created_at, last_seen_at,
	idle_expires_at, expires_at, remember_expires_at, restored_at`

func sessionDest(v *idp.Session, amr, contexts *string) []any {
	return []any{
		&v.ID, &v.UserID, &v.AuthTime, amr, contexts, &v.ProviderID, &v.UserAgent, &v.Address, &v.CreatedAt, &v.LastSeenAt,
		&v.IdleExpiresAt, &v.ExpiresAt, &v.RememberExpiresAt, &v.RestoredAt,
	}
}

func scanSession(r sqldb.Row) (*idp.Session, error) {
	var v idp.Session
	var amr, contexts string
	if err := r.Scan(sessionDest(&v, &amr, &contexts)...); err != nil {
		return nil, err
	}
	v.AMR, v.Contexts, v.Remembered = split(amr), split(contexts), v.RememberExpiresAt != nil
	return &v, nil
}

func purgeAt(v *idp.Session) time.Time {
	if v.RememberExpiresAt != nil && v.RememberExpiresAt.After(v.ExpiresAt) {
		return *v.RememberExpiresAt
	}
	return v.ExpiresAt
}

// CreateSession inserts a session under the digest of its cookie, and of its remember cookie if it has one (else nil).
func (s *Store) CreateSession(ctx context.Context, v *idp.Session, digest, remember []byte) error {
	_, err := s.db.Exec(ctx, `INSERT INTO sessions (id, digest, user_id, auth_time, amr, contexts, provider_id, user_agent, address, created_at,
			last_seen_at, idle_expires_at, expires_at, remember_digest, remember_expires_at, restored_at, purge_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		v.ID, digest, v.UserID, v.AuthTime, words(v.AMR), words(v.Contexts), v.ProviderID, v.UserAgent, v.Address, v.CreatedAt,
		v.LastSeenAt, v.IdleExpiresAt, v.ExpiresAt, remember, v.RememberExpiresAt, v.RestoredAt, purgeAt(v))
	return err
}

// SessionUser is a live session with the user it belongs to.
type SessionUser struct {
	Session *idp.Session
	User    *idp.User
}

func scanSessionUser(r sqldb.Row) (*SessionUser, error) {
	var v idp.Session
	var u idp.User
	var amr, contexts, state, claims string
	if err := r.Scan(append(sessionDest(&v, &amr, &contexts), &u.ID, &state, &claims, &u.CreatedAt, &u.UpdatedAt)...); err != nil {
		return nil, err
	}
	v.AMR, v.Contexts, v.Remembered = split(amr), split(contexts), v.RememberExpiresAt != nil
	return &SessionUser{Session: &v, User: &u}, decodeUser(&u, state, claims)
}

// LiveSession returns the session of a cookie, with its user, if it may be used at now and the user is active.
func (s *Store) LiveSession(ctx context.Context, id string, digest []byte, now time.Time) (*SessionUser, error) {
	return scanSessionUser(s.db.QueryRow(ctx, `SELECT `+sessionCols+`, u.id, u.state, u.claims, u.created_at, u.updated_at
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.digest = $2 AND s.idle_expires_at > $3 AND s.expires_at > $3 AND u.state = 'active'`, id, digest, now))
}

// RestoreSession brings a session back by its remember cookie: one statement gives it a new cookie digest, a new remember
// digest and new limits, so that of two browsers with one copied cookie only one is served. auth_time stays what it was.
func (s *Store) RestoreSession(ctx context.Context, id string, remember, newDigest, newRemember []byte, idle, expires, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE sessions SET digest = $3, remember_digest = $4, idle_expires_at = $5, expires_at = $6,
			restored_at = $7, last_seen_at = $7, purge_at = CASE WHEN remember_expires_at > $6 THEN remember_expires_at ELSE $6 END
		WHERE id = $1 AND remember_digest = $2 AND remember_expires_at > $7
			AND EXISTS (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.state = 'active')`,
		id, remember, newDigest, newRemember, idle, expires, now)
	return changedOne(n, err, idp.ErrNotFound)
}

// TouchSession moves the idle limit, never past the absolute one.
func (s *Store) TouchSession(ctx context.Context, id string, idle, now time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE sessions SET last_seen_at = $3, idle_expires_at = CASE WHEN $2 < expires_at THEN $2 ELSE expires_at END
		WHERE id = $1 AND idle_expires_at > $3`, id, idle, now)
	return err
}

// EndedSession is a session that has just ended, with the clients that hear of it. Those with a back channel have their rows in
// the outbox.
type EndedSession struct {
	*idp.Session
	Clients []idp.SessionClient
}

// EndSession deletes a session, stops the tokens that do not outlive it (Back-Channel Logout 1.0 §2.7), of another device too that has not fetched them
// yet, and writes down which clients are to be told. It returns the session, or idp.ErrNotFound.
func (s *Store) EndSession(ctx context.Context, id string, now time.Time) (*EndedSession, error) {
	var ended *EndedSession
	err := s.InTx(ctx, func(ctx context.Context) error {
		v, err := scanSession(s.db.QueryRow(ctx, `DELETE FROM sessions WHERE id = $1 RETURNING `+sessionOwnCols, id))
		if err != nil {
			return err
		}
		ended = &EndedSession{Session: v}
		if ended.Clients, err = s.tellClients(ctx, v.UserID, []string{v.ID}, now); err != nil {
			return err
		}
		// Before the authorizations: a request that is being redeemed is waited for here, and is one of them then.
		if _, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET session_ended = $3 WHERE user_id = $1 AND session_id = $2 AND state = 'approved'`, v.UserID, v.ID, true); err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $3 WHERE user_id = $1 AND session_id = $2 AND NOT offline AND revoked_at IS NULL`,
			v.UserID, v.ID, now)
		return err
	})
	return ended, err
}

// EndSessionsOf deletes all sessions of a user but one (keep may be empty) and revokes every authorization that is not the kept
// session's; the clients of the ended ones are told. It returns how many sessions ended.
func (s *Store) EndSessionsOf(ctx context.Context, userID, keep string, now time.Time) (int64, error) {
	var n int64
	err := s.InTx(ctx, func(ctx context.Context) error {
		rows, err := s.db.Query(ctx, `DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id`, userID, keep)
		ended, err := collect(rows, err, scanID)
		if err != nil {
			return err
		}
		n = int64(len(ended))
		if _, err := s.tellClients(ctx, userID, ended, now); err != nil {
			return err
		}
		// What they approved for another device must not be fetched any more: perhaps it was a thief who approved, or asked. Before the
		// authorizations: one that is being redeemed is waited for here, and is one of them then.
		if _, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET state = 'denied' WHERE user_id = $1 AND session_id <> $2 AND state = 'approved'`, userID, keep); err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $3 WHERE user_id = $1 AND session_id <> $2 AND revoked_at IS NULL`,
			userID, keep, now)
		return err
	})
	return n, err
}

// Session returns one session by its id, live or not.
func (s *Store) Session(ctx context.Context, id string) (*idp.Session, error) {
	return scanSession(s.db.QueryRow(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id = $1`, id))
}

// SessionsOf lists the sessions of a user that are live, or can be restored, at now.
func (s *Store) SessionsOf(ctx context.Context, userID string, now time.Time) ([]*idp.Session, error) {
	rows, err := s.db.Query(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.user_id = $1 AND s.purge_at > $2 ORDER BY s.id`, userID, now)
	return collect(rows, err, scanSession)
}

// SurplusSessions names the oldest sessions of a user, beyond the newest keep of them; a hundred at a time.
func (s *Store) SurplusSessions(ctx context.Context, userID string, keep int) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT 100 OFFSET $2`, userID, keep)
	return collect(rows, err, scanID)
}

func scanID(r sqldb.Row) (id string, err error) { return id, r.Scan(&id) }

// Sessions lists all sessions that are live, or can be restored, at now.
func (s *Store) Sessions(ctx context.Context, p Page, now time.Time) ([]*idp.Session, error) {
	rows, err := s.db.Query(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id > $1 AND s.purge_at > $2 ORDER BY s.id LIMIT $3`,
		p.After, now, p.limit())
	return collect(rows, err, scanSession)
}

// SessionByDigest returns the session of a cookie, live or not; idp.ErrNotFound if the cookie was replaced.
func (s *Store) SessionByDigest(ctx context.Context, id string, digest []byte) (*idp.Session, error) {
	return scanSession(s.db.QueryRow(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id = $1 AND s.digest = $2`, id, digest))
}

// SessionByRemember returns the session of a remember cookie, live or not; idp.ErrNotFound if the cookie was replaced.
func (s *Store) SessionByRemember(ctx context.Context, id string, remember []byte) (*idp.Session, error) {
	return scanSession(s.db.QueryRow(ctx, `SELECT `+sessionCols+` FROM sessions s WHERE s.id = $1 AND s.remember_digest = $2`, id, remember))
}

// RenewSession puts another sign-in of the same person in the place of the one at was, under new digests of the cookies. The session keeps its id:
// applications know it by that. idp.ErrNotFound says that the session has ended, or that another sign-in was first.
func (s *Store) RenewSession(ctx context.Context, v *idp.Session, was time.Time, digest, remember []byte) error {
	n, err := s.db.Exec(ctx, `UPDATE sessions SET digest = $4, auth_time = $5, amr = $6, contexts = $7, provider_id = $8, user_agent = $9, address = $10,
			last_seen_at = $11, idle_expires_at = $12, expires_at = $13, remember_digest = $14, remember_expires_at = $15, restored_at = NULL, purge_at = $16
		WHERE id = $1 AND user_id = $2 AND auth_time = $3`,
		v.ID, v.UserID, was, digest, v.AuthTime, words(v.AMR), words(v.Contexts), v.ProviderID, v.UserAgent, v.Address,
		v.LastSeenAt, v.IdleExpiresAt, v.ExpiresAt, remember, v.RememberExpiresAt, purgeAt(v))
	return changedOne(n, err, idp.ErrNotFound)
}
