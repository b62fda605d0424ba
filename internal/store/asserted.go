package store

import (
	"context"
	"time"

	"idp/internal/idp"
)

// AssertedSubject says whom an assertion is about: a user's id, or else an account elsewhere that is linked to a user.
type AssertedSubject struct {
	UserID          string // empty: by the link
	Issuer, Subject string // of the link
}

// IssueAsserted writes an authorization for which nobody signed in here, and returns it with its user, who must be active. Its digest belongs to
// no code, there is no session, and when the person signed in is not known: the epoch stands for that. idp.ErrNotFound says that nobody
// active is meant.
func (s *Store) IssueAsserted(ctx context.Context, a *idp.Authorization, digest []byte, about AssertedSubject, now time.Time) (*AuthorizationUser, error) {
	request, err := toJSON(a.Request)
	if err != nil {
		return nil, err
	}
	return s.scanAuthorizationUser(s.db.QueryRow(ctx, `INSERT INTO authorizations (id, client_id, user_id, session_id, offline, refreshable, scopes, audience,
			redirect_uri, redirect_omitted, code_challenge, request, auth_time, amr, contexts, issued_at, code_digest, code_expires_at, code_used_at, bound_key, expires_at)
		SELECT $1, $2, u.id, '', $3, $3, $4, $5, '', $3, '', $6, $7, '', '', $8, $9, $8, $8, $10, $11
		FROM users u WHERE u.state = 'active'
			AND u.id = CASE WHEN $12 <> '' THEN $12 ELSE (SELECT i.user_id FROM identities i WHERE i.issuer = $13 AND i.subject = $14) END
		RETURNING `+authorizationCols+authorizationUser,
		a.ID, a.ClientID, false, words(a.Scopes), words(a.Audience), request, time.Unix(0, 0).UTC(), now, digest, a.BoundKey, a.ExpiresAt,
		about.UserID, about.Issuer, about.Subject))
}
