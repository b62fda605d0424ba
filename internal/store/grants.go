package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

// scopeColumn writes sorted scopes, each with a space on both sides, so that one LIKE pattern asks for a subset
// (scopePattern).
func scopeColumn(scopes []string) string {
	var b strings.Builder
	for _, sc := range sorted(scopes) {
		b.WriteString(" " + sc + " ")
	}
	return b.String()
}

// scopePattern matches a scopeColumn that holds every one of scopes. The escape character is a backslash.
func scopePattern(scopes []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	var b strings.Builder
	b.WriteString("%")
	for _, sc := range sorted(scopes) {
		b.WriteString(" " + escape.Replace(sc) + " %")
	}
	return b.String()
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

func scanGrant(r sqldb.Row) (*idp.Grant, error) {
	var g idp.Grant
	var scopes string
	if err := r.Scan(&g.UserID, &g.ClientID, &scopes, &g.CreatedAt, &g.UpdatedAt); err != nil {
		return nil, err
	}
	g.Scopes = split(scopes)
	return &g, nil
}

// Grant returns what a user allowed a client.
func (s *Store) Grant(ctx context.Context, userID, clientID string) (*idp.Grant, error) {
	return scanGrant(s.db.QueryRow(ctx, `SELECT user_id, client_id, scopes, created_at, updated_at FROM grants
		WHERE user_id = $1 AND client_id = $2`, userID, clientID))
}

// PutGrant adds scopes to what a user allowed a client.
func (s *Store) PutGrant(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		// The first statement takes the row's lock, so that two tabs cannot lose one another's scopes.
		var had string
		err := s.db.QueryRow(ctx, `INSERT INTO grants (user_id, client_id, scopes, created_at, updated_at) VALUES ($1, $2, '', $3, $3)
			ON CONFLICT (user_id, client_id) DO UPDATE SET updated_at = excluded.updated_at RETURNING scopes`, userID, clientID, now).Scan(&had)
		if err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `UPDATE grants SET scopes = $3 WHERE user_id = $1 AND client_id = $2`,
			userID, clientID, scopeColumn(append(split(had), scopes...)))
		return err
	})
}

// GrantsOf lists what a user has allowed.
func (s *Store) GrantsOf(ctx context.Context, userID string) ([]*idp.Grant, error) {
	rows, err := s.db.Query(ctx, `SELECT user_id, client_id, scopes, created_at, updated_at FROM grants WHERE user_id = $1 ORDER BY client_id`, userID)
	return collect(rows, err, scanGrant)
}

// EmptyGrants forgets what people allowed a client, so that they are asked again. That they allowed it something stays: what it got from them then is good
// still, and theirs to take back.
func (s *Store) EmptyGrants(ctx context.Context, clientID string) error {
	_, err := s.db.Exec(ctx, `UPDATE grants SET scopes = '' WHERE client_id = $1`, clientID)
	return err
}

// RevokeGrant forgets what a user allowed a client and revokes every authorization that followed, also those of other devices (RFC 10027 §6.1.6).
func (s *Store) RevokeGrant(ctx context.Context, userID, clientID string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.db.Exec(ctx, `DELETE FROM grants WHERE user_id = $1 AND client_id = $2`, userID, clientID); err != nil {
			return err
		}
		// What was approved and not fetched yet must not outlive the consent.
		if _, err := s.db.Exec(ctx, `DELETE FROM pending_authorizations WHERE user_id = $1 AND client_id = $2`, userID, clientID); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `UPDATE authorizations SET revoked_at = $3 WHERE user_id = $1 AND client_id || '' = $2 AND revoked_at IS NULL`,
			userID, clientID, now)
		return err
	})
}
