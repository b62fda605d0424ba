package apiclient

import (
	"context"
	"net/http"
	"time"

	"idp/internal/handlers/api"
)

// Keys lists the published signing keys, oldest first.
func (c *Client) Keys(ctx context.Context) ([]api.Key, error) {
	out, err := get[api.Page[api.Key]](ctx, c, nil, "keys")
	return out.Items, err
}

// RotateKey makes a new signing key.
func (c *Client) RotateKey(ctx context.Context, in api.RotateKey) (api.Key, error) {
	return send[api.Key](ctx, c, http.MethodPost, in, "keys", "rotate")
}

// RetireKey stops signing with a key.
func (c *Client) RetireKey(ctx context.Context, kid string, in api.RetireKey) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: []string{"keys", kid, "retire"}, body: in}, nil)
	return err
}

// Providers lists the upstream providers by id.
func (c *Client) Providers(ctx context.Context) ([]api.Provider, error) {
	out, err := get[api.Page[api.Provider]](ctx, c, nil, "providers")
	return out.Items, err
}

// Provider returns one upstream provider.
func (c *Client) Provider(ctx context.Context, id string) (api.Provider, error) {
	return get[api.Provider](ctx, c, nil, "providers", id)
}

// CreateProvider adds an upstream provider.
func (c *Client) CreateProvider(ctx context.Context, n api.NewProvider) (api.Provider, error) {
	return send[api.Provider](ctx, c, http.MethodPost, n, "providers")
}

// UpdateProvider changes the members of api.ProviderPatch that patch names (JSON Merge Patch).
func (c *Client) UpdateProvider(ctx context.Context, id string, members any) (api.Provider, error) {
	return patch[api.Provider](ctx, c, Change{}, members, "providers", id)
}

// DeleteProvider removes an upstream provider.
func (c *Client) DeleteProvider(ctx context.Context, id string) error {
	return c.remove(ctx, Change{}, "providers", id)
}

// TestProvider looks at an upstream provider without signing in.
func (c *Client) TestProvider(ctx context.Context, id string) ([]api.Finding, error) {
	out, err := send[api.Findings](ctx, c, http.MethodPost, nil, "providers", id, "test")
	return out.Items, err
}

// AuditQuery says which audit events are wanted.
type AuditQuery struct {
	Page
	UserID string    // only about this user
	Since  time.Time // in place of Page.After
}

// Audit lists audit events, oldest first. The cursor of the answer, passed as After, gives what happened since.
func (c *Client) Audit(ctx context.Context, in AuditQuery) (api.AuditPage, error) {
	q := in.query()
	if in.UserID != "" {
		q.Set("user_id", in.UserID)
	}
	if !in.Since.IsZero() {
		q.Set("since", in.Since.UTC().Format(time.RFC3339))
	}
	return get[api.AuditPage](ctx, c, q, "audit")
}

// Trace returns each check of one authorization or token request.
func (c *Client) Trace(ctx context.Context, id string) (api.Trace, error) {
	return get[api.Trace](ctx, c, nil, "traces", id)
}
