package account

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/idp"
	"idp/internal/store"
)

// existing returns the account that has one of u's identifiers, or the sub if one is given, with its password, or nil. If two accounts have one
// each, it is a Conflict: no change to either could make it u.
func (s *Service) existing(ctx context.Context, u *idp.User, sub string) (*store.PasswordLogin, error) {
	var found *store.PasswordLogin
	if sub != "" {
		login, err := s.Store.PasswordOf(ctx, sub)
		switch {
		case err == nil:
			found = login
		case !errors.Is(err, idp.ErrNotFound):
			return nil, fmt.Errorf("look for a user: %w", err)
		}
	}
	for _, id := range identifiers(u) {
		login, err := s.Store.PasswordLogin(ctx, id)
		if errors.Is(err, idp.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for a user: %w", err)
		}
		if found != nil && found.User.ID != login.User.ID {
			return nil, &idp.Error{
				Kind: idp.Conflict, Code: CodeUsernameTaken, Field: "username",
				Message: "The e-mail address, the username and the sub are not all one account's. Change one of them.",
			}
		}
		found = login
	}
	return found, nil
}
