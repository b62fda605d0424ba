package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/store"
)

const tagClients = "clients"

type (
	body[T any]      struct{ Body T }
	versioned[T any] struct {
		ETag string `header:"ETag"`
		Body T
	}
	nothing          struct{}
	checkClientInput struct {
		ID      string `path:"client_id" maxLength:"512"`
		Profile string `query:"profile" enum:"plain,oauth21,fapi2,mcp" doc:"Say instead what this profile would refuse"`
	}
	clientIDInput struct {
		ID string `path:"client_id" maxLength:"512"`
	}
	// ClientChangeInput is what a change to an existing client takes beside it. It is exported, as all that is embedded here: the
	// framework does not look into other embedded structs.
	ClientChangeInput struct {
		ID    string `path:"client_id" maxLength:"512"`
		Force bool   `query:"force" doc:"Change it although it is kept in files"`
		Conditional
	}
	createdClientOutput struct {
		ETag     string `header:"ETag"`
		Location string `header:"Location"`
		Body     CreatedClient
	}
	patchClientInput struct {
		ClientChangeInput
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	rotateSecretInput struct {
		ClientChangeInput
		Body *RotateSecret
	}
)

func (s *server) clients() {
	add(s, operation{id: "list-clients", method: http.MethodGet, path: "/clients", summary: "List clients", tag: tagClients},
		func(ctx context.Context, in *PageInput) (*body[Page[Client]], error) {
			list, err := s.Store.Clients(ctx, store.Page{After: in.After, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			return &body[Page[Client]]{page(list, in.Limit, func(c *idp.Client) string { return c.ID }, clientView)}, nil
		})
	add(s, operation{id: "create-client", method: http.MethodPost, path: "/clients", summary: "Register a client", status: http.StatusCreated, tag: tagClients}, s.createClient)
	add(s, operation{id: "get-client", method: http.MethodGet, path: "/clients/{client_id}", summary: "Show a client", tag: tagClients},
		func(ctx context.Context, in *clientIDInput) (*versioned[Client], error) {
			return clientAnswer(s.Clients.Get(ctx, in.ID))
		})
	add(s, operation{id: "update-client", method: http.MethodPatch, path: "/clients/{client_id}", summary: "Change a client (JSON Merge Patch)", tag: tagClients}, s.patchClient)
	describePatch[client.Registration](s, "/clients/{client_id}")
	add(s, operation{id: "delete-client", method: http.MethodDelete, path: "/clients/{client_id}", summary: "Delete a client and revoke all it was given", status: http.StatusNoContent, tag: tagClients},
		func(ctx context.Context, in *ClientChangeInput) (*nothing, error) {
			return &nothing{}, s.Clients.Delete(ctx, in.ID, in.guards()...)
		})
	add(s, operation{id: "rotate-client-secret", method: http.MethodPost, path: "/clients/{client_id}/secret", summary: "Make a new secret", status: http.StatusCreated, tag: tagClients},
		func(ctx context.Context, in *rotateSecretInput) (*body[NewSecret], error) {
			var overlap time.Duration
			if in.Body != nil {
				overlap = in.Body.Overlap.Duration()
			}
			text, err := s.Clients.RotateSecret(ctx, in.ID, overlap, in.guards()...)
			if err != nil {
				return nil, err
			}
			return &body[NewSecret]{NewSecret{Secret: text}}, nil
		})
	add(s, operation{id: "check-client", method: http.MethodGet, path: "/clients/{client_id}/check", summary: "Say what is unusual or weak about a client", tag: tagClients},
		func(ctx context.Context, in *checkClientInput) (*body[Findings], error) {
			check := s.Clients.Check
			if in.Profile != "" {
				check = func(ctx context.Context, id string) ([]client.Finding, error) {
					return s.Clients.CheckProfile(ctx, id, in.Profile)
				}
			}
			list, err := check(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &body[Findings]{findingViews(list)}, nil
		})
}

func (s *server) createClient(ctx context.Context, in *body[NewClient]) (*createdClientOutput, error) {
	made, text, err := s.Clients.Create(ctx, in.Body.Client(), client.SecretOptions{Generate: in.Body.Secret == "", Bring: in.Body.Secret})
	if err != nil {
		return nil, err
	}
	return &createdClientOutput{
		ETag: etag(made.UpdatedAt), Location: strings.TrimSuffix(s.Issuer, "/") + Path + "/clients/" + made.ID,
		Body: CreatedClient{Client: clientView(made), Secret: text},
	}, nil
}

func (s *server) patchClient(ctx context.Context, in *patchClientInput) (*versioned[Client], error) {
	return clientAnswer(s.Clients.Update(ctx, in.ID, func(c *idp.Client) error {
		var next client.Registration
		if err := mergePatch(client.FromClient(c), in.RawBody, &next); err != nil {
			return err
		}
		if next.ID != c.ID {
			return idp.Invalidf("client_id", "The id of a client never changes. Register another one.")
		}
		next.On(c)
		c.Contract = next.Contract.Over(idp.DefaultContract()) // a member that was patched away gets today's default
		return nil
	}, in.guards()...))
}

func clientAnswer(c *idp.Client, err error) (*versioned[Client], error) {
	if err != nil {
		return nil, err
	}
	return &versioned[Client]{ETag: etag(c.UpdatedAt), Body: clientView(c)}, nil
}

// guards are what must hold before a client is changed: nobody else has changed it, and no file will undo it.
func (in *ClientChangeInput) guards() []client.Guard {
	guards := []client.Guard{func(c *idp.Client) error { return in.unless("client", c.UpdatedAt) }}
	if !in.Force {
		guards = append(guards, client.NotManaged)
	}
	return guards
}

// describePatch puts the schema of what is patched into the description: the framework knows only that bytes arrive.
func describePatch[T any](s *server, path string) {
	op := s.api.OpenAPI().Paths[path].Patch
	op.RequestBody.Content = map[string]*huma.MediaType{
		idp.MediaMergePatch: {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")},
	}
}
