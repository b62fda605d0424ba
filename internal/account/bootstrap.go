package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

const (
	purposeBootstrap = "bootstrap"
	purposeRecovery  = "recovery"

	bootstrapSubject = "first administrator"
	bootstrapLife    = 24 * time.Hour
	recoveryLife     = time.Hour
)

// CodeTokenGone is the code of a one-time token that is unknown, used or expired.
const CodeTokenGone = "token_gone"

// NeedsBootstrap reports whether nobody can administer this server.
func (s *Service) NeedsBootstrap(ctx context.Context) (bool, error) {
	found, err := s.Store.AnyActiveWithRole(ctx, idp.RoleAdmin)
	if err != nil {
		return false, fmt.Errorf("look for an administrator: %w", err)
	}
	return !found, nil
}

// stillNeeded refuses where there is an administrator.
func (s *Service) stillNeeded(ctx context.Context) error {
	if needed, err := s.NeedsBootstrap(ctx); err != nil || needed {
		return err
	}
	return &idp.Error{Kind: idp.Conflict, Code: "already_bootstrapped", Message: "There is an administrator already. Use \"idp admin recover\" if access was lost."}
}

// IssueBootstrapToken returns a new one-time token for making the first administrator, in place of any older one. There is no open
// page for that: whoever came first would own the server. The caller writes it to a file that only the operator can read.
func (s *Service) IssueBootstrapToken(ctx context.Context) (string, error) {
	if err := s.stillNeeded(ctx); err != nil {
		return "", err
	}
	return s.issue(ctx, purposeBootstrap, bootstrapSubject, bootstrapLife)
}

// BootstrapAdmin makes the first administrator for whoever has the token. The token is spent only if that succeeds, in the same
// transaction; it is of no use once there is an administrator.
func (s *Service) BootstrapAdmin(ctx context.Context, token string, n NewUser) (*idp.User, error) {
	digest, err := s.readToken(token) // first: without a token of ours nobody gets to make this server hash
	if err != nil {
		return nil, err
	}
	n.State = idp.UserActive
	u, err := s.makeAdmin(ctx, n, func(ctx context.Context) error {
		_, err := s.Store.TakeOnceToken(ctx, digest, purposeBootstrap, now())
		if errors.Is(err, idp.ErrNotFound) {
			return errTokenGone()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the first administrator: %w", err)
	}
	return u, nil
}

// EnsureAdmin makes the first administrator without a person, from the configuration. proof is a password or a password hash
// that begins with $. It does nothing, and returns nil, if there is an administrator.
func (s *Service) EnsureAdmin(ctx context.Context, email, proof string) (*idp.User, error) {
	needed, err := s.NeedsBootstrap(ctx)
	if err != nil || !needed {
		return nil, err
	}
	n := NewUser{Email: email, EmailVerified: true, Password: proof}
	if strings.HasPrefix(proof, "$") && secret.CheckImport(secret.SchemeImported, proof) == nil {
		n.Password, n.PasswordHash = "", proof
	}
	u, err := s.makeAdmin(ctx, n, func(context.Context) error { return nil })
	var refusal *idp.Error
	if errors.As(err, &refusal) && refusal.Kind == idp.Conflict {
		// Replicas start together: another may have been first.
		if needed, again := s.NeedsBootstrap(ctx); again == nil && !needed {
			return nil, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make the first administrator: %w", err)
	}
	return u, nil
}

// makeAdmin creates an administrator if there is none, and if allowed agrees inside the transaction.
func (s *Service) makeAdmin(ctx context.Context, n NewUser, allowed func(ctx context.Context) error) (*idp.User, error) {
	if n.Password == "" && n.PasswordHash == "" {
		return nil, idp.Invalidf("password", "The first administrator needs a password. Choose one.")
	}
	n.Roles = append(slices.Clone(n.Roles), idp.RoleAdmin)
	u, c, err := s.prepare(ctx, n)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := allowed(ctx); err != nil {
			return err
		}
		if err := s.stillNeeded(ctx); err != nil {
			return err
		}
		if err := s.insert(ctx, u, c, audit.Event{Type: audit.UserCreated, ActorKind: audit.ActorSystem}); err != nil {
			return err
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.AdminBootstrapped, UserID: u.ID, ActorKind: audit.ActorSystem})
	})
	if err != nil {
		return nil, s.taken(ctx, u, err)
	}
	return u, nil
}

// issue makes a one-time token; only its digest is kept.
func (s *Service) issue(ctx context.Context, purpose, subject string, life time.Duration) (string, error) {
	t := s.Keyring.NewToken(secret.TokenOnce, idp.NewID())
	at := now()
	if err := s.Store.PutOnceToken(ctx, t.Digest, purpose, subject, at.Add(life), at); err != nil {
		return "", fmt.Errorf("issue a %s token: %w", purpose, err)
	}
	return t.Text, nil
}

// readToken checks the form and the MAC, in constant time, and returns what the token is kept under.
func (s *Service) readToken(text string) (digest []byte, err error) {
	t, ok := s.Keyring.ParseToken(secret.TokenOnce, strings.TrimSpace(text))
	if !ok {
		return nil, errTokenGone()
	}
	return t.Digest, nil
}

func errTokenGone() error {
	return &idp.Error{
		Kind: idp.Gone, Code: CodeTokenGone,
		Message: "The token is not valid: it was used, it has expired, a newer one was made, or it was not copied whole. Have a new one made.",
	}
}
