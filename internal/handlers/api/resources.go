package api

import (
	"context"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

const tagResources = "resources"

type (
	// ResourceIDInput names a protected resource.
	ResourceIDInput struct {
		ID string `path:"resource_id" maxLength:"128"`
	}
	patchResourceInput struct {
		ResourceIDInput
		Conditional
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
)

// ResourceData is what an administrator may say of a protected resource.
type ResourceData struct {
	Identifier    string   `json:"resource" maxLength:"512" doc:"Its address; the aud of its access tokens"`
	Name          string   `json:"resource_name,omitempty" doc:"What people see"`
	Scopes        []string `json:"scopes_supported,omitempty" doc:"What may be asked of it"`
	Documentation string   `json:"resource_documentation,omitempty"`
	PolicyURI     string   `json:"resource_policy_uri,omitempty"`
	TosURI        string   `json:"resource_tos_uri,omitempty"`
	DPoPRequired  bool     `json:"dpop_bound_access_tokens_required,omitempty" doc:"It takes DPoP-bound access tokens only"`
}

// Resource is a protected resource of the operator's: an API or a tool server.
type Resource struct {
	ID string `json:"id"`
	ResourceData
	MetadataURL string    `json:"metadata_url" doc:"Where this server publishes its metadata (RFC 9728)"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// NewResource is a protected resource to be added.
type NewResource struct {
	ID string `json:"id" maxLength:"128" doc:"Short, for people and paths"`
	ResourceData
}

func (d ResourceData) on(r *idp.Resource) {
	r.Identifier, r.Name, r.Scopes, r.Documentation = d.Identifier, d.Name, d.Scopes, d.Documentation
	r.PolicyURI, r.TosURI, r.DPoPRequired = d.PolicyURI, d.TosURI, d.DPoPRequired
}

func resourceData(r *idp.Resource) ResourceData {
	return ResourceData{
		Identifier: r.Identifier, Name: r.Name, Scopes: r.Scopes, Documentation: r.Documentation, PolicyURI: r.PolicyURI, TosURI: r.TosURI, DPoPRequired: r.DPoPRequired,
	}
}

func (s *server) resourceView(r *idp.Resource) Resource {
	return Resource{ID: r.ID, ResourceData: resourceData(r), MetadataURL: r.MetadataURL(s.Issuer), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
}

func (s *server) resources() {
	add(s, operation{id: "list-resources", method: http.MethodGet, path: "/resources", summary: "List the protected resources", tag: tagResources},
		func(ctx context.Context, in *PageInput) (*body[Page[Resource]], error) {
			list, err := s.Store.Resources(ctx, store.Page{After: in.After, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			return &body[Page[Resource]]{page(list, in.Limit, func(r *idp.Resource) string { return r.ID }, s.resourceView)}, nil
		})
	add(s, operation{id: "create-resource", method: http.MethodPost, path: "/resources", summary: "Add a protected resource", status: http.StatusCreated, tag: tagResources},
		func(ctx context.Context, in *body[NewResource]) (*versioned[Resource], error) {
			r := &idp.Resource{ID: in.Body.ID}
			in.Body.on(r)
			return s.resourceAnswer(s.protected.Create(ctx, r))
		})
	add(s, operation{id: "get-resource", method: http.MethodGet, path: "/resources/{resource_id}", summary: "Show a protected resource", tag: tagResources},
		func(ctx context.Context, in *ResourceIDInput) (*versioned[Resource], error) {
			r, err := s.Store.Resource(ctx, in.ID)
			return s.resourceAnswer(r, missing("resource", in.ID, err))
		})
	add(s, operation{id: "update-resource", method: http.MethodPatch, path: "/resources/{resource_id}", summary: "Change a protected resource (JSON Merge Patch)", tag: tagResources},
		func(ctx context.Context, in *patchResourceInput) (*versioned[Resource], error) {
			r, err := s.protected.Update(ctx, in.ID, in.patch)
			return s.resourceAnswer(r, missing("resource", in.ID, err))
		})
	describePatch[ResourceData](s, "/resources/{resource_id}")
	add(s, operation{id: "delete-resource", method: http.MethodDelete, path: "/resources/{resource_id}", summary: "Remove a protected resource", status: http.StatusNoContent, tag: tagResources},
		func(ctx context.Context, in *ResourceIDInput) (*nothing, error) {
			return &nothing{}, missing("resource", in.ID, s.protected.Delete(ctx, in.ID))
		})
}

// patch changes a resource as the request says.
func (in *patchResourceInput) patch(r *idp.Resource) error {
	if err := in.unless("resource", r.UpdatedAt); err != nil {
		return err
	}
	var data ResourceData
	if err := mergePatch(resourceData(r), in.RawBody, &data); err != nil {
		return err
	}
	data.on(r)
	return nil
}

func (s *server) resourceAnswer(r *idp.Resource, err error) (*versioned[Resource], error) {
	if err != nil {
		return nil, err
	}
	return &versioned[Resource]{ETag: etag(r.UpdatedAt), Body: s.resourceView(r)}, nil
}
