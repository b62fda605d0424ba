package auth

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/idp"
	"idp/internal/store"
)

// Proof is somebody whose password was right a moment ago. Judging it took as long as a hash does, and perhaps a wait in the queue:
// time enough for the password to be changed, or the account to be disabled, and for every session to be ended.
type Proof struct {
	User *idp.User

	store  *store.Store
	secret string // the hash that the password was compared with, or the one that has taken its place
}

// ErrChanged says that the password, or the user's state, is no longer what was judged. Judge again.
var ErrChanged = errors.New("the password or the account changed while the password was judged")

// Stands returns nil if the proof is as good as when it was made. It is called in the transaction that makes a session or a link of
// it, and keeps the user's row until that ends: whoever changes the password either is seen here, or ends what was made
// (FL-15, SEC-11). Without it, someone who signs in without pause with a password that leaked would outlive its change.
func (p *Proof) Stands(ctx context.Context) error {
	u, err := p.store.LockUser(ctx, p.User.ID)
	if errors.Is(err, idp.ErrNotFound) || err == nil && u.State != idp.UserActive {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("look at user %s again: %w", p.User.ID, err)
	}
	now, err := p.store.PasswordOf(ctx, p.User.ID)
	if err != nil {
		return fmt.Errorf("look at the password of user %s again: %w", p.User.ID, err)
	}
	if now.Credential == nil || now.Credential.Secret != p.secret {
		return ErrChanged
	}
	return nil
}
