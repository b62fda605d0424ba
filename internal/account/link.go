package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/upstream"
)

// Pending is an upstream identity that waits for proof of the local account. It is kept sealed, so that nobody who can write to the
// database can make one.
type Pending struct {
	UserID     string    `json:"user"` // whose account must be proved
	ProviderID string    `json:"provider"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Email      string    `json:"email,omitempty"`
	Contexts   []string  `json:"contexts,omitempty"` // that the upstream vouched for
	Expires    time.Time `json:"expires"`
}

// pendingLife is a little more than an interaction's.
const pendingLife = 15 * time.Minute

func (s *Service) seal(p *idp.Provider, c upstream.Claims, userID string) (string, error) {
	text, err := json.Marshal(Pending{
		UserID: userID, ProviderID: p.ID, Issuer: c.Issuer, Subject: c.Subject, Email: c.Email, Contexts: p.Vouched(c.ACR, c.AMR), Expires: now().Add(pendingLife),
	})
	if err != nil {
		return "", fmt.Errorf("encode a pending identity: %w", err)
	}
	return s.Keyring.Seal(text, pendingBinding(userID))
}

// pendingBinding ties the sealed text to the account: one that was copied to an interaction about another account does not open.
func pendingBinding(userID string) secret.Binding {
	return secret.Binding{Table: "interactions", Column: "pending_identity", Row: userID}
}

// Pending reads what SignInUpstream sealed for an account, or returns an *idp.Error of kind Gone.
func (s *Service) Pending(userID, pending string) (Pending, error) {
	var p Pending
	text, err := s.Keyring.Open(pending, pendingBinding(userID))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err == nil && (p.UserID != userID || !time.Now().Before(p.Expires)) {
		err = errors.New("it is another account's, or has expired")
	}
	if err != nil {
		return Pending{}, &idp.Error{
			Kind: idp.Gone, Code: CodePendingGone, Err: fmt.Errorf("open a pending identity: %w", err),
			Message: "The sign-in that was to be linked is over. Begin again from the application.",
		}
	}
	return p, nil
}

// LinkIdentity links a pending upstream identity to the account that was just proved, by auth.Password.ProveUser or by a fresh sign-in
// with an identity it has already. If the upstream account is somebody else's already, nothing moves (FD-15, PS-6). What together
// names must hold in the same transaction, such as auth.Proof.Stands.
func (s *Service) LinkIdentity(ctx context.Context, userID, pending string, together ...func(context.Context) error) error {
	p, err := s.Pending(userID, pending)
	if err != nil {
		return err
	}
	var refusal *idp.Error
	for range attempts {
		err = s.Store.InTx(ctx, func(ctx context.Context) (err error) {
			for _, holds := range together {
				if err := holds(ctx); err != nil {
					return err
				}
			}
			refusal, err = s.linkProved(ctx, p)
			return err
		})
		if !errors.Is(err, idp.ErrConflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("link user %s with %s: %w", userID, p.ProviderID, err)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// linkProved is one try; a refusal is recorded and committed.
func (s *Service) linkProved(ctx context.Context, p Pending) (*idp.Error, error) {
	refuse := func(cause string, refusal *idp.Error) (*idp.Error, error) {
		return refusal, s.Audit.Write(ctx, audit.Event{
			Type: audit.IdentityRefused, UserID: p.UserID, Details: map[string]string{"provider": p.ProviderID, "cause": cause},
		})
	}
	u, err := s.Store.LockUser(ctx, p.UserID)
	if errors.Is(err, idp.ErrNotFound) || err == nil && u.State != idp.UserActive {
		return refuse("not_active", auth.Refused(err))
	}
	if err != nil {
		return nil, err
	}
	identity, err := s.Store.IdentityBySubject(ctx, p.Issuer, p.Subject)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return nil, s.link(ctx, p.ProviderID, upstream.Claims{Issuer: p.Issuer, Subject: p.Subject, Email: p.Email}, u.ID, "proved")
	case err != nil:
		return nil, err
	case identity.UserID != u.ID:
		return refuse("linked_to_another_user", &idp.Error{
			Kind: idp.Conflict, Code: CodeIdentityTaken,
			Message: "This account at the other service is linked to another account here. Sign in with it, or unlink it there first.",
		})
	}
	return nil, s.Store.TouchIdentity(ctx, identity.ID, p.Email, now())
}

// link inserts the link and its event, in the caller's transaction; idp.ErrConflict if another was first.
func (s *Service) link(ctx context.Context, providerID string, c upstream.Claims, userID, cause string) error {
	at := now()
	err := s.Store.CreateIdentity(ctx, &idp.Identity{
		ID: idp.NewID(), UserID: userID, ProviderID: providerID, Issuer: c.Issuer, Subject: c.Subject, Email: c.Email, CreatedAt: at, LastUsedAt: at,
	})
	if err != nil {
		return err
	}
	return s.Audit.Write(ctx, audit.Event{Type: audit.IdentityLinked, UserID: userID, Details: map[string]string{"provider": providerID, "cause": cause}})
}

// UnlinkIdentity removes a link, unless it is the last way in: then the user would be shut out for good.
func (s *Service) UnlinkIdentity(ctx context.Context, userID, identityID string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.Store.LockUser(ctx, userID); err != nil { // two tabs must not each remove "one of two"
			return err
		}
		login, err := s.Store.PasswordOf(ctx, userID)
		if err != nil {
			return err
		}
		identities, err := s.Store.IdentitiesOf(ctx, userID)
		if err != nil {
			return err
		}
		if login.Credential == nil && len(identities) == 1 && identities[0].ID == identityID {
			return &idp.Error{
				Kind: idp.Conflict, Code: CodeLastWayIn,
				Message: "This is the only way to sign in to the account. Set a password or link another account first.",
			}
		}
		if err := s.Store.DeleteIdentity(ctx, userID, identityID); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.IdentityUnlinked, UserID: userID, Details: map[string]string{"identity": identityID}})
	})
	if err != nil {
		return fmt.Errorf("unlink identity %s of user %s: %w", identityID, userID, err)
	}
	return nil
}
