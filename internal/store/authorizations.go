package store

import (
	"context"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const authorizationCols = `id, client_id, user_id, session_id, offline, refreshable, scopes, audience, redirect_uri, redirect_omitted, code_challenge, request,
	auth_time, amr, contexts, issued_at, code_expires_at, code_used_at, bound_key, revoked_at, expires_at`

// authorizationUser reads the user's state and claims beside an authorization, in a form that RETURNING takes on both engines.
// authorizationUser is the state of the user and, behind a space, the claims: one look at the row for both.
const authorizationUser = `, coalesce((SELECT u.state || ' ' || u.claims FROM users u WHERE u.id = authorizations.user_id), ' {}')`

// AuthorizationUser is an authorization with what its user may be said to be today.
type AuthorizationUser struct {
	*idp.Authorization
	UserState idp.UserState
	Claims    idp.UserClaims
}

type authorizationColumns struct {
	a                                        idp.Authorization
	scopes, audience, request, amr, contexts string
	user                                     string // authorizationUser
}

func (c *authorizationColumns) dest() []any {
	a := &c.a
	return []any{
		&a.ID, &a.ClientID, &a.UserID, &a.SessionID, &a.Offline, &a.Refreshable, &c.scopes, &c.audience, &a.RedirectURI, &a.RedirectOmitted,
		&a.CodeChallenge, &c.request, &a.AuthTime, &c.amr, &c.contexts, &a.IssuedAt, &a.CodeExpires, &a.CodeUsedAt, &a.BoundKey, &a.RevokedAt, &a.ExpiresAt,
	}
}

func (c *authorizationColumns) value() (*idp.Authorization, error) {
	a := &c.a
	a.Scopes, a.Audience, a.AMR, a.Contexts = split(c.scopes), split(c.audience), split(c.amr), split(c.contexts)
	if c.request != "" {
		if err := fromJSON(c.request, &a.Request); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (c *authorizationColumns) withUser(cache *claimsCache) (*AuthorizationUser, error) {
	a, err := c.value()
	if err != nil {
		return nil, err
	}
	state, claims, _ := strings.Cut(c.user, " ")
	v := &AuthorizationUser{Authorization: a, UserState: idp.UserState(state)}
	return v, cache.decode(claims, &v.Claims)
}

func (s *Store) scanAuthorizationUser(r sqldb.Row) (*AuthorizationUser, error) {
	var c authorizationColumns
	if err := r.Scan(append(c.dest(), &c.user)...); err != nil {
		return nil, err
	}
	return c.withUser(&s.claims)
}

// IssueConditions are what must hold in the same statement that writes a code, so that a session that has just ended, a user
// who has just been disabled or a grant that has just been withdrawn cannot get one.
type IssueConditions struct {
	SessionID      string
	SessionDigest  []byte
	MinAuthTime    time.Time // the user must have signed in at this time or later
	UserID         string    // if not empty, the session must be this user's (id_token_hint)
	Proof          Proof     // of the sign-in; a zero one asks for nothing
	SkipGrant      bool      // a trusted client needs none
	RequiredScopes []string  // what the grant must cover; none need no grant
	Once           bool      // there may be an authorization of this id already: it is that of a pushed request
	WithClaims     bool      // not a condition: what the user may be said to be comes back too
}

// Proof is what a sign-in must have proved: that all the methods of one of the lists were used, and no others, or that an upstream vouched for some of
// the contexts, one after the other as they stand here, and for no others. That is less than idp.AuthenticationContexts.Met accepts, and never more:
// whatever a statement cannot tell is looked at.
type Proof struct {
	Methods  [][]string
	Contexts []string
}

// methods writes each list between commas, which no method has.
func (p *Proof) methods() string {
	if len(p.Methods) == 0 {
		return ""
	}
	text := ","
	for _, list := range p.Methods {
		text += words(list) + ","
	}
	return text
}

func (p *Proof) contexts() string {
	if len(p.Contexts) == 0 {
		return ""
	}
	return " " + words(p.Contexts) + " "
}

// The pattern is an expression on purpose: a bare parameter behind LIKE makes SQLite plan the statement anew each time. The grant is asked for its scopes, and
// not whether it exists: PostgreSQL might read all grants of the client to know.
const (
	issueCode = `INSERT INTO authorizations (id, client_id, user_id, session_id, offline, refreshable, scopes, audience,
			redirect_uri, redirect_omitted, code_challenge, request, auth_time, amr, contexts, issued_at, code_digest, code_expires_at, bound_key, expires_at)
		SELECT $1, $2, s.user_id, s.id, $3, $4, $5, $6, $7, $8, $9, $10, s.auth_time, s.amr, s.contexts, $11, $12, $13, $14, $15
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $16 AND s.digest = $17 AND s.idle_expires_at > $11 AND s.expires_at > $11 AND u.state = 'active'
			AND s.auth_time >= $18 AND ($19 = '' OR s.user_id = $19)
			AND ($23 = '' AND $24 = '' OR s.amr <> '' AND replace($23, ',' || s.amr || ',', '') <> $23
				OR s.contexts <> '' AND replace($24, ' ' || s.contexts || ' ', '') <> $24)
			AND ($20 OR coalesce((SELECT g.scopes LIKE $21 || '' ESCAPE '\' FROM grants g WHERE g.user_id = s.user_id AND g.client_id = $2), FALSE))`
	// What is there stays as it is, and says so by the digest of its code.
	issueCodeOnce      = ` ON CONFLICT (id) DO UPDATE SET code_used_at = authorizations.code_used_at`
	issueCodeReturning = ` RETURNING user_id, session_id, auth_time, amr, contexts, code_digest = $12,
			CASE WHEN $22 THEN coalesce((SELECT u.claims FROM users u WHERE u.id = authorizations.user_id), '') ELSE '' END`
)

// IssueCode writes an authorization with its code, if the conditions hold, and returns it with the user, session, time and methods
// of the sign-in filled in. A digest that belongs to no code makes an authorization of tokens alone. idp.ErrNotFound says that some
// condition does not hold: look, and ask the person. idp.ErrConflict says that there is an authorization of this id: the pushed request
// was used. A used one breaks no rule of the table, because a statement that does has those run again that travel with it.
// This one statement is the whole of an authorization request with a session and a grant.
func (s *Store) IssueCode(ctx context.Context, a *idp.Authorization, digest []byte, c IssueConditions, now time.Time) (*AuthorizationUser, error) {
	request, err := toJSON(a.Request)
	if err != nil {
		return nil, err
	}
	issued := *a
	var text struct{ amr, contexts, claims string }
	statement := issueCode + issueCodeReturning
	if c.Once {
		statement = issueCode + issueCodeOnce + issueCodeReturning
	}
	var fresh bool
	err = s.db.QueryRow(ctx, statement,
		a.ID, a.ClientID, a.Offline, a.Refreshable, words(a.Scopes), words(a.Audience),
		a.RedirectURI, a.RedirectOmitted, a.CodeChallenge, request, now, digest, a.CodeExpires, a.BoundKey, a.ExpiresAt,
		c.SessionID, c.SessionDigest, c.MinAuthTime, c.UserID, c.SkipGrant || len(c.RequiredScopes) == 0, scopePattern(c.RequiredScopes), c.WithClaims,
		c.Proof.methods(), c.Proof.contexts()).
		Scan(&issued.UserID, &issued.SessionID, &issued.AuthTime, &text.amr, &text.contexts, &fresh, &text.claims)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, idp.ErrConflict
	}
	issued.AMR, issued.Contexts, issued.IssuedAt = split(text.amr), split(text.contexts), now
	v := &AuthorizationUser{Authorization: &issued, UserState: idp.UserActive}
	if text.claims == "" {
		return v, nil
	}
	return v, fromJSON(text.claims, &v.Claims)
}

// Redemption is what a token request with a code presents.
type Redemption struct {
	ID             string // of the authorization, from the code
	CodeDigest     []byte
	ClientID       string // the authenticated client
	RedirectURI    string // as sent; empty if it was not
	CodeChallenge  string // S256 of the verifier that was sent; empty if none was
	RefreshDigest  []byte // of the refresh token that the client gets if it may have one
	RefreshIdle    time.Time
	RefreshExpires time.Time
	Expires        time.Time // when the row is of no use, without a refresh token; never sooner than it said before
	Key            string    // that the request proved, empty if none
	BindTo         string    // the key that the refresh token is bound to, empty if none
}

// RedeemCode spends a code and installs the first refresh token, in one statement: the code is the client's own, unspent (FAPI 2.0 Security
// Profile §5.3.2.2), unexpired, fits its redirect URI (RFC 6749 §4.1.3), its PKCE challenge (RFC 7636 §4.6) and the key it is bound to (RFC 9449 §10), the user
// is active, and the session has not been ended: on PostgreSQL a code may be written at the very moment when all sessions end, which would not see it.
// idp.ErrNotFound says that something does not fit; FailCode then says what, and burns the code.
// The client is compared as an expression, here and wherever an id or the user says which rows are meant: of a small table PostgreSQL takes the index on clients for as good as
// the key, and stays with it when there are a million rows of one client.
func (s *Store) RedeemCode(ctx context.Context, r Redemption, now time.Time) (*AuthorizationUser, error) {
	return s.scanAuthorizationUser(s.db.QueryRow(ctx, `UPDATE authorizations SET code_used_at = $7,
			refresh_digest = CASE WHEN refreshable THEN $6 ELSE refresh_digest END,
			refresh_idle_at = CASE WHEN refreshable THEN $8 ELSE refresh_idle_at END,
			expires_at = CASE WHEN refreshable THEN $9 WHEN expires_at > $10 THEN expires_at ELSE $10 END, bound_key = $12
		WHERE id = $1 AND code_digest = $2 AND client_id || '' = $3 AND code_used_at IS NULL AND revoked_at IS NULL AND code_expires_at > $7
			AND (redirect_uri = $4 OR $4 = '' AND redirect_omitted) AND code_challenge = $5 AND bound_key IN ('', $11)
			AND EXISTS (SELECT 1 FROM users u WHERE u.id = authorizations.user_id AND u.state = 'active')
			AND EXISTS (SELECT 1 FROM sessions s WHERE s.id = authorizations.session_id)
		RETURNING `+authorizationCols+authorizationUser,
		r.ID, r.CodeDigest, r.ClientID, r.RedirectURI, r.CodeChallenge, r.RefreshDigest, now, r.RefreshIdle, r.RefreshExpires, r.Expires, r.Key, r.BindTo))
}

// FailCode is called when RedeemCode found nothing. It returns the authorization as it was, for the diagnosis, and burns the
// code, whoever presented it: a second try with other parameters is as dead as a second use. A code that was spent before
// takes its whole authorization with it (RFC 6749 §4.1.2, §10.5).
func (s *Store) FailCode(ctx context.Context, id string, digest []byte, now time.Time) (*AuthorizationUser, error) {
	var was *AuthorizationUser
	err := s.InTx(ctx, func(ctx context.Context) (err error) {
		was, err = s.scanAuthorizationUser(s.db.QueryRow(ctx, `SELECT `+authorizationCols+authorizationUser+`
			FROM authorizations WHERE id = $1 AND code_digest = $2`, id, digest))
		if err != nil {
			return err
		}
		// Two at once: the loser of RedeemCode finds the winner's mark here and revokes what the winner got.
		_, err = s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = CASE WHEN revoked_at IS NULL AND code_used_at IS NOT NULL THEN $2 ELSE revoked_at END,
			code_used_at = coalesce(code_used_at, $2) WHERE id = $1`, id, now)
		return err
	})
	return was, err
}

// lasting is in the text of a request that asked for something which UserInfo or introspection tell: the names of those members end so.
const lasting = `_userinfo":`

// AuthorizationNow returns an authorization with its user's present state and claims, and whether the access token jti was
// revoked by itself. One statement; UserInfo and introspection need nothing else.
func (s *Store) AuthorizationNow(ctx context.Context, id, jti string) (v *AuthorizationUser, revoked bool, err error) {
	a := &idp.Authorization{ID: id}
	var scopes, audience, request, state, claims string
	v = &AuthorizationUser{Authorization: a}
	err = s.db.QueryRow(ctx, `SELECT a.client_id, a.user_id, a.session_id, a.scopes, a.audience, a.request, a.auth_time, a.revoked_at, coalesce(u.state, ''), coalesce(u.claims, '{}'),
			EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $2)
		FROM authorizations a LEFT JOIN users u ON u.id = a.user_id WHERE a.id = $1`, id, jti).
		Scan(&a.ClientID, &a.UserID, &a.SessionID, &scopes, &audience, &request, &a.AuthTime, &a.RevokedAt, &state, &claims, &revoked)
	if err != nil {
		return nil, false, err
	}
	a.Scopes, a.Audience, v.UserState = split(scopes), split(audience), idp.UserState(state)
	if strings.Contains(request, lasting) || strings.Contains(request, `"details":`) { // most requests say nothing that is asked about later
		if err := fromJSON(request, &a.Request); err != nil {
			return nil, false, err
		}
	}
	return v, revoked, s.claims.decode(claims, &v.Claims)
}

// RevokeAuthorization kills a family, if it is the client's; idp.ErrNotFound if it is not, or is dead already.
func (s *Store) RevokeAuthorization(ctx context.Context, id, clientID string, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $3 WHERE id = $1 AND client_id || '' = $2 AND revoked_at IS NULL`, id, clientID, now)
	return changedOne(n, err, idp.ErrNotFound)
}

// RevokeClient revokes every authorization of a client and forgets what people allowed it.
func (s *Store) RevokeClient(ctx context.Context, clientID string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.db.Exec(ctx, `DELETE FROM grants WHERE client_id = $1`, clientID); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, `DELETE FROM pending_authorizations WHERE client_id = $1`, clientID); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL`, clientID, now)
		return err
	})
}
