package apiclient

import (
	"context"
	"net/http"
	"net/url"

	"idp/internal/handlers/api"
	"idp/internal/idp"
)

// Users lists users by id.
func (c *Client) Users(ctx context.Context, p Page) (api.Page[api.User], error) {
	return get[api.Page[api.User]](ctx, c, p.query(), "users")
}

// UsersNamed lists users whose e-mail address or username begins with prefix, by that.
func (c *Client) UsersNamed(ctx context.Context, prefix string, p Page) (api.Page[api.User], error) {
	q := p.query()
	q.Set("search", prefix)
	return get[api.Page[api.User]](ctx, c, q, "users")
}

// FindUser returns the user with an e-mail address or username, or an *idp.Error of kind NotFound.
func (c *Client) FindUser(ctx context.Context, identifier string) (api.User, error) {
	found, err := get[api.Page[api.User]](ctx, c, url.Values{"identifier": {identifier}}, "users")
	if err != nil {
		return api.User{}, err
	}
	if len(found.Items) == 0 {
		return api.User{}, &idp.Error{Kind: idp.NotFound, Code: "user_not_found", Message: "No user has this e-mail address or username. `idp user list` shows all."}
	}
	return found.Items[0], nil
}

// User returns the user with an id.
func (c *Client) User(ctx context.Context, id string) (api.User, error) {
	return get[api.User](ctx, c, nil, "users", id)
}

// CreateUser makes an account.
func (c *Client) CreateUser(ctx context.Context, n api.NewUser) (api.User, error) {
	return send[api.User](ctx, c, http.MethodPost, n, "users")
}

// UpdateUser changes the members of api.UserData that patch names (JSON Merge Patch).
func (c *Client) UpdateUser(ctx context.Context, id string, members any) (api.User, error) {
	return patch[api.User](ctx, c, Change{}, members, "users", id)
}

// DeleteUser deletes a user and all that is theirs.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.remove(ctx, Change{}, "users", id)
}

// DisableUser refuses a user everywhere, at once.
func (c *Client) DisableUser(ctx context.Context, id string) (api.User, error) {
	return send[api.User](ctx, c, http.MethodPost, nil, "users", id, "disable")
}

// EnableUser lets a user sign in.
func (c *Client) EnableUser(ctx context.Context, id string) (api.User, error) {
	return send[api.User](ctx, c, http.MethodPost, nil, "users", id, "enable")
}

// SetPassword sets a new password, and ends the user's sessions.
func (c *Client) SetPassword(ctx context.Context, id, password string) error {
	_, err := c.do(ctx, call{method: http.MethodPut, path: []string{"users", id, "password"}, body: api.NewPassword{Password: password}}, nil)
	return err
}

// Identities lists a user's accounts at providers.
func (c *Client) Identities(ctx context.Context, userID string) ([]api.Identity, error) {
	out, err := get[api.Page[api.Identity]](ctx, c, nil, "users", userID, "identities")
	return out.Items, err
}

// UnlinkIdentity removes one of them.
func (c *Client) UnlinkIdentity(ctx context.Context, userID, identityID string) error {
	return c.remove(ctx, Change{}, "users", userID, "identities", identityID)
}

// Grants lists what a user allowed which client.
func (c *Client) Grants(ctx context.Context, userID string) ([]api.Grant, error) {
	out, err := get[api.Page[api.Grant]](ctx, c, nil, "users", userID, "grants")
	return out.Items, err
}

// RevokeGrant forgets what a user allowed a client, and revokes its tokens.
func (c *Client) RevokeGrant(ctx context.Context, userID, clientID string) error {
	return c.remove(ctx, Change{}, "users", userID, "grants", clientID)
}

// UserSessions lists a user's sessions.
func (c *Client) UserSessions(ctx context.Context, userID string) ([]api.Session, error) {
	out, err := get[api.Page[api.Session]](ctx, c, nil, "users", userID, "sessions")
	return out.Items, err
}

// EndUserSessions signs a user out everywhere, and returns how many sessions ended.
func (c *Client) EndUserSessions(ctx context.Context, userID string) (int64, error) {
	out, err := send[api.Ended](ctx, c, http.MethodDelete, nil, "users", userID, "sessions")
	return out.Ended, err
}

// Sessions lists all sessions by id.
func (c *Client) Sessions(ctx context.Context, p Page) (api.Page[api.Session], error) {
	return get[api.Page[api.Session]](ctx, c, p.query(), "sessions")
}

// Session returns one session.
func (c *Client) Session(ctx context.Context, id string) (api.Session, error) {
	return get[api.Session](ctx, c, nil, "sessions", id)
}

// EndSession ends one session.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.remove(ctx, Change{}, "sessions", id)
}

// LogoutQuery says which receipts are wanted; what is empty does not matter.
type LogoutQuery struct {
	Page
	UserID, SessionID, ClientID string
}

// Logouts lists what applications were told of ended sessions, newest first.
func (c *Client) Logouts(ctx context.Context, in LogoutQuery) (api.Page[api.Logout], error) {
	q := in.query()
	for name, value := range map[string]string{"user_id": in.UserID, "session_id": in.SessionID, "client_id": in.ClientID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return get[api.Page[api.Logout]](ctx, c, q, "logouts")
}
