package api

import (
	"context"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/registration"
	"idp/internal/store"
)

type (
	judgeClientInput struct {
		ID   string `path:"client_id" maxLength:"512"`
		Body Judgement
	}
	tokenIDInput struct {
		ID string `path:"token_id" maxLength:"64"`
	}
)

// Judgement is what an administrator says of a client that named itself.
type Judgement struct {
	Approved bool `json:"approved" doc:"false refuses every request of it, and revokes what it was given"`
}

// RegistrationToken is an initial access token, without its text.
type RegistrationToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Uses      int64     `json:"uses" doc:"How many registrations it is good for"`
	Used      int64     `json:"used"`
	Scopes    []string  `json:"scopes,omitempty" doc:"What a client may register for; without it what the settings say"`
	Grants    []string  `json:"grant_types,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewRegistrationToken is an initial access token to be made.
type NewRegistrationToken struct {
	Name      string      `json:"name,omitempty" maxLength:"200" doc:"Whom it is for"`
	Uses      int64       `json:"uses,omitempty" minimum:"0" maximum:"100000" doc:"How many registrations it is good for; 1 if it is left out"`
	ExpiresIn idp.Seconds `json:"expires_in,omitempty" minimum:"0" doc:"Seconds; a day if it is left out"`
	Scopes    []string    `json:"scopes,omitempty" maxItems:"100" doc:"What a client may register for; without it what the settings say"`
	Grants    []string    `json:"grant_types,omitempty" maxItems:"20"`
}

// CreatedRegistrationToken is an initial access token with its text, which is told this once.
type CreatedRegistrationToken struct {
	RegistrationToken
	Token string `json:"token" doc:"Told this once"`
}

// strangers are the operations about clients that register themselves.
func (s *server) strangers() {
	add(s, operation{id: "list-pending-clients", method: http.MethodGet, path: "/pending-clients", summary: "List the clients that wait for approval", tag: tagClients},
		func(ctx context.Context, _ *struct{}) (*body[Page[Client]], error) {
			list, err := s.Clients.Pending(ctx)
			if err != nil {
				return nil, err
			}
			return &body[Page[Client]]{page(list, len(list)+1, nil, clientView)}, nil
		})
	add(s, operation{id: "judge-client", method: http.MethodPost, path: "/clients/{client_id}/judgement", summary: "Approve or deny a client that named itself", tag: tagClients},
		func(ctx context.Context, in *judgeClientInput) (*versioned[Client], error) {
			return clientAnswer(s.Clients.Judge(ctx, in.ID, in.Body.Approved))
		})
	tokens := &registration.Tokens{Store: s.Store, Keyring: s.Keyring, Audit: s.Audit}
	add(s, operation{id: "list-registration-tokens", method: http.MethodGet, path: "/registration-tokens", summary: "List the initial access tokens that are good", tag: tagClients},
		func(ctx context.Context, in *PageInput) (*body[Page[RegistrationToken]], error) {
			list, err := s.Store.RegistrationTokens(ctx, store.Page{After: in.After, Limit: in.Limit}, time.Now())
			if err != nil {
				return nil, err
			}
			return &body[Page[RegistrationToken]]{page(list, in.Limit, func(v *store.RegistrationToken) string { return v.ID }, registrationTokenView)}, nil
		})
	add(s, operation{id: "create-registration-token", method: http.MethodPost, path: "/registration-tokens", summary: "Make a token with which an application may register itself", status: http.StatusCreated, tag: tagClients},
		func(ctx context.Context, in *body[NewRegistrationToken]) (*body[CreatedRegistrationToken], error) {
			n := registration.NewToken{
				Name: in.Body.Name, Uses: in.Body.Uses, Life: in.Body.ExpiresIn.Duration(),
				Policy: store.RegistrationPolicy{Scopes: in.Body.Scopes, Grants: in.Body.Grants},
			}
			if n.Uses == 0 {
				n.Uses = 1
			}
			if n.Life == 0 {
				n.Life = 24 * time.Hour
			}
			made, text, err := tokens.Create(ctx, n)
			if err != nil {
				return nil, err
			}
			return &body[CreatedRegistrationToken]{CreatedRegistrationToken{RegistrationToken: registrationTokenView(made), Token: text}}, nil
		})
	add(s, operation{id: "revoke-registration-token", method: http.MethodDelete, path: "/registration-tokens/{token_id}", summary: "End an initial access token; what was registered with it stays", status: http.StatusNoContent, tag: tagClients},
		func(ctx context.Context, in *tokenIDInput) (*nothing, error) {
			return &nothing{}, tokens.Revoke(ctx, in.ID)
		})
}

func registrationTokenView(v *store.RegistrationToken) RegistrationToken {
	return RegistrationToken{
		ID: v.ID, Name: v.Name, Uses: v.Most, Used: v.Used, Scopes: v.Policy.Scopes, Grants: v.Policy.Grants, CreatedAt: v.CreatedAt.UTC(), ExpiresAt: v.ExpiresAt.UTC(),
	}
}
