package apiclient

import (
	"context"
	"net/http"

	"idp/internal/handlers/api"
)

// AuthorizationTypes lists the types of authorization details.
func (c *Client) AuthorizationTypes(ctx context.Context) (api.AuthorizationTypeList, error) {
	return get[api.AuthorizationTypeList](ctx, c, nil, "authorization-types")
}

// ApplyAuthorizationType adds or replaces a type.
func (c *Client) ApplyAuthorizationType(ctx context.Context, name string, d api.AuthorizationTypeData) (api.AuthorizationType, error) {
	return send[api.AuthorizationType](ctx, c, http.MethodPut, d, "authorization-types", name)
}

// DeleteAuthorizationType removes a type.
func (c *Client) DeleteAuthorizationType(ctx context.Context, name string) error {
	return c.remove(ctx, Change{}, "authorization-types", name)
}
