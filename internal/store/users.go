package store

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const userCols = `id, state, claims, created_at, updated_at`

func scanUser(r sqldb.Row) (*idp.User, error) {
	var u idp.User
	var state, claims string
	if err := r.Scan(&u.ID, &state, &claims, &u.CreatedAt, &u.UpdatedAt); err != nil {
		return nil, err
	}
	return &u, decodeUser(&u, state, claims)
}

// decodeUser fills in what the state and claims columns hold.
func decodeUser(u *idp.User, state, claims string) error {
	var c idp.UserClaims
	if err := fromJSON(claims, &c); err != nil {
		return err
	}
	u.State = idp.UserState(state)
	u.Username, u.Email, u.EmailVerified, u.Roles, u.Profile = c.Username, c.Email, c.EmailVerified, c.Roles, c.Profile
	return nil
}

// CreateUser inserts a user and the identifiers that find them. idp.ErrConflict says that one of these is taken, or the id: also by a client, whose own
// access tokens have its id as their sub (RFC 9700 §4.15.1), or as the name of another user.
func (s *Store) CreateUser(ctx context.Context, u *idp.User) error {
	claims, err := u.ClaimsDocument()
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `INSERT INTO users (id, state, username, email, email_verified, claims, created_at, updated_at)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8
			WHERE NOT EXISTS (SELECT 1 FROM clients WHERE id = $1) AND NOT EXISTS (SELECT 1 FROM identifiers WHERE value = $9)`,
			u.ID, string(u.State), u.Username, u.Email, u.EmailVerified, claims, u.CreatedAt, u.UpdatedAt, idp.CanonicalIdentifier(u.ID))
		if err := changedOne(n, err, idp.ErrConflict); err != nil {
			return err
		}
		return s.putIdentifiers(ctx, u)
	})
}

// UpdateUser writes all of u but its id and creation time, and makes its identifiers those it has now. Its UpdatedAt is the new
// time of change. idp.ErrConflict says that an identifier is taken.
func (s *Store) UpdateUser(ctx context.Context, u *idp.User) error {
	claims, err := u.ClaimsDocument()
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, `UPDATE users SET state = $2, username = $3, email = $4, email_verified = $5, claims = $6, updated_at = $7
			WHERE id = $1`, u.ID, string(u.State), u.Username, u.Email, u.EmailVerified, claims, u.UpdatedAt)
		if err := changedOne(n, err, idp.ErrNotFound); err != nil {
			return err
		}
		for _, clear := range []string{`DELETE FROM identifiers WHERE user_id = $1`, `DELETE FROM user_roles WHERE user_id = $1`} {
			if _, err := s.db.Exec(ctx, clear, u.ID); err != nil {
				return err
			}
		}
		return s.putIdentifiers(ctx, u)
	})
}

// putIdentifiers inserts what finds the user, and their roles. What is another user's id finds nobody else.
func (s *Store) putIdentifiers(ctx context.Context, u *idp.User) error {
	for _, role := range u.Roles {
		if _, err := s.db.Exec(ctx, `INSERT INTO user_roles (role, user_id) VALUES ($1, $2)
			ON CONFLICT (role, user_id) DO NOTHING`, role, u.ID); err != nil {
			return err
		}
	}
	put := func(kind, value string) error {
		// Two look-ups, not IN: that PostgreSQL plans as a scan while the table is small, and an import goes on with that plan as it grows.
		n, err := s.db.Exec(ctx, `INSERT INTO identifiers (value, kind, user_id) SELECT $1, $2, $3
			WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1 AND id <> $3) AND NOT EXISTS (SELECT 1 FROM users WHERE id = $4 AND id <> $3)`, value, kind, u.ID, u.Username)
		return changedOne(n, err, idp.ErrConflict)
	}
	if u.Email != "" {
		if err := put("email", u.Email); err != nil {
			return err
		}
	}
	if u.Username != "" {
		name, ok := idp.CanonicalUsername(u.Username)
		if !ok {
			return fmt.Errorf("store user %s: username is not canonical", u.ID)
		}
		return put("username", name)
	}
	return nil
}

