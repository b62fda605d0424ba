package account

import (
	"context"
	"fmt"
	"log/slog"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

// newHash judges a new password and hashes it (FS-23 to FS-26).
func (s *Service) newHash(ctx context.Context, u *idp.User, password string) (string, error) {
	if err := s.judge(u, password); err != nil {
		return "", err
	}
	return s.hashNew(ctx, password)
}

// judge says why the policy refuses a user's new password, or nil.
func (s *Service) judge(u *idp.User, password string) error {
	return s.Policy.Check(password, ownStrings(u, s.Brand)...)
}

// hashNew hashes a new password that the policy has accepted, unless it is known from a breach.
func (s *Service) hashNew(ctx context.Context, password string) (string, error) {
	if s.Breached != nil {
		unchecked, err := s.Breached.Check(ctx, password)
		if err != nil {
			return "", err
		}
		if unchecked != nil {
			s.Logger.WarnContext(ctx, "a new password was not compared with known breaches", slog.Any("error", unchecked))
		}
	}
	return s.Hasher.Hash(ctx, password)
}

// ownStrings are what others know of a user, and so make a poor password (FS-24).
func ownStrings(u *idp.User, brand string) []string {
	p := u.Profile
	return []string{u.Email, u.Username, p.Name, p.GivenName, p.FamilyName, p.MiddleName, p.Nickname, p.PhoneNumber, p.Birthdate, brand}
}

// SetPassword gives a user a new password and ends their other sessions, with all tokens that followed (FL-15). keepSession
// is the session that asks, or empty.
func (s *Service) SetPassword(ctx context.Context, id, password, keepSession string) error {
	u, err := s.Store.User(ctx, id)
	if err != nil {
		return fmt.Errorf("set the password of user %s: %w", id, err)
	}
	hash, err := s.newHash(ctx, u, password)
	if err != nil {
		return err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error { return s.putPassword(ctx, id, hash, keepSession, "") })
	if err != nil {
		return fmt.Errorf("set the password of user %s: %w", id, err)
	}
	return nil
}

// putPassword writes a new hash in the caller's transaction, and ends what the old password opened: sessions, tokens, and a
// link for recovery that still waits.
func (s *Service) putPassword(ctx context.Context, id, hash, keepSession, cause string) error {
	u, err := s.Store.LockUser(ctx, id)
	if err != nil {
		return err
	}
	u.UpdatedAt = now()
	if err := s.Store.PutPassword(ctx, credential(u, secret.SchemeOwn, hash)); err != nil {
		return err
	}
	if err := s.Store.DropOnceTokens(ctx, purposeRecovery, id); err != nil {
		return err
	}
	if err := s.endSessions(ctx, id, keepSession); err != nil {
		return err
	}
	e := audit.Event{Type: audit.PasswordChanged, UserID: id}
	if cause != "" {
		e.Details = map[string]string{"cause": cause}
	}
	return s.Audit.Write(ctx, e)
}
