package account

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/idp"
	"idp/internal/store"
)

// existing returns the account that has one of u's identifiers, with its password, or nil. If two accounts have one each, it is a
// Conflict: no change to either could make it u.
func (s *Service) existing(ctx context.Context, u *idp.User) (*store.PasswordLogin, error) {
	var found *store.PasswordLogin
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
				Message: "The e-mail address is one account's and the username is another's. Change one of them.",
			}
		}
		found = login
	}
	return found, nil
}
