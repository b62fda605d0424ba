package store

import (
	"context"
	"encoding/json"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const pendingCols = `id, kind, client_id, scopes, audience, request, state, coalesce(user_id, ''), address, interval_ms, created_at, expires_at`

func scanPending(r sqldb.Row) (*idp.PendingAuthorization, error) {
	var p idp.PendingAuthorization
	var kind, scopes, audience, request, state string
	var interval int64
	if err := r.Scan(&p.ID, &kind, &p.ClientID, &scopes, &audience, &request, &state, &p.UserID, &p.Address, &interval, &p.CreatedAt, &p.ExpiresAt); err != nil {
		return nil, err
	}
	p.Kind, p.State, p.Scopes, p.Audience = idp.PendingKind(kind), idp.PendingState(state), split(scopes), split(audience)
	p.Interval = time.Duration(interval) * time.Millisecond
	return &p, fromJSON(request, &p.Request)
}

// PendingKeys are the digests under which a pending authorization is found.
type PendingKeys struct {
	Digest   []byte // of the device_code or auth_req_id
	UserCode string // keyed digest of what the person types; empty for none
	Notify   string // sealed: whom to tell that the person has decided; empty for nobody
}

// PendingBounds say how many may wait at once: of one client, from one address, for one person. 0 is no bound.
type PendingBounds struct{ PerClient, PerAddress, PerUser int }

// CreatePending inserts a pending authorization, in one statement that counts those that wait already. idp.ErrNotFound says that there
// are too many; idp.ErrConflict that the user code is taken. Requests at the same moment may pass the bound by as many as they are.
func (s *Store) CreatePending(ctx context.Context, p *idp.PendingAuthorization, keys PendingKeys, most PendingBounds) error {
	request, err := toJSON(p.Request)
	if err != nil {
		return err
	}
	n, err := s.db.Exec(ctx, `INSERT INTO pending_authorizations (id, kind, digest, user_code, client_id, scopes, audience, request, state, user_id, session_id, session_ended,
			amr, contexts, address, polled_ms, interval_ms, hurried, notify, ping_tries, created_at, expires_at, purge_at)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, '', $12, '', '', $10, 0, $11, $12, $19, 0, $13, $14, $15
		WHERE ($16 = 0 OR (SELECT count(*) FROM pending_authorizations WHERE client_id = $5 AND expires_at > $13 AND state = 'pending') < $16)
			AND ($17 = 0 OR (SELECT count(*) FROM pending_authorizations WHERE address = $10 AND expires_at > $13 AND state = 'pending') < $17)
			AND ($18 = 0 OR (SELECT count(*) FROM pending_authorizations WHERE user_id = $9 AND expires_at > $13 AND state = 'pending') < $18)`,
		p.ID, string(p.Kind), keys.Digest, orNull(keys.UserCode), p.ClientID, words(p.Scopes), words(p.Audience), request, orNull(p.UserID), p.Address,
		p.Interval.Milliseconds(), false, p.CreatedAt, p.ExpiresAt, p.ExpiresAt.Add(pendingAfter),
		int64(most.PerClient), int64(most.PerAddress), int64(most.PerUser), keys.Notify)
	return changedOne(n, err, idp.ErrNotFound)
}

// pendingAfter is how long a row outlives its request, so that a client that polls late hears that it expired, and what was redeemed is
// still known to be.
const pendingAfter = 10 * time.Minute

// orNull writes an empty text as NULL.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Pending returns a pending authorization that waits for a decision.
func (s *Store) Pending(ctx context.Context, id string, now time.Time) (*idp.PendingAuthorization, error) {
	return scanPending(s.db.QueryRow(ctx, `SELECT `+pendingCols+` FROM pending_authorizations WHERE id = $1 AND state = 'pending' AND expires_at > $2`, id, now))
}

// PendingByUserCode returns the pending authorization that waits under the digest of a user code.
func (s *Store) PendingByUserCode(ctx context.Context, userCode string, now time.Time) (*idp.PendingAuthorization, error) {
	return scanPending(s.db.QueryRow(ctx, `SELECT `+pendingCols+` FROM pending_authorizations WHERE user_code = $1 AND state = 'pending' AND expires_at > $2`, userCode, now))
}

// ApprovePending records that a person said yes to scopes, if they are still signed in, may sign in, and are the one who is asked, and nobody has
// decided yet. idp.ErrNotFound if something does not hold.
//
// The first statement holds the session's row: if it is ending at this moment, one of the two waits for the other, and either nothing is approved, or
// who ends everything finds what was.
func (s *Store) ApprovePending(ctx context.Context, id string, scopes []string, by *idp.Session, digest []byte, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE sessions SET last_seen_at = $4 WHERE id = $1 AND digest = $2 AND user_id = $3 AND idle_expires_at > $4 AND expires_at > $4`,
			by.ID, digest, by.UserID, now)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		return s.approvePending(ctx, id, scopes, by, now)
	})
}

func (s *Store) approvePending(ctx context.Context, id string, scopes []string, by *idp.Session, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET state = 'approved', scopes = $8, user_id = $2, session_id = $3, auth_time = $4, amr = $5, contexts = $6,
			ping_at = CASE WHEN notify <> '' THEN $7 ELSE ping_at END
		WHERE id = $1 AND state = 'pending' AND expires_at > $7 AND (user_id IS NULL OR user_id = $2)
			AND EXISTS (SELECT 1 FROM users u WHERE u.id = $2 AND u.state = 'active')`,
		id, by.UserID, by.ID, by.AuthTime, words(by.AMR), words(by.Contexts), now, words(scopes))
	return changedOne(n, err, idp.ErrNotFound)
}

