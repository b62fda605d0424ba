package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/authdetail"
	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/provider"
	"idp/internal/resource"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
)

// Path is where the interface lies below the issuer.
const Path = "/api/v1"

// Scope is the scope that an access token needs.
const Scope = idp.ScopeAdmin

// Dependencies is what the handlers call; every field but Contexts is required.
type Dependencies struct {
	Issuer    string
	Store     *store.Store
	Keyring   *secret.Keyring
	Clients   *client.Service
	Accounts  *account.Service
	Sessions  *session.Manager
	Audit     *audit.Log
	Keys      *keys.Manager
	Providers *provider.Service
	Contexts  idp.AuthenticationContexts // that sessions may satisfy
	Logger    *slog.Logger
	// Authenticate says who calls: an *idp.Error of kind Unauthenticated for nobody, of kind Forbidden for somebody whose token lacks
	// the scope or whose account lacks the role. It may put a challenge of its own into the header of the answer.
	Authenticate func(answer http.Header, r *http.Request) (idp.Actor, error)
}

type server struct {
	Dependencies
	mux         *http.ServeMux
	api         huma.API
	details     *authdetail.Types
	protected   *resource.Service
	conditional map[string]bool // the patterns of operations that look at If-Match
}

// New returns the handler of everything below the issuer's path + Path.
func New(d Dependencies) (http.Handler, error) {
	if d.Store == nil || d.Keyring == nil || d.Clients == nil || d.Accounts == nil || d.Sessions == nil || d.Audit == nil || d.Keys == nil ||
		d.Providers == nil || d.Logger == nil || d.Authenticate == nil {
		return nil, errors.New("api: a dependency is missing")
	}
	issuer, err := url.Parse(d.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, errors.New("api: the issuer is no address")
	}
	s := newServer(d, strings.TrimSuffix(issuer.Path, "/")+Path)
	document := sync.OnceValues(s.document) // nobody waits for it at start
	s.mux.HandleFunc("GET "+strings.TrimSuffix(issuer.Path, "/")+Path+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		text, err := document()
		if err != nil {
			s.Logger.Error("the description of the interface cannot be written", slog.Any("error", err))
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", idp.MediaJSON)
		_, _ = w.Write(text)
	})
	return http.HandlerFunc(s.serve), nil
}

// Document returns the OpenAPI 3.1 description of the interface.
func Document() ([]byte, error) { return newServer(Dependencies{}, Path).document() }

func (s *server) document() ([]byte, error) {
	b, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	return append(b, '\n'), err
}

func newServer(d Dependencies, prefix string) *server {
	s := &server{Dependencies: d, mux: http.NewServeMux()}
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: json.Unmarshal}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "idp administration", Version: "1",
				Description: "Errors are problem details (RFC 9457) with a stable code. Lists are pages: pass next as after. A member of a body that is null is as if it were not there. Objects kept in files are changed with force=true only.",
			},
			Servers: []*huma.Server{{URL: Path}},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", Description: "An access token of this server with the scope " + Scope + "."}},
			},
			Security: []map[string][]string{{"bearer": {}}},
		},
		Formats:                      map[string]huma.Format{idp.MediaJSON: format, "json": format},
		DefaultFormat:                idp.MediaJSON,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{s.repair},
	}
	s.api = humago.NewWithPrefix(s.mux, prefix, config)
	s.details = &authdetail.Types{Store: s.Store, Audit: s.Audit}
	s.protected = &resource.Service{Store: s.Store, Audit: s.Audit}
	s.whoami()
	s.clients()
	s.clientFiles()
	s.strangers()
	s.resources()
	s.authorizationTypes()
	s.users()
	s.userAccess()
	s.sessions()
	s.keys()
	s.providers()
	s.records()
	s.conditional = map[string]bool{}
	for path, item := range s.api.OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			s.conditional[method+" "+prefix+path] = slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "If-Match" })
		}
	}
	// The framework describes its own errors, which repair replaces.
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	return s
}

// serve authenticates and checks a request before anything looks at it.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	actor, err := s.Authenticate(h, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	peer := idp.PeerOf(r.Context())
	peer.Actor = actor
	r = r.WithContext(idp.WithPeer(r.Context(), peer))
	if p := s.route(r); p != nil {
		p.write(w, r)
		return
	}
	if p := checkRequest(w, r); p != nil {
		p.write(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// operationsOf returns the operations of a path by their method.
func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	out := map[string]*huma.Operation{}
	for method, op := range map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	} {
		if op != nil {
			out[method] = op
		}
	}
	return out
}

// route returns the problem of a request that no operation takes. The mux would answer in plain text, or redirect a path that is not clean.
func (s *server) route(r *http.Request) *Problem {
	handler, pattern := s.mux.Handler(r)
	if pattern != "" && clean(r.URL.EscapedPath()) {
		return s.checkConditions(r, pattern)
	}
	probe := &probe{header: http.Header{}}
	if pattern == "" {
		handler.ServeHTTP(probe, r)
	}
	if probe.status == http.StatusMethodNotAllowed {
		p := problem(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not take "+r.Method+".")
		p.headers = http.Header{"Allow": probe.header["Allow"]}
		return p
	}
	return problem(http.StatusNotFound, "not_found", "There is nothing at this address. The description of the interface is at "+Path+"/openapi.json.")
}

// clean reports whether the mux would take an escaped path as it is. Within a name, such as a user's id from elsewhere, everything is escaped but dots.
func clean(path string) bool {
	return !strings.Contains(path, "//") && !strings.Contains(path+"/", "/./") && !strings.Contains(path+"/", "/../")
}

// probe sees what a handler would answer.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// operation is what a route is beside its handler.
type operation struct {
	id      string
	method  string
	path    string
	summary string
	status  int // of success; 200 if 0
	tag     string
}

// add registers one operation. Its handler is a plain function, so that the framework can be changed.
func add[I, O any](s *server, o operation, handle func(ctx context.Context, in *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, DefaultStatus: o.status, Tags: []string{o.tag},
		MaxBodyBytes: maxBody, Responses: map[string]*huma.Response{
			"default": {
				Description: "A problem",
				Content:     map[string]*huma.MediaType{idp.MediaProblem: {Schema: s.problemSchema()}},
			},
		},
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}
