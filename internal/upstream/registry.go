package upstream

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"idp/internal/idp"
)

// The provider types.
const (
	TypeOIDC   = "oidc"
	TypeGoogle = "google"
	TypeOAuth2 = "oauth2"
	TypeGitHub = "github"
)

const (
	clauseIDToken = "OpenID Connect Core §3.1.3.7"
	clauseCode    = "RFC 6749 §4.1"
)

// TypeInfo describes a provider type for documentation, the CLI and completion.
type TypeInfo struct {
	Type         string
	Title        string
	Summary      string
	Needs        []string // the fields that have no default
	HostedDomain bool     // whether hosted_domain means anything to it
	Clause       string   // what a broken answer broke
}

// kind is one row of the table of types.
type kind struct {
	info   TypeInfo
	preset func(*idp.Provider)            // fills in what the operator left out
	check  func(*idp.Provider, faultFunc) // what is asked of this type beside what is asked of all
	build  func(deps, idp.Provider) Provider
	probe  func(context.Context, deps, *idp.Provider) []Finding
}

// deps is what every provider is built with.
type deps struct {
	client *http.Client
	logger *slog.Logger
}

// kinds is the table of types. A new kind of upstream is a file with its constructor, and a row here.
func kinds() []kind {
	return []kind{
		{
			info: TypeInfo{
				Type: TypeGoogle, Title: "Google", HostedDomain: true, Clause: clauseIDToken,
				Summary: "Google accounts, or with hosted_domain those of one Google Workspace",
				Needs:   []string{"client_id", "client_secret"},
			},
			preset: presetGoogle, check: checkGoogle, build: newOIDC, probe: probeOIDC,
		},
		{
			info: TypeInfo{
				Type: TypeGitHub, Title: "GitHub", Clause: clauseCode,
				Summary: "GitHub accounts",
				Needs:   []string{"client_id", "client_secret"},
			},
			preset: presetGitHub, check: checkGitHub, build: newOAuth2, probe: probeOAuth2,
		},
		{
			info: TypeInfo{
				Type: TypeOIDC, Title: "OpenID Connect", Clause: clauseIDToken,
				Summary: "any provider with OpenID Connect discovery: GitLab, Microsoft Entra, Keycloak, another idp",
				Needs:   []string{"name", "issuer", "client_id", "client_secret"},
			},
			preset: presetOIDC, check: checkOIDC, build: newOIDC, probe: probeOIDC,
		},
		{
			info: TypeInfo{
				Type: TypeOAuth2, Title: "OAuth 2", Clause: clauseCode,
				Summary: "any provider of plain OAuth 2 with an address that says who signed in: Discord, a GitHub Enterprise Server",
				Needs:   []string{"name", "client_id", "client_secret", "authorization_url", "token_url", "userinfo_url", "claims.subject"},
			},
			preset: presetOAuth2, check: checkOAuth2, build: newOAuth2, probe: probeOAuth2,
		},
	}
}

func kindOf(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.info.Type == name {
			return k, true
		}
	}
	return kind{}, false
}

// Clause returns the clause that a broken answer of a type of provider breaks.
func Clause(name string) string {
	k, _ := kindOf(name)
	return k.info.Clause
}

// Types returns the provider types that there are.
func Types() []TypeInfo {
	var out []TypeInfo
	for _, k := range kinds() {
		out = append(out, k.info)
	}
	return out
}

// Config is what a Registry needs.
type Config struct {
	HTTPClient *http.Client // nil: NewHTTPClient(). It is wrapped in the guards of this package either way.
	Logger     *slog.Logger // nil: discarded
}

// Registry builds a Provider for each row and keeps it, with its discovery document and keys, until the row changes. It is
// safe for concurrent use.
type Registry struct {
	deps deps

	mu    sync.Mutex
	built map[string]entry // by provider id
}

type entry struct {
	updatedAt time.Time
	provider  Provider
}

// New returns an empty Registry.
func New(cfg Config) *Registry {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Registry{deps: deps{client: guarded(cfg.HTTPClient), logger: logger}, built: map[string]entry{}}
}

// Get returns the Provider of a row, built anew when its UpdatedAt differs from the last time. It does no I/O. A disabled row is
// idp.ErrNotFound; one that does not pass Validate is refused with all its faults.
func (r *Registry) Get(_ context.Context, p idp.Provider) (Provider, error) {
	if p.Disabled {
		return nil, &idp.Error{
			Kind: idp.NotFound, Code: "provider_disabled",
			Message: "This way of signing in has been switched off. Use another one.",
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.built[p.ID]; ok && e.updatedAt.Equal(p.UpdatedAt) {
		return e.provider, nil
	}
	if err := Validate(&p); err != nil {
		return nil, misconfigured(cmp.Or(p.Name, p.ID), err)
	}
	kind, _ := kindOf(p.Type)
	provider := kind.build(r.deps, p)
	r.built[p.ID] = entry{updatedAt: p.UpdatedAt, provider: provider}
	return provider, nil
}
