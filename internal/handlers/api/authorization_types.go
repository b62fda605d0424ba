package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"idp/internal/idp"
)

const tagAuthorizationTypes = "authorization types"

type (
	// AuthorizationTypeInput names a type of authorization details.
	AuthorizationTypeInput struct {
		Name string `path:"name" maxLength:"128"`
	}
	applyAuthorizationTypeInput struct {
		AuthorizationTypeInput
		Body AuthorizationTypeData
	}
)

// AuthorizationTypeData is what an administrator says of a type of authorization details.
type AuthorizationTypeData struct {
	Title  string          `json:"title,omitempty" maxLength:"400" doc:"What people see on the consent page"`
	Schema json.RawMessage `json:"schema" doc:"JSON Schema that every detail of the type fits, its member type included"`
}

// AuthorizationType is a type of authorization details that applications may ask for (RFC 9396).
type AuthorizationType struct {
	Name string `json:"name"`
	AuthorizationTypeData
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// AuthorizationTypeList is all of them.
type AuthorizationTypeList struct {
	Items []AuthorizationType `json:"items" nullable:"false"`
}

func authorizationTypeView(t *idp.AuthorizationType) AuthorizationType {
	return AuthorizationType{Name: t.Name, AuthorizationTypeData: AuthorizationTypeData{Title: t.Title, Schema: t.Schema}, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC()}
}

func (s *server) authorizationTypes() {
	const path = "/authorization-types/{name}"
	add(s, operation{id: "list-authorization-types", method: http.MethodGet, path: "/authorization-types", summary: "List the types of authorization details", tag: tagAuthorizationTypes},
		func(ctx context.Context, _ *struct{}) (*body[AuthorizationTypeList], error) {
			all, err := s.Store.AuthorizationTypes(ctx)
			if err != nil {
				return nil, err
			}
			list := AuthorizationTypeList{Items: make([]AuthorizationType, 0, len(all))}
			for _, t := range all {
				list.Items = append(list.Items, authorizationTypeView(t))
			}
			return &body[AuthorizationTypeList]{list}, nil
		})
	add(s, operation{id: "get-authorization-type", method: http.MethodGet, path: path, summary: "Show a type of authorization details", tag: tagAuthorizationTypes},
		func(ctx context.Context, in *AuthorizationTypeInput) (*body[AuthorizationType], error) {
			t, err := s.details.Get(ctx, in.Name)
			if err != nil {
				return nil, err
			}
			return &body[AuthorizationType]{authorizationTypeView(t)}, nil
		})
	add(s, operation{id: "apply-authorization-type", method: http.MethodPut, path: path, summary: "Add or replace a type of authorization details", tag: tagAuthorizationTypes},
		func(ctx context.Context, in *applyAuthorizationTypeInput) (*body[AuthorizationType], error) {
			t, err := s.details.Apply(ctx, &idp.AuthorizationType{Name: in.Name, Title: in.Body.Title, Schema: in.Body.Schema})
			if err != nil {
				return nil, err
			}
			return &body[AuthorizationType]{authorizationTypeView(t)}, nil
		})
	add(s, operation{id: "delete-authorization-type", method: http.MethodDelete, path: path, summary: "Remove a type of authorization details", status: http.StatusNoContent, tag: tagAuthorizationTypes},
		func(ctx context.Context, in *AuthorizationTypeInput) (*nothing, error) {
			return &nothing{}, s.details.Delete(ctx, in.Name)
		})
}
