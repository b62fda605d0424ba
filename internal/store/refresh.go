package store

import (
	"context"
	"time"

	"idp/internal/idp"
)

// Rotation is what a refresh request presents, and what is to take its place.
type Rotation struct {
	ID       string // of the authorization, from the token
	Old      []byte // digest of the token that was sent
	ClientID string // the authenticated client
	Key      string // that the request proved, empty if none
	BindTo   string // the key that the token is bound to from now on, if it was bound to none
	New      []byte // digest of the successor
	Sealed   []byte // the successor, to be opened only with the old token (secret.SealSuccessor)
	Idle     time.Time
	Grace    time.Duration // for so long after it was rotated a token gets the same successor again; 0: never
	Static   bool          // the client's refresh token does not change (FAPI 2.0 §5.3.2.1)
	// NoAudience rotates only what is for no resource in particular: the resources of another authorization have not been looked at.
	NoAudience bool
}

// graceFrom is the moment after which a token must have been rotated to get its successor again. Without a grace no moment will do: of two requests at
// once the one that came first may be the later one here, and then the other's rotation lies in its future.
func (r Rotation) graceFrom(now time.Time) time.Time {
	if r.Grace == 0 {
		return now.AddDate(1000, 0, 0)
	}
	return now.Add(-r.Grace)
}

// Rotated is the outcome of a rotation.
type Rotated struct {
	*AuthorizationUser
	Sealed []byte // opens to the successor: ours, or the one that an earlier request with the same token was given
}

// whileSession holds for tokens that outlive the session, and for others while the session lives or can be brought back. $3 is now.
const whileSession = `(offline OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = authorizations.session_id
	AND (s.expires_at > $3 AND s.idle_expires_at > $3 OR s.remember_expires_at > $3)))`

// RotateRefreshToken spends a refresh token and installs its successor in one conditional update of the authorization's row.
// Inside the grace window the token that was spent last gets the successor it got before, so that two requests at once, or
// one repeated after a lost answer, end with the same token (FD-7, RP-10). A token that is bound to a key needs that key. The user must be active, the family alive, and the session
// too where the token is not to outlive it: nobody need sign out for that, time ends sessions as well.
// idp.ErrNotFound says that nothing fitted; FailRefresh then says why, and kills the family if a spent token came back.
func (s *Store) RotateRefreshToken(ctx context.Context, r Rotation, now time.Time) (*Rotated, error) {
	var c authorizationColumns
	var sealed []byte
	text := `UPDATE authorizations SET refresh_idle_at = $5,
			refresh_previous = CASE WHEN refresh_digest = $2 THEN refresh_digest ELSE refresh_previous END,
			refresh_sealed = CASE WHEN refresh_digest = $2 THEN $7 ELSE refresh_sealed END,
			refresh_rotated_at = CASE WHEN refresh_digest = $2 THEN $3 ELSE refresh_rotated_at END,
			refresh_digest = CASE WHEN refresh_digest = $2 THEN $8 ELSE refresh_digest END,
			bound_key = CASE WHEN bound_key = '' THEN $10 ELSE bound_key END
		WHERE id = $1 AND client_id || '' = $6 AND bound_key IN ('', $4) AND revoked_at IS NULL AND expires_at > $3 AND refresh_idle_at > $3
			AND (audience = '' OR NOT $11) AND (refresh_digest = $2 OR refresh_previous = $2 AND refresh_rotated_at > $9)
			AND EXISTS (SELECT 1 FROM users u WHERE u.id = authorizations.user_id AND u.state = 'active') AND ` + whileSession + `
		RETURNING ` + authorizationCols + authorizationUser + `, refresh_sealed`
	args := []any{r.ID, r.Old, now, r.Key, r.Idle, r.ClientID, r.Sealed, r.New, r.graceFrom(now), r.BindTo, r.NoAudience}
	if r.Static {
		text = `UPDATE authorizations SET refresh_idle_at = $5
			WHERE id = $1 AND client_id || '' = $6 AND bound_key IN ('', $4) AND revoked_at IS NULL AND expires_at > $3 AND refresh_idle_at > $3
				AND (audience = '' OR NOT $7) AND refresh_digest = $2 AND EXISTS (SELECT 1 FROM users u WHERE u.id = authorizations.user_id AND u.state = 'active')
				AND ` + whileSession + `
			RETURNING ` + authorizationCols + authorizationUser + `, refresh_sealed`
		args = append(args[:6:6], r.NoAudience)
	}
	if err := s.db.QueryRow(ctx, text, args...).Scan(append(c.dest(), &c.user, &sealed)...); err != nil {
		return nil, err
	}
	v, err := c.withUser(&s.claims)
	if err != nil {
		return nil, err
	}
	return &Rotated{AuthorizationUser: v, Sealed: sealed}, nil
}

// RefreshFailure says what became of a refresh token that could not be rotated.
type RefreshFailure struct {
	*AuthorizationUser
	Reused      bool // it was spent before, by whomever: the family has been revoked now
	IdleExpired bool
	SessionOver bool // and the token was not to outlive it
}

// FailRefresh is called when RotateRefreshToken found nothing. A genuine token (its MAC was checked) of a living family that is
// neither the current one nor, within the grace window, the one before has been spent: the family dies, and this commits
// whatever the request's answer is (RFC 9700 §4.14.2).
func (s *Store) FailRefresh(ctx context.Context, r Rotation, now time.Time) (*RefreshFailure, error) {
	var c authorizationColumns
	var current bool
	var idle *time.Time
	f := &RefreshFailure{}
	err := s.InTx(ctx, func(ctx context.Context) error {
		c = authorizationColumns{}
		err := s.db.QueryRow(ctx, `SELECT `+authorizationCols+authorizationUser+`, coalesce(refresh_digest = $2, $4), refresh_idle_at, NOT `+whileSession+`
			FROM authorizations WHERE id = $1`, r.ID, r.Old, now, false).Scan(append(c.dest(), &c.user, &current, &idle, &f.SessionOver)...)
		if err != nil {
			return err
		}
		v, err := c.withUser(&s.claims)
		if err != nil {
			return err
		}
		f.AuthorizationUser = v
		f.IdleExpired = idle != nil && !now.Before(*idle)
		if current || v.RevokedAt != nil || v.ClientID != r.ClientID {
			return nil
		}
		n, err := s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $3 WHERE id = $1 AND refresh_digest <> $2 AND revoked_at IS NULL
			AND NOT (refresh_previous = $2 AND refresh_rotated_at > $4)`, r.ID, r.Old, now, r.graceFrom(now))
		f.Reused = n > 0
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// RefreshTokenNow returns the authorization of a refresh token if that token could be used at now.
func (s *Store) RefreshTokenNow(ctx context.Context, id string, digest []byte, now time.Time) (*AuthorizationUser, error) {
	v, err := s.scanAuthorizationUser(s.db.QueryRow(ctx, `SELECT `+authorizationCols+authorizationUser+` FROM authorizations
		WHERE id = $1 AND refresh_digest = $2 AND revoked_at IS NULL AND expires_at > $3 AND refresh_idle_at > $3
			AND `+whileSession, id, digest, now))
	if err != nil {
		return nil, err
	}
	if v.UserState != idp.UserActive {
		return nil, idp.ErrNotFound
	}
	return v, nil
}
