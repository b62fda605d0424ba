package idp

import (
	"errors"
	"strings"
	"time"
)

// Resource is a protected resource of the operator's, such as an API or a tool server (RFC 8707 §2, RFC 9728 §1.2): what access tokens can
// be asked for by its identifier, and what its metadata document says.
type Resource struct {
	ID            string    `json:"-"`                                // short, for people and paths
	Identifier    string    `json:"resource"`                         // its address; the aud of its access tokens
	Name          string    `json:"resource_name,omitempty"`          // shown to people
	Scopes        []string  `json:"scopes_supported,omitempty"`       // what may be asked of it
	Documentation string    `json:"resource_documentation,omitempty"` // for developers
	PolicyURI     string    `json:"resource_policy_uri,omitempty"`    // what an application may do with its data
	TosURI        string    `json:"resource_tos_uri,omitempty"`       // terms of service
	DPoPRequired  bool      `json:"dpop_bound_access_tokens_required,omitempty"`
	CreatedAt     time.Time `json:"-"`
	UpdatedAt     time.Time `json:"-"`
}

// Validate returns every fault of a resource at once, joined; each is an *Error that names its field.
func (r *Resource) Validate() error {
	f := &faults{}
	if !ValidClientID(r.ID) || IsClientURL(r.ID) {
		f.add("id", "The id %s is not made of at most %d letters, digits, dashes, underscores and dots with a letter or digit first.", quote(r.ID), maxClientID)
	}
	// RFC 9728 §1.2: https, no fragment. http is for this computer, as it is everywhere here.
	if !isWebAddress(r.Identifier) || strings.ContainsAny(r.Identifier, "#?") || len(r.Identifier) > maxClientURL {
		f.add("resource", "%s is no https address without a query and a fragment, of at most %d bytes. Write the address that applications call, such as https://tools.example/mcp.", quote(r.Identifier), maxClientURL)
	}
	if r.Name != "" && !isShownName(r.Name) {
		f.add("resource_name", "The name %s has invisible characters, spaces around it, or more than %d characters.", quote(r.Name), maxName)
	}
	checkEntries(f, "scopes_supported", r.Scopes, wordFault)
	for i, scope := range r.Scopes {
		if scope == ScopeAdmin {
			f.add(at("scopes_supported", i), "The scope %q is for the administration of this server alone.", ScopeAdmin)
		}
		// MCP 2026-07-28: how long a client has access is between it and the authorization server.
		if scope == ScopeOfflineAccess {
			f.add(at("scopes_supported", i), "The scope %q is this server's own and asks for nothing of a resource: applications ask for it by themselves. Leave it out.", ScopeOfflineAccess)
		}
	}
	for _, link := range []struct{ field, uri string }{
		{"resource_documentation", r.Documentation}, {"resource_policy_uri", r.PolicyURI}, {"resource_tos_uri", r.TosURI},
	} {
		if link.uri != "" && !isWebAddress(link.uri) {
			f.add(link.field, "%s is no https address. Write it in full, such as https://app.example/about.", quote(link.uri))
		}
	}
	return errors.Join(f.list...)
}

// WellKnownResource is where metadata of protected resources lie (RFC 9728 §3).
const WellKnownResource = "/.well-known/oauth-protected-resource"

// MetadataURL returns where the server with the issuer publishes the resource's metadata under its id. A resource tells this address in its
// challenges (resource_metadata, RFC 9728 §5.1).
func (r *Resource) MetadataURL(issuer string) string { return issuer + WellKnownResource + "/" + r.ID }
