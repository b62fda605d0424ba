package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"idp/internal/account"
	"idp/internal/idp"
	"idp/internal/store"
)

const tagUsers = "users"

type (
	// UserIDInput names a user.
	UserIDInput struct {
		ID string `path:"user_id" maxLength:"255"`
	}
	listUsersInput struct {
		PageInput
		Identifier string `query:"identifier" maxLength:"512" doc:"Only the user with this e-mail address or username"`
		Search     string `query:"search" maxLength:"255" doc:"Only users whose e-mail address or username begins so, in that order"`
	}
	createdUserOutput struct {
		ETag     string `header:"ETag"`
		Location string `header:"Location"`
		Body     User
	}
	patchUserInput struct {
		UserIDInput
		Conditional
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	setPasswordInput struct {
		UserIDInput
		Body NewPassword
	}
)

func (s *server) users() {
	add(s, operation{id: "list-users", method: http.MethodGet, path: "/users", summary: "List users, or find one", tag: tagUsers}, s.listUsers)
	add(s, operation{id: "create-user", method: http.MethodPost, path: "/users", summary: "Make an account", status: http.StatusCreated, tag: tagUsers},
		func(ctx context.Context, in *body[NewUser]) (*createdUserOutput, error) {
			b := in.Body
			u, err := s.Accounts.Create(ctx, account.NewUser{
				Sub: b.Sub, Email: b.Email, EmailVerified: b.EmailVerified, Username: b.Username, Password: b.Password, PasswordHash: b.PasswordHash, PasswordScheme: b.PasswordScheme,
				Profile: b.Profile, Roles: b.Roles, State: b.State,
			})
			if err != nil {
				return nil, err
			}
			return &createdUserOutput{ETag: etag(u.UpdatedAt), Location: strings.TrimSuffix(s.Issuer, "/") + Path + "/users/" + u.ID, Body: userView(u)}, nil
		})
	add(s, operation{id: "get-user", method: http.MethodGet, path: "/users/{user_id}", summary: "Show a user", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*versioned[User], error) { return s.user(ctx, in.ID) })
	add(s, operation{id: "update-user", method: http.MethodPatch, path: "/users/{user_id}", summary: "Change a user (JSON Merge Patch); a new address ends their sessions", tag: tagUsers}, s.patchUser)
	describePatch[UserData](s, "/users/{user_id}")
	add(s, operation{id: "delete-user", method: http.MethodDelete, path: "/users/{user_id}", summary: "Delete a user and all that is theirs", status: http.StatusNoContent, tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*nothing, error) {
			return &nothing{}, missing("user", in.ID, s.Accounts.Delete(ctx, in.ID))
		})
	add(s, operation{id: "disable-user", method: http.MethodPost, path: "/users/{user_id}/disable", summary: "Refuse a user everywhere, at once", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*versioned[User], error) {
			if err := s.Accounts.Disable(ctx, in.ID); err != nil {
				return nil, missing("user", in.ID, err)
			}
			return s.user(ctx, in.ID)
		})
	add(s, operation{id: "enable-user", method: http.MethodPost, path: "/users/{user_id}/enable", summary: "Let a user sign in", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*versioned[User], error) {
			if err := s.Accounts.Enable(ctx, in.ID); err != nil {
				return nil, missing("user", in.ID, err)
			}
			return s.user(ctx, in.ID)
		})
	add(s, operation{id: "set-user-password", method: http.MethodPut, path: "/users/{user_id}/password", summary: "Set a new password; it ends the user's sessions", status: http.StatusNoContent, tag: tagUsers},
		func(ctx context.Context, in *setPasswordInput) (*nothing, error) {
			return &nothing{}, missing("user", in.ID, s.Accounts.SetPassword(ctx, in.ID, in.Body.Password, ""))
		})
}

func (s *server) listUsers(ctx context.Context, in *listUsersInput) (*body[Page[User]], error) {
	if in.Identifier == "" && in.Search != "" {
		list, err := s.Store.UsersNamed(ctx, idp.CanonicalPrefix(in.Search), store.Page{After: in.After, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		return &body[Page[User]]{page(list, in.Limit, func(u *store.NamedUser) string { return u.Name }, func(u *store.NamedUser) User { return userView(u.User) })}, nil
	}
	if in.Identifier == "" {
		list, err := s.Store.Users(ctx, store.Page{After: in.After, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		return &body[Page[User]]{page(list, in.Limit, func(u *idp.User) string { return u.ID }, userView)}, nil
	}
	found := &body[Page[User]]{Page[User]{Items: []User{}}}
	value := idp.CanonicalIdentifier(in.Identifier)
	if value == "" {
		return found, nil
	}
	u, err := s.Store.UserByIdentifier(ctx, value)
	if errors.Is(err, idp.ErrNotFound) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	found.Body.Items = append(found.Body.Items, userView(u))
	return found, nil
}

func (s *server) patchUser(ctx context.Context, in *patchUserInput) (*versioned[User], error) {
	u, err := s.Accounts.UpdateFrom(ctx, in.ID, in.change)
	if err != nil {
		return nil, missing("user", in.ID, err)
	}
	return userAnswer(u), nil
}

// change is what the request changes about a user.
func (in *patchUserInput) change(u *idp.User) (c account.Change, err error) {
	if err := in.unless("user", u.UpdatedAt); err != nil {
		return c, err
	}
	var next UserData
	if err := mergePatch(userData(u), in.RawBody, &next); err != nil {
		return c, err
	}
	named := names(in.RawBody)
	if _, ok := named["email"]; ok {
		c.Email = &next.Email
	}
	if _, ok := named["email_verified"]; ok {
		c.EmailVerified = &next.EmailVerified
	}
	if _, ok := named["username"]; ok {
		c.Username = &next.Username
	}
	if _, ok := named["profile"]; ok {
		c.Profile = &next.Profile
	}
	if _, ok := named["roles"]; ok {
		c.Roles = &next.Roles
	}
	return c, nil
}

// user answers with a user as they are now.
func (s *server) user(ctx context.Context, id string) (*versioned[User], error) {
	u, err := s.Store.User(ctx, id)
	if err != nil {
		return nil, missing("user", id, err)
	}
	return userAnswer(u), nil
}

func userAnswer(u *idp.User) *versioned[User] {
	return &versioned[User]{ETag: etag(u.UpdatedAt), Body: userView(u)}
}
