package oauth

import (
	"context"
	"fmt"
)

// named is what discovery names that operators change while the server runs.
type named struct {
	resources    []string // RFC 9728 §4
	detailsTypes []string // RFC 9396 §10
}

// ReloadDiscovery writes the document anew, after protected resources or authorization types changed.
func (p *Provider) ReloadDiscovery(ctx context.Context) error {
	var n named
	if p.Resources != nil {
		p.Resources.Forget()
		list, err := p.Resources.All(ctx)
		if err != nil {
			return err
		}
		for _, one := range list {
			n.resources = append(n.resources, one.Identifier)
		}
	}
	types, err := p.Store.AuthorizationTypes(ctx)
	if err != nil {
		return fmt.Errorf("reload discovery: %w", err)
	}
	for _, one := range types {
		n.detailsTypes = append(n.detailsTypes, one.Name)
	}
	meta, err := p.discovery(n)
	if err != nil {
		return fmt.Errorf("reload discovery: %w", err)
	}
	p.meta.Store(&meta)
	return nil
}
