package account

import (
	"context"
	"fmt"

	"idp/internal/audit"
)

// RevokeGrant forgets what a user allowed a client, and revokes the tokens that followed; idp.ErrNotFound if they allowed it nothing.
func (s *Service) RevokeGrant(ctx context.Context, userID, clientID string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.Store.Grant(ctx, userID, clientID); err != nil {
			return err
		}
		if err := s.Store.RevokeGrant(ctx, userID, clientID, now()); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.GrantRevoked, UserID: userID, ClientID: clientID})
	})
	if err != nil {
		return fmt.Errorf("revoke what user %s allowed client %s: %w", userID, clientID, err)
	}
	return nil
}