// DenyPending records that a person said no; idp.ErrNotFound if it was decided before, expired, or somebody else is asked.
func (s *Store) DenyPending(ctx context.Context, id, userID string, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET state = 'denied', user_id = $2,
			ping_at = CASE WHEN notify <> '' THEN $3 ELSE ping_at END
		WHERE id = $1 AND state = 'pending' AND expires_at > $3 AND (user_id IS NULL OR user_id = $2)`, id, userID, now)
	return changedOne(n, err, idp.ErrNotFound)
}

// PendingPoll is what a poll finds.
type PendingPoll struct {
	State     idp.PendingState
	Hurried   bool // the poll came before its time, and the interval has grown
	Interval  time.Duration
	Scopes    []string
	Audience  []string
	Details   json.RawMessage // of what was approved; nil before
	ACRValues []string        // likewise
	Expires   time.Time
}

const (
	// pollGrace is how much too early a poll may come: clients count from their own clock's ticks.
	pollGrace = 500 * time.Millisecond
	// pollStep is what the interval grows by (RFC 8628 §3.5).
	pollStep = 5 * time.Second
	// pollLongest is where it stops growing, so that a client that mends its ways is answered.
	pollLongest = time.Minute
)

// PollPending notes that the client of a pending authorization asked, and says how it stands: the whole of a poll in one statement. A poll
// before its time makes the interval longer. idp.ErrNotFound for what is unknown, or another client's.
func (s *Store) PollPending(ctx context.Context, kind idp.PendingKind, id string, digest []byte, clientID string, now time.Time) (*PendingPoll, error) {
	var p PendingPoll
	var state, scopes, audience, request string
	var interval int64
	err := s.db.QueryRow(ctx, `UPDATE pending_authorizations SET
			hurried = $5 < polled_ms + interval_ms - $6,
			interval_ms = CASE WHEN $5 < polled_ms + interval_ms - $6 AND interval_ms < $8 THEN interval_ms + $7 ELSE interval_ms END,
			polled_ms = $5
		WHERE id = $1 AND kind = $2 AND digest = $3 AND client_id = $4
		RETURNING state, hurried, interval_ms, scopes, audience, CASE WHEN state = 'approved' THEN request ELSE '' END, expires_at`,
		id, string(kind), digest, clientID, now.UnixMilli(), pollGrace.Milliseconds(), pollStep.Milliseconds(), pollLongest.Milliseconds()).
		Scan(&state, &p.Hurried, &interval, &scopes, &audience, &request, &p.Expires)
	if err != nil {
		return nil, err
	}
	p.State, p.Interval, p.Scopes, p.Audience = idp.PendingState(state), time.Duration(interval)*time.Millisecond, split(scopes), split(audience)
	if request == "" {
		return &p, nil
	}
	var asked idp.PendingRequest
	err = fromJSON(request, &asked)
	p.Details, p.ACRValues = asked.Details, asked.ACRValues
	return &p, err
}

// PendingRedemption is what a token request for an approved authorization presents, and what is to follow from it.
type PendingRedemption struct {
	ID            string
	Kind          idp.PendingKind
	Digest        []byte
	ClientID      string // the authenticated client
	Request       idp.CodeRequest
	Refreshable   bool
	Offline       bool
	RefreshDigest []byte // nil unless Refreshable
	RefreshIdle   time.Time
	Expires       time.Time // when the authorization is of no use any more
	BoundKey      string    // what the tokens are bound to, empty for nothing
}

// RedeemPending turns what was approved into an authorization with its first refresh token. One conditional statement decides, so that of any
// number at once one wins (RFC 10027 §6.1.3): the user is active still, and the session in which it was approved has not ended, unless the authorization outlives sessions.
// It holds the row until the authorization is there: who ends the person's sessions at this moment waits for it and finds the authorization, or comes
// first and leaves nothing to redeem. idp.ErrNotFound says that something does not hold; WhyNotRedeemed then says what.
func (s *Store) RedeemPending(ctx context.Context, r PendingRedemption, now time.Time) (*AuthorizationUser, error) {
	request, err := toJSON(r.Request)
	if err != nil {
		return nil, err
	}
	var idle any
	if r.Refreshable {
		idle = r.RefreshIdle
	}
	var v *AuthorizationUser
	// Back-Channel Logout 1.0 §2.7: an end of the session stops this too.
	err = s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE pending_authorizations SET state = 'redeemed'
			WHERE id = $1 AND kind = $2 AND digest = $3 AND client_id = $4 AND state = 'approved' AND expires_at > $5
				AND EXISTS (SELECT 1 FROM users u WHERE u.id = pending_authorizations.user_id AND u.state = 'active')
				AND ($6 OR NOT session_ended)`,
			r.ID, string(r.Kind), r.Digest, r.ClientID, now, r.Offline)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		v, err = s.scanAuthorizationUser(s.db.QueryRow(ctx, `INSERT INTO authorizations (id, client_id, user_id, session_id, offline, refreshable, scopes, audience,
				redirect_uri, redirect_omitted, code_challenge, request, auth_time, amr, contexts, issued_at, code_digest, code_expires_at, code_used_at,
				refresh_digest, refresh_idle_at, bound_key, expires_at)
			SELECT id, client_id, user_id, session_id, $2, $3, scopes, audience, '', $4, '', $5, auth_time, amr, contexts, $6, digest, expires_at, $6, $7, $8, $9, $10
			FROM pending_authorizations WHERE id = $1
			RETURNING `+authorizationCols+authorizationUser,
			r.ID, r.Offline, r.Refreshable, false, request, now, r.RefreshDigest, idle, r.BoundKey, r.Expires))
		return err
	})
	return v, err
}

// PendingFailure says why what was approved could not be redeemed.
type PendingFailure struct {
	State     idp.PendingState
	UserID    string
	UserState idp.UserState
}

// WhyNotRedeemed looks at what RedeemPending refused. idp.ErrNotFound if it is gone altogether.
func (s *Store) WhyNotRedeemed(ctx context.Context, id string) (*PendingFailure, error) {
	var f PendingFailure
	var state, userState string
	err := s.db.QueryRow(ctx, `SELECT p.state, coalesce(p.user_id, ''), coalesce(u.state, '')
		FROM pending_authorizations p LEFT JOIN users u ON u.id = p.user_id WHERE p.id = $1`, id).Scan(&state, &f.UserID, &userState)
	if err != nil {
		return nil, err
	}
	f.State, f.UserState = idp.PendingState(state), idp.UserState(userState)
	return &f, nil
}
