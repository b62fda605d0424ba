package apiclient

import (
	"context"
	"net/http"

	"idp/internal/handlers/api"
)

// PendingClients lists the clients that wait for approval.
func (c *Client) PendingClients(ctx context.Context) ([]api.Client, error) {
	out, err := get[api.Page[api.Client]](ctx, c, nil, "pending-clients")
	return out.Items, err
}

// JudgeClient approves or denies a client that named itself.
func (c *Client) JudgeClient(ctx context.Context, id string, approved bool) (api.Client, error) {
	return send[api.Client](ctx, c, http.MethodPost, api.Judgement{Approved: approved}, "clients", id, "judgement")
}

// RegistrationTokens lists the initial access tokens that are good.
func (c *Client) RegistrationTokens(ctx context.Context, p Page) (api.Page[api.RegistrationToken], error) {
	return get[api.Page[api.RegistrationToken]](ctx, c, p.query(), "registration-tokens")
}

// CreateRegistrationToken makes an initial access token. The answer holds its text, this once.
func (c *Client) CreateRegistrationToken(ctx context.Context, n api.NewRegistrationToken) (api.CreatedRegistrationToken, error) {
	return send[api.CreatedRegistrationToken](ctx, c, http.MethodPost, n, "registration-tokens")
}

// RevokeRegistrationToken ends an initial access token.
func (c *Client) RevokeRegistrationToken(ctx context.Context, id string) error {
	return c.remove(ctx, Change{}, "registration-tokens", id)
}

// Resources lists the protected resources.
func (c *Client) Resources(ctx context.Context, p Page) (api.Page[api.Resource], error) {
	return get[api.Page[api.Resource]](ctx, c, p.query(), "resources")
}

// Resource returns one protected resource.
func (c *Client) Resource(ctx context.Context, id string) (api.Resource, error) {
	return get[api.Resource](ctx, c, nil, "resources", id)
}

// CreateResource adds a protected resource.
func (c *Client) CreateResource(ctx context.Context, n api.NewResource) (api.Resource, error) {
	return send[api.Resource](ctx, c, http.MethodPost, n, "resources")
}

// UpdateResource changes the members that patch names (JSON Merge Patch).
func (c *Client) UpdateResource(ctx context.Context, id string, members any) (api.Resource, error) {
	return patch[api.Resource](ctx, c, Change{}, members, "resources", id)
}

// DeleteResource removes a protected resource.
func (c *Client) DeleteResource(ctx context.Context, id string) error {
	return c.remove(ctx, Change{}, "resources", id)
}
