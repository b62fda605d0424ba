package api

import (
	"context"
	"net/http"
	"strings"

	"idp/internal/idp"
)

const tagProviders = "providers"

type (
	// ProviderIDInput names a provider.
	ProviderIDInput struct {
		ID string `path:"provider_id" maxLength:"64"`
	}
	patchProviderInput struct {
		ProviderIDInput
		Conditional
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	createdProviderOutput struct {
		ETag     string `header:"ETag"`
		Location string `header:"Location"`
		Body     Provider
	}
)

// ProviderPatch is what a patch may name: the secret is written, and never read.
type ProviderPatch struct {
	ProviderData
	ClientSecret string `json:"client_secret,omitempty" maxLength:"1024"`
}

func (s *server) providers() {
	add(s, operation{id: "list-providers", method: http.MethodGet, path: "/providers", summary: "List upstream providers", tag: tagProviders},
		func(ctx context.Context, _ *struct{}) (*body[Page[Provider]], error) {
			list, err := s.Providers.List(ctx)
			if err != nil {
				return nil, err
			}
			return &body[Page[Provider]]{page(list, len(list)+1, nil, s.providerView)}, nil
		})
	add(s, operation{id: "create-provider", method: http.MethodPost, path: "/providers", summary: "Add an upstream provider", status: http.StatusCreated, tag: tagProviders},
		func(ctx context.Context, in *body[NewProvider]) (*createdProviderOutput, error) {
			p := &idp.Provider{ID: in.Body.ID, ClientSecret: in.Body.ClientSecret}
			in.Body.on(p)
			made, err := s.Providers.Create(ctx, p)
			if err != nil {
				return nil, err
			}
			return &createdProviderOutput{ETag: etag(made.UpdatedAt), Location: strings.TrimSuffix(s.Issuer, "/") + Path + "/providers/" + made.ID, Body: s.providerView(made)}, nil
		})
	add(s, operation{id: "get-provider", method: http.MethodGet, path: "/providers/{provider_id}", summary: "Show an upstream provider", tag: tagProviders},
		func(ctx context.Context, in *ProviderIDInput) (*versioned[Provider], error) {
			return s.providerAnswer(in.ID)(s.Providers.Get(ctx, in.ID))
		})
	add(s, operation{id: "update-provider", method: http.MethodPatch, path: "/providers/{provider_id}", summary: "Change an upstream provider (JSON Merge Patch)", tag: tagProviders},
		func(ctx context.Context, in *patchProviderInput) (*versioned[Provider], error) {
			return s.providerAnswer(in.ID)(s.Providers.Update(ctx, in.ID, in.patch))
		})
	describePatch[ProviderPatch](s, "/providers/{provider_id}")
	add(s, operation{id: "delete-provider", method: http.MethodDelete, path: "/providers/{provider_id}", summary: "Remove an upstream provider; people's links to it stay", status: http.StatusNoContent, tag: tagProviders},
		func(ctx context.Context, in *ProviderIDInput) (*nothing, error) {
			return &nothing{}, missing("provider", in.ID, s.Providers.Delete(ctx, in.ID))
		})
	add(s, operation{id: "test-provider", method: http.MethodPost, path: "/providers/{provider_id}/test", summary: "Look at an upstream provider without signing in", tag: tagProviders},
		func(ctx context.Context, in *ProviderIDInput) (*body[Findings], error) {
			list, err := s.Providers.Test(ctx, in.ID)
			if err != nil {
				return nil, missing("provider", in.ID, err)
			}
			return &body[Findings]{upstreamFindings(list)}, nil
		})
}

// patch changes a provider as the request says.
func (in *patchProviderInput) patch(p *idp.Provider) error {
	if err := in.unless("provider", p.UpdatedAt); err != nil {
		return err
	}
	next := ProviderPatch{}
	if err := mergePatch(ProviderPatch{ProviderData: providerData(p)}, in.RawBody, &next); err != nil {
		return err
	}
	next.on(p)
	if next.ClientSecret != "" {
		p.ClientSecret = next.ClientSecret
	}
	return nil
}

// providerAnswer turns what became of the provider with an id into an answer.
func (s *server) providerAnswer(id string) func(*idp.Provider, error) (*versioned[Provider], error) {
	return func(p *idp.Provider, err error) (*versioned[Provider], error) {
		if err != nil {
			return nil, missing("provider", id, err)
		}
		return &versioned[Provider]{ETag: etag(p.UpdatedAt), Body: s.providerView(p)}, nil
	}
}

func providerData(p *idp.Provider) ProviderData {
	return ProviderData{
		Type: p.Type, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, Scopes: p.Scopes, HostedDomain: p.HostedDomain, AllowedDomains: p.AllowedDomains,
		TrustEmail: p.TrustEmail, Linking: p.Linking, Provision: p.Provision, EmailVerifiedText: p.EmailVerifiedText, ClientAuthMethod: p.ClientAuthMethod, VouchesFor: p.Vouchers, Disabled: p.Disabled,
		ProviderEndpoints: p.ProviderEndpoints,
	}
}

func (d ProviderData) on(p *idp.Provider) {
	p.Type, p.Name, p.Issuer, p.ClientID, p.Scopes, p.HostedDomain, p.AllowedDomains = d.Type, d.Name, d.Issuer, d.ClientID, d.Scopes, d.HostedDomain, d.AllowedDomains
	p.TrustEmail, p.Linking, p.Provision, p.EmailVerifiedText, p.ClientAuthMethod, p.Vouchers, p.Disabled = d.TrustEmail, d.Linking, d.Provision, d.EmailVerifiedText, d.ClientAuthMethod, d.VouchesFor, d.Disabled
	p.ProviderEndpoints = d.ProviderEndpoints
}

func (s *server) providerView(p *idp.Provider) Provider {
	return Provider{
		ID: p.ID, ProviderData: providerData(p), CallbackURL: strings.TrimSuffix(s.Issuer, "/") + "/login/callback/" + p.ID,
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
}
