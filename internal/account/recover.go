package account

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
)

// Recover returns a one-time token with which a user who lost access sets a new password, in place of any older one. The operator
// hands it over by a way he trusts. The old password goes on working until the token is used.
func (s *Service) Recover(ctx context.Context, userID string) (string, error) {
	var token string
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		u, err := s.Store.LockUser(ctx, userID)
		if err != nil {
			return err
		}
		if u.State != idp.UserActive {
			return &idp.Error{
				Kind: idp.Conflict, Code: "user_not_active", Message: "The user is not active, so a new password would not let them in. Enable the user first.",
			}
		}
		if token, err = s.issue(ctx, purposeRecovery, u.ID, recoveryLife); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.AdminRecovered, UserID: u.ID})
	})
	if err != nil {
		return "", fmt.Errorf("recover user %s: %w", userID, err)
	}
	return token, nil
}

// RedeemRecovery sets a new password with a token from Recover, ends every session, and returns the user, whom the caller may
// sign in: they proved no more and no less than with a link by mail. A password that the policy refuses leaves the token unspent.
func (s *Service) RedeemRecovery(ctx context.Context, token, password string) (*idp.User, error) {
	digest, err := s.readToken(token)
	if err != nil {
		return nil, err
	}
	subject, err := s.Store.OnceTokenSubject(ctx, digest, purposeRecovery, now())
	if errors.Is(err, idp.ErrNotFound) {
		return nil, errTokenGone()
	}
	if err != nil {
		return nil, fmt.Errorf("read a recovery token: %w", err)
	}
	u, err := s.Store.User(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("recover user %s: %w", subject, err)
	}
	hash, err := s.newHash(ctx, u, password)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.Store.TakeOnceToken(ctx, digest, purposeRecovery, now()); err != nil {
			if errors.Is(err, idp.ErrNotFound) {
				return errTokenGone()
			}
			return err
		}
		if u, err = s.Store.LockUser(ctx, subject); err != nil {
			return err
		}
		if u.State != idp.UserActive { // SEC-3: disabled since the token was made
			return auth.Refused(nil)
		}
		return s.putPassword(ctx, u.ID, hash, "", "recovery")
	})
	if err != nil {
		return nil, fmt.Errorf("recover user %s: %w", subject, err)
	}
	return u, nil
}
