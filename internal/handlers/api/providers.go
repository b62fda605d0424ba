package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/upstream"
)

const tagProviders = "providers"

type (
	// ProviderIDInput names a provider.
	ProviderIDInput struct {
		ID string `path:"provider_id" maxLength:"64"`
	}
	patchProviderInput struct {
		ProviderIDInput
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	createdProviderOutput struct {
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
			rows, err := s.Store.Providers(ctx)
			if err != nil {
				return nil, err
			}
			list := make([]*idp.Provider, len(rows))
			for i, row := range rows {
				list[i] = row.Provider
			}
			return &body[Page[Provider]]{page(list, len(list)+1, nil, s.providerView)}, nil
		})
	add(s, operation{id: "create-provider", method: http.MethodPost, path: "/providers", summary: "Add an upstream provider", status: http.StatusCreated, tag: tagProviders}, s.createProvider)
	add(s, operation{id: "get-provider", method: http.MethodGet, path: "/providers/{provider_id}", summary: "Show an upstream provider", tag: tagProviders},
		func(ctx context.Context, in *ProviderIDInput) (*body[Provider], error) {
			row, err := s.Store.Provider(ctx, in.ID)
			if err != nil {
				return nil, missing("provider", in.ID, err)
			}
			return &body[Provider]{s.providerView(row.Provider)}, nil
		})
	add(s, operation{id: "update-provider", method: http.MethodPatch, path: "/providers/{provider_id}", summary: "Change an upstream provider (JSON Merge Patch)", tag: tagProviders}, s.patchProvider)
	describePatch[ProviderPatch](s, "/providers/{provider_id}")
	add(s, operation{id: "delete-provider", method: http.MethodDelete, path: "/providers/{provider_id}", summary: "Remove an upstream provider; people's links to it stay", status: http.StatusNoContent, tag: tagProviders}, s.deleteProvider)
	add(s, operation{id: "test-provider", method: http.MethodPost, path: "/providers/{provider_id}/test", summary: "Look at an upstream provider without signing in", tag: tagProviders},
		func(ctx context.Context, in *ProviderIDInput) (*body[Findings], error) {
			p, err := s.openProvider(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &body[Findings]{upstreamFindings(append(s.Upstream.Test(ctx, *p), s.checkContexts(p)...))}, nil
		})
}

func (s *server) createProvider(ctx context.Context, in *body[NewProvider]) (*createdProviderOutput, error) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	p := &idp.Provider{ID: in.Body.ID, ClientSecret: in.Body.ClientSecret, CreatedAt: at, UpdatedAt: at}
	in.Body.on(p)
	sealed, err := s.sealProvider(p)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.checkIdentities(ctx, p); err != nil {
			return err
		}
		if err := s.Store.CreateProvider(ctx, p, sealed); err != nil {
			return err
		}
		return s.Audit.Write(ctx, providerEvent(audit.ProviderCreated, p))
	})
	if errors.Is(err, idp.ErrConflict) {
		return nil, &idp.Error{Kind: idp.Conflict, Code: "provider_exists", Field: "id", Message: fmt.Sprintf("There is a provider %s already. Choose another id, or change that one.", p.ID), Err: err}
	}
	if err != nil {
		return nil, err
	}
	return &createdProviderOutput{Location: strings.TrimSuffix(s.Issuer, "/") + Path + "/providers/" + p.ID, Body: s.providerView(p)}, nil
}

func (s *server) patchProvider(ctx context.Context, in *patchProviderInput) (*body[Provider], error) {
	var out *idp.Provider
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		p, err := s.openProvider(ctx, in.ID)
		if err != nil {
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
		p.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		sealed, err := s.sealProvider(p)
		if err != nil {
			return err
		}
		if err := s.checkIdentities(ctx, p); err != nil {
			return err
		}
		if err := s.Store.UpdateProvider(ctx, p, sealed); err != nil {
			return err
		}
		out = p
		return s.Audit.Write(ctx, providerEvent(audit.ProviderUpdated, p))
	})
	if err != nil {
		return nil, err
	}
	return &body[Provider]{s.providerView(out)}, nil
}

func (s *server) deleteProvider(ctx context.Context, in *ProviderIDInput) (*nothing, error) {
	return &nothing{}, s.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.Store.Provider(ctx, in.ID)
		if err != nil {
			return missing("provider", in.ID, err)
		}
		if err := s.Store.DeleteProvider(ctx, in.ID); err != nil {
			return err
		}
		return s.Audit.Write(ctx, providerEvent(audit.ProviderDeleted, row.Provider))
	})
}

func (s *server) openProvider(ctx context.Context, id string) (*idp.Provider, error) {
	row, err := s.Store.Provider(ctx, id)
	if err != nil {
		return nil, missing("provider", id, err)
	}
	return directory.Open(row, s.Keyring)
}

// sealProvider validates a provider, fills in its defaults, and seals its secret.
func (s *server) sealProvider(p *idp.Provider) (string, error) {
	if err := upstream.Validate(p); err != nil {
		return "", err
	}
	for i, v := range p.Vouchers {
		if !s.Contexts.Has(v.Context) {
			return "", idp.Invalidf(fmt.Sprintf("vouches_for[%d].context", i), "There is no context %s here. The setting authentication_contexts has: %s.", v.Context, strings.Join(s.Contexts.Values(), ", "))
		}
	}
	sealed, err := s.Keyring.Seal([]byte(p.ClientSecret), directory.ProviderBinding(p.ID))
	if err != nil {
		return "", fmt.Errorf("seal the secret of provider %s: %w", p.ID, err)
	}
	return sealed, nil
}

// checkIdentities holds a provider against those there are, before it is written.
func (s *server) checkIdentities(ctx context.Context, p *idp.Provider) error {
	sealed, err := s.Store.Providers(ctx)
	if err != nil {
		return err
	}
	rows := make([]*idp.Provider, len(sealed))
	for i, row := range sealed {
		rows[i] = row.Provider
	}
	return upstream.CheckIdentities(p, rows)
}

// checkContexts names the contexts that a provider vouches for and that the settings do not have any more.
func (s *server) checkContexts(p *idp.Provider) (out []upstream.Finding) {
	for _, context := range p.Vouchable() {
		if !s.Contexts.Has(context) {
			out = append(out, upstream.Finding{
				Check: "contexts", Level: upstream.LevelWarning, Cause: "It vouches for " + context + ", which is no authentication context here: nobody gets it.",
				Mend: "Add it to the setting authentication_contexts, or `idp provider update " + p.ID + " --vouches-for …` without it.",
			})
		}
	}
	return out
}

func providerEvent(t audit.Type, p *idp.Provider) audit.Event {
	return audit.Event{Type: t, Details: map[string]string{"provider_id": p.ID, "type": p.Type, "issuer": p.Issuer}}
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
