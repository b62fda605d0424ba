package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

// NewUser is an account to be made. It needs an address or a username; the zero State is active.
type NewUser struct {
	Sub string // by which applications know them from another provider; empty: a new one

	Email         string
	EmailVerified bool
	Username      string

	Password string // judged by the policy and hashed
	// PasswordHash is a hash from elsewhere, in place of Password, under the name of its scheme (secret.Scheme). Without a
	// scheme it is secret.SchemeImported.
	PasswordHash   string
	PasswordScheme string

	Profile idp.Profile
	Roles   []string
	State   idp.UserState
}

// user returns the account as it would be stored, or all that is wrong with it.
func (n NewUser) user(at time.Time) (*idp.User, error) {
	u := &idp.User{ID: n.Sub, State: n.State, EmailVerified: n.EmailVerified, Profile: n.Profile, CreatedAt: at, UpdatedAt: at}
	if u.State == "" {
		u.State = idp.UserActive
	}
	if n.Sub == "" {
		u.ID = idp.NewID()
	}
	faults := []error{checkSub(u.ID), setEmail(u, n.Email), setUsername(u, n.Username), setRoles(u, n.Roles), checkProfile(n.Profile), checkState(u.State)}
	if n.Email == "" && n.Username == "" {
		faults = append(faults, idp.Invalidf("email", "The user has neither an e-mail address nor a username. Give at least one: nothing else finds them."))
	}
	if n.EmailVerified && n.Email == "" {
		faults = append(faults, idp.Invalidf("email_verified", "There is no e-mail address that could be verified. Give one, or leave the mark out."))
	}
	if n.Password != "" && n.PasswordHash != "" {
		faults = append(faults, idp.Invalidf("password", "There is a password and a password hash. Give one of them."))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return u, nil
}

// Create makes an account. Its errors are one or several joined *idp.Error of kind Invalid, each with its Field, or a
// Conflict that names the identifier that is taken.
func (s *Service) Create(ctx context.Context, n NewUser) (*idp.User, error) {
	u, c, err := s.prepare(ctx, n)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		return s.insert(ctx, u, c, audit.Event{Type: audit.UserCreated})
	})
	if err != nil {
		return nil, fmt.Errorf("create a user: %w", s.takenNew(ctx, u, err))
	}
	return u, nil
}

// prepare validates and hashes, outside any transaction: a hash takes longer than all statements together.
func (s *Service) prepare(ctx context.Context, n NewUser) (*idp.User, *idp.Credential, error) {
	u, err := n.user(now())
	if err != nil {
		return nil, nil, err
	}
	switch {
	case n.Password != "":
		hash, err := s.newHash(ctx, u, n.Password)
		if err != nil {
			return nil, nil, err
		}
		return u, credential(u, secret.SchemeOwn, hash), nil
	case n.PasswordHash != "":
		scheme := importScheme(n.PasswordScheme)
		if err := secret.CheckImport(scheme, n.PasswordHash); err != nil {
			return nil, nil, err
		}
		return u, credential(u, scheme, n.PasswordHash), nil
	case n.PasswordScheme != "":
		return nil, nil, idp.Invalidf("password_hash", "There is a password scheme but no password hash. Give both, or neither.")
	}
	return u, nil, nil
}

// importScheme never says "our own": a hash that was brought along is verified as it may have been made, and replaced at the
// first good sign-in.
func importScheme(name string) secret.Scheme {
	if name == "" {
		return secret.SchemeImported
	}
	return secret.Scheme(name)
}

func credential(u *idp.User, scheme secret.Scheme, hash string) *idp.Credential {
	return &idp.Credential{
		ID: idp.NewID(), UserID: u.ID, Kind: idp.CredentialPassword, Scheme: string(scheme), Secret: hash,
		CreatedAt: u.UpdatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// insert writes a user, their password if they have one, and the event, in the caller's transaction.
func (s *Service) insert(ctx context.Context, u *idp.User, c *idp.Credential, e audit.Event) error {
	if err := s.Store.CreateUser(ctx, u); err != nil {
		return err
	}
	if c != nil {
		if err := s.Store.PutPassword(ctx, c); err != nil {
			return err
		}
	}
	e.UserID = u.ID
	return s.Audit.Write(ctx, e)
}
