package account

import (
	"context"
	"fmt"

	"idp/internal/audit"
	"idp/internal/idp"
)

// Disable refuses a user everywhere at once: no way of signing in works, every session ends, every token stops (PS-24, FL-2).
func (s *Service) Disable(ctx context.Context, id string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.SetUserState(ctx, id, idp.UserDisabled, now()); err != nil {
			return err
		}
		if err := s.Store.DropOnceTokens(ctx, purposeRecovery, id); err != nil {
			return err
		}
		if err := s.endSessions(ctx, id, ""); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.UserDisabled, UserID: id})
	})
	if err != nil {
		return fmt.Errorf("disable user %s: %w", id, err)
	}
	return nil
}

// Enable lets a disabled or pending user sign in again. What ended when they were disabled stays ended.
func (s *Service) Enable(ctx context.Context, id string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.SetUserState(ctx, id, idp.UserActive, now()); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.UserEnabled, UserID: id})
	})
	if err != nil {
		return fmt.Errorf("enable user %s: %w", id, err)
	}
	return nil
}

// Delete removes a user and all that is theirs; only the audit events stay. Their sub is never given to anybody else (FL-3).
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		// Before the row goes, so that whoever must hear of ended sessions does.
		if err := s.endSessions(ctx, id, ""); err != nil {
			return err
		}
		if err := s.Store.DropOnceTokens(ctx, purposeRecovery, id); err != nil {
			return err
		}
		if err := s.Store.DeleteUser(ctx, id); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.UserDeleted, UserID: id})
	})
	if err != nil {
		return fmt.Errorf("delete user %s: %w", id, err)
	}
	return nil
}
