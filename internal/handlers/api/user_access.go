package api

import (
	"context"
	"net/http"
	"time"

	"idp/internal/idp"
)

type (
	unlinkInput struct {
		UserIDInput
		Identity string `path:"identity_id" maxLength:"64"`
	}
	revokeGrantInput struct {
		UserIDInput
		Client string `path:"client_id" maxLength:"128"`
	}
)

// userAccess is what a user has: links, consents, sessions.
func (s *server) userAccess() {
	add(s, operation{id: "list-user-identities", method: http.MethodGet, path: "/users/{user_id}/identities", summary: "List a user's accounts at providers", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*body[Page[Identity]], error) {
			return listOf(ctx, s, in.ID, s.Store.IdentitiesOf, identityView)
		})
	add(s, operation{id: "unlink-user-identity", method: http.MethodDelete, path: "/users/{user_id}/identities/{identity_id}", summary: "Unlink an account at a provider", status: http.StatusNoContent, tag: tagUsers},
		func(ctx context.Context, in *unlinkInput) (*nothing, error) {
			return &nothing{}, missingOf("link", in.Identity, "user link list USER", s.Accounts.UnlinkIdentity(ctx, in.ID, in.Identity))
		})
	add(s, operation{id: "list-user-grants", method: http.MethodGet, path: "/users/{user_id}/grants", summary: "List what a user allowed which client", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*body[Page[Grant]], error) {
			return listOf(ctx, s, in.ID, s.Store.GrantsOf, grantView)
		})
	add(s, operation{id: "revoke-user-grant", method: http.MethodDelete, path: "/users/{user_id}/grants/{client_id}", summary: "Forget what a user allowed a client, and revoke its tokens", status: http.StatusNoContent, tag: tagUsers},
		func(ctx context.Context, in *revokeGrantInput) (*nothing, error) {
			return &nothing{}, missingOf("consent to the client", in.Client, "user grants USER", s.Accounts.RevokeGrant(ctx, in.ID, in.Client))
		})
	add(s, operation{id: "list-user-sessions", method: http.MethodGet, path: "/users/{user_id}/sessions", summary: "List a user's sessions", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*body[Page[Session]], error) {
			now := time.Now()
			return listOf(ctx, s, in.ID, func(ctx context.Context, id string) ([]*idp.Session, error) {
				return s.Store.SessionsOf(ctx, id, now)
			}, s.sessionView(now))
		})
	add(s, operation{id: "end-user-sessions", method: http.MethodDelete, path: "/users/{user_id}/sessions", summary: "Sign a user out everywhere, and revoke their tokens", tag: tagUsers},
		func(ctx context.Context, in *UserIDInput) (*body[Ended], error) {
			if _, err := s.Store.User(ctx, in.ID); err != nil {
				return nil, missing("user", in.ID, err)
			}
			n, err := s.Sessions.EndAllOf(ctx, in.ID, "")
			if err != nil {
				return nil, err
			}
			return &body[Ended]{Ended{Ended: n}}, nil
		})
}

// listOf answers with all that a user has of something: it is never much. It is not found if there is no such user.
func listOf[T, U any](ctx context.Context, s *server, userID string, list func(ctx context.Context, userID string) ([]T, error), view func(T) U) (*body[Page[U]], error) {
	if _, err := s.Store.User(ctx, userID); err != nil {
		return nil, missing("user", userID, err)
	}
	rows, err := list(ctx, userID)
	if err != nil {
		return nil, err
	}
	return &body[Page[U]]{page(rows, len(rows)+1, nil, view)}, nil
}
