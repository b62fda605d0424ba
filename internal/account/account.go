package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
)

// Config names what the use cases need.
type Config struct {
	Store    *store.Store
	Keyring  *secret.Keyring
	Hasher   *secret.Hasher
	Policy   secret.Policy
	Breached *secret.Breached // nil: new passwords are not compared with known breaches
	Audit    *audit.Log
	Sessions *session.Manager
	Logger   *slog.Logger
	Brand    string // the service's name, which makes a poor password
	// Registration is what people may do for themselves; the zero value is nothing.
	Registration Registration
}

// Service is the use cases. Safe for concurrent use.
type Service struct{ Config }

// New returns the use cases.
func New(c Config) *Service { return &Service{c} }

// Codes of the errors that callers tell apart.
const (
	CodeAddressTaken  = "address_taken"
	CodeUsernameTaken = "username_taken"
	CodeSubjectTaken  = "sub_taken"
)

// now is the time as both databases keep it, so that what is returned equals what is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// taken turns a conflict into a sentence that names which identifier another account has.
func (s *Service) taken(ctx context.Context, u *idp.User, err error) error {
	if !errors.Is(err, idp.ErrConflict) {
		return err
	}
	if _, refusal, lookup := s.owner(ctx, u); lookup == nil && refusal != nil {
		refusal.Err = err
		return refusal
	}
	return err
}

// takenNew is taken for an account that is not there yet, so that its sub may be the reason.
func (s *Service) takenNew(ctx context.Context, u *idp.User, err error) error {
	var refusal *idp.Error
	if err = s.taken(ctx, u, err); !errors.Is(err, idp.ErrConflict) || errors.As(err, &refusal) && refusal.Field != "" {
		return err
	}
	message := "An application has this sub for its client_id, so its tokens would look like the person's. Give the application another id."
	if _, lookup := s.Store.UserBySubOrIdentifier(ctx, u.ID, idp.CanonicalIdentifier(u.ID)); lookup == nil {
		message = "The sub is another account's, or its e-mail address or username, so it would mean two people. Change one of them."
	}
	return &idp.Error{Kind: idp.Conflict, Code: CodeSubjectTaken, Field: "sub", Message: message, Err: err}
}

// owner returns who else has one of u's identifiers, with the sentence that says which; both nil if nobody has.
func (s *Service) owner(ctx context.Context, u *idp.User) (*idp.User, *idp.Error, error) {
	name, _ := idp.CanonicalUsername(u.Username)
	address := idp.Error{
		Kind: idp.Conflict, Code: CodeAddressTaken, Field: "email",
		Message: "Another account has this e-mail address. Use another address, or change that account.",
	}
	username := idp.Error{
		Kind: idp.Conflict, Code: CodeUsernameTaken, Field: "username",
		Message: "Another account has this username, perhaps in another spelling, or is known to applications by it. Choose another one.",
	}
	for _, one := range []struct {
		sub, value string
		refusal    idp.Error
	}{{u.Email, u.Email, address}, {name, name, username}, {u.Username, name, username}} {
		if one.value == "" {
			continue
		}
		other, err := s.Store.UserBySubOrIdentifier(ctx, one.sub, one.value)
		switch {
		case err == nil && other.ID != u.ID:
			return other, &one.refusal, nil
		case err != nil && !errors.Is(err, idp.ErrNotFound):
			return nil, nil, err
		}
	}
	return nil, nil, nil
}

// endSessions signs a user out everywhere but in the session keep, and stops the tokens that followed from the others (FL-15).
func (s *Service) endSessions(ctx context.Context, userID, keep string) error {
	if _, err := s.Sessions.EndAllOf(ctx, userID, keep); err != nil {
		return fmt.Errorf("end the sessions of user %s: %w", userID, err)
	}
	return nil
}
