package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"idp/internal/client"
	"idp/internal/handlers/api"
	"idp/internal/idp"
)

// Whoami says as whom the server sees the caller.
func (c *Client) Whoami(ctx context.Context) (api.Whoami, error) {
	return get[api.Whoami](ctx, c, nil, "whoami")
}

// Clients lists clients by id.
func (c *Client) Clients(ctx context.Context, p Page) (api.Page[api.Client], error) {
	return get[api.Page[api.Client]](ctx, c, p.query(), "clients")
}

// Client returns a client, and its version for Change.IfMatch.
func (c *Client) Client(ctx context.Context, id string) (out api.Client, etag string, err error) {
	h, err := c.do(ctx, call{method: http.MethodGet, path: []string{"clients", id}}, &out)
	return out, h.Get("ETag"), err
}

// CreateClient registers a client. The answer holds its secret, this once.
func (c *Client) CreateClient(ctx context.Context, n api.NewClient) (api.CreatedClient, error) {
	return send[api.CreatedClient](ctx, c, http.MethodPost, n, "clients")
}

// UpdateClient changes the members that patch names (JSON Merge Patch).
func (c *Client) UpdateClient(ctx context.Context, id string, members any, o Change) (api.Client, error) {
	return patch[api.Client](ctx, c, o, members, "clients", id)
}

// DeleteClient deletes a client and revokes all it was given.
func (c *Client) DeleteClient(ctx context.Context, id string, o Change) error {
	return c.remove(ctx, o, "clients", id)
}

// RotateClientSecret makes a new secret; the old ones stay good for overlap.
func (c *Client) RotateClientSecret(ctx context.Context, id string, overlap time.Duration, o Change) (string, error) {
	var out api.NewSecret
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: []string{"clients", id, "secret"}, query: o.query(), ifMatch: o.IfMatch,
		body: api.RotateSecret{Overlap: idp.Seconds(overlap / time.Second)},
	}, &out)
	return out.Secret, err
}

// CheckClient says what is unusual or weak about a client or, if a profile is named, what that would refuse about it.
func (c *Client) CheckClient(ctx context.Context, id, profile string) ([]api.Finding, error) {
	var query url.Values
	if profile != "" {
		query = url.Values{"profile": {profile}}
	}
	out, err := get[api.Findings](ctx, c, query, "clients", id, "check")
	return out.Items, err
}

// ApplyClients makes the clients of a set of files what docs say.
func (c *Client) ApplyClients(ctx context.Context, docs []client.Document, o client.ApplyOptions) (client.Plan, error) {
	in := api.ApplyRequest{Source: o.Source, DryRun: o.DryRun, Prune: o.Prune, Clients: make([]api.ApplyDocument, len(docs))}
	for i, d := range docs {
		in.Clients[i] = api.ApplyDocument{Client: d.Registration, Digests: d.Digests, File: d.File, Line: d.Line}
		for _, text := range d.Secrets {
			in.Clients[i].Secrets = append(in.Clients[i].Secrets, text.Reveal())
		}
	}
	return send[client.Plan](ctx, c, http.MethodPost, in, "clients", "apply")
}