// User returns the user with an id.
func (s *Store) User(ctx context.Context, id string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `SELECT `+userCols+` FROM users WHERE id = $1`, id))
}

// LockUser returns a user and, inside a transaction, keeps everybody else from changing the row until it ends: what is read
// here, changed and written by UpdateUser cannot undo another's change.
func (s *Store) LockUser(ctx context.Context, id string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING `+userCols, id))
}

// UserByIdentifier returns the user whose canonical address or username this is.
func (s *Store) UserByIdentifier(ctx context.Context, canonical string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `SELECT `+userCols+` FROM users
		WHERE id = (SELECT user_id FROM identifiers WHERE value = $1)`, canonical))
}

// UserBySubOrIdentifier returns the user whose id sub is, or else the one whose canonical address or username this is.
func (s *Store) UserBySubOrIdentifier(ctx context.Context, sub, canonical string) (*idp.User, error) {
	return scanUser(s.db.QueryRow(ctx, `SELECT `+userCols+` FROM users
		WHERE id = coalesce((SELECT id FROM users WHERE id = $1), (SELECT user_id FROM identifiers WHERE value = $2))`, sub, canonical))
}

// Users lists users by id.
func (s *Store) Users(ctx context.Context, p Page) ([]*idp.User, error) {
	rows, err := s.db.Query(ctx, `SELECT `+userCols+` FROM users WHERE id > $1 ORDER BY id LIMIT $2`, p.After, p.limit())
	return collect(rows, err, scanUser)
}

// NamedUser is a user with the address or username that found them.
type NamedUser struct {
	Name string
	*idp.User
}

// UsersNamed lists users whose canonical address or username begins so, by that; each once, by the address if both do. p.After is a name.
func (s *Store) UsersNamed(ctx context.Context, prefix string, p Page) ([]*NamedUser, error) {
	end := prefix + string(utf8.MaxRune)
	rows, err := s.db.Query(ctx, `SELECT i.value, u.id, u.state, u.claims, u.created_at, u.updated_at FROM identifiers i JOIN users u ON u.id = i.user_id
		WHERE i.value >= $1 AND i.value < $2 AND i.value > $3
			AND (i.kind = 'email' OR NOT EXISTS (SELECT 1 FROM identifiers e WHERE e.user_id = i.user_id AND e.kind = 'email' AND e.value >= $1 AND e.value < $2))
		ORDER BY i.value LIMIT $4`, prefix, end, p.After, p.limit())
	return collect(rows, err, func(r sqldb.Row) (*NamedUser, error) {
		v := NamedUser{User: &idp.User{}}
		var state, claims string
		if err := r.Scan(&v.Name, &v.ID, &state, &claims, &v.CreatedAt, &v.UpdatedAt); err != nil {
			return nil, err
		}
		return &v, decodeUser(v.User, state, claims)
	})
}

// DeleteUser removes a user and, by cascade, all that is theirs. Their sub is never given to anybody else.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	n, err := s.db.Exec(ctx, `DELETE FROM users WHERE id = $1`, id)
	return changedOne(n, err, idp.ErrNotFound)
}

// AnyActiveWithRole reports whether some active user has the role.
func (s *Store) AnyActiveWithRole(ctx context.Context, role string) (bool, error) {
	var found bool
	err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role = $1 AND u.state = 'active')`, role).Scan(&found)
	return found, err
}

// SetUserState changes only the state, so that it cannot undo a change of the rest.
func (s *Store) SetUserState(ctx context.Context, id string, state idp.UserState, now time.Time) error {
	n, err := s.db.Exec(ctx, `UPDATE users SET state = $2, updated_at = $3 WHERE id = $1`, id, string(state), now)
	return changedOne(n, err, idp.ErrNotFound)
}
