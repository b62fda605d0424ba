package clients

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"idp/e2e/server"
)

// toolServer is a tool server of the Model Context Protocol with one tool, whoami. It takes access tokens for itself alone.
type toolServer struct {
	*httptest.Server
	address  string // and its identifier
	metadata string // of itself, at the authorization server
	tokens   *oidc.IDTokenVerifier

	mu   sync.Mutex
	seen []string // tokens that it took
	gone []string // tokens that it takes no more
}

func newToolServer(t testing.TB) *toolServer {
	t.Helper()
	s := &toolServer{}
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", s.serve)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	s.address = s.URL + "/mcp"
	return s
}

// join makes the tool server known to an authorization server, as docs/mcp.md says.
func (s *toolServer) join(t testing.TB, as *server.Server) {
	t.Helper()
	as.Run(t, "resource", "create", "tools", "--identifier", s.address, "--name", "Tools", "--scope", "tools.read,tools.write")
	s.metadata = as.Issuer + "/.well-known/oauth-protected-resource/tools"
	provider, err := oidc.NewProvider(context.Background(), as.Issuer)
	if err != nil {
		t.Fatalf("the tool server reads the discovery document: %v", err)
	}
	s.tokens = provider.Verifier(&oidc.Config{ClientID: s.address})
	eventually(t, "the metadata of the tool server", func() bool {
		res, err := http.Get(s.metadata)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// forget makes it take none of the tokens that it has seen.
func (s *toolServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = slices.Clone(s.seen)
}

// who returns whose token a request has, "" for nobody's.
func (s *toolServer) who(r *http.Request) string {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	token, err := s.tokens.Verify(r.Context(), text) // signature, issuer, audience, time
	var claims struct {
		Scope string `json:"scope"`
	}
	if err != nil || token.Claims(&claims) != nil || !slices.Contains(strings.Fields(claims.Scope), "tools.read") {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.gone, text) {
		return ""
	}
	s.seen = append(s.seen, text)
	return token.Subject
}

func (s *toolServer) serve(w http.ResponseWriter, r *http.Request) {
	who := s.who(r)
	if who == "" { // RFC 9728 §5.1
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+s.metadata+`", scope="tools.read"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var call struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Version string `json:"protocolVersion"`
		} `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	results := map[string]any{
		"initialize": map[string]any{
			"protocolVersion": call.Params.Version, "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]string{"name": "tools", "version": "1"},
		},
		"tools/call": map[string]any{"content": []any{map[string]string{"type": "text", "text": who}}},
	}
	if call.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": results[call.Method]})
}

// document publishes what an application says of itself at an https address (Client ID Metadata Document), and returns the address and a file with
// the certificate that leads there.
func document(t testing.TB, redirectURI string) (address, caFile string) {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"client_id": s.URL + "/agent.json", "client_name": "Agent", "redirect_uris": []string{redirectURI}, "token_endpoint_auth_method": "none",
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "application_type": "native",
		})
	}))
	t.Cleanup(s.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL + "/agent.json", caFile
}

// The Model Context Protocol's own client, which knows a tool server's address and nothing else, comes to call a tool for a person: by the 401 to the
// metadata of the tool server (RFC 9728), to those of this server (RFC 8414), with its document as its id or by registration (RFC 7591), with PKCE and
// the resource (RFC 8707).
func TestMCP_ToolServersAddressLeadsToItsTools(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		documents bool
		older     bool // the SDK asks for what the 401 names, and never for offline_access
		settings  []server.Option
	}{
		"document":     {true, false, []server.Option{server.Set("IDP_MCP", "true"), server.Set("IDP_CLIENT_DOCUMENTS__TRUST", "open"), server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.0/8")}},
		"registration": {false, false, []server.Option{server.Set("IDP_CLIENT_REGISTRATION__MODE", "open")}},
		"older SDK":    {false, true, []server.Option{server.Set("IDP_CLIENT_REGISTRATION__MODE", "open")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tools, redirectURI := newToolServer(t), landing(t)
			settings := append([]string{"TOOLS=" + tools.address}, "REDIRECT_URI="+redirectURI)
			if c.documents {
				address, caFile := document(t, redirectURI)
				settings = append(settings, "DOCUMENT="+address)
				c.settings = append(c.settings, server.Set("IDP_OUTBOUND__CA_FILE", caFile))
			}
			if c.older {
				settings = append(settings, "OLDER=1")
			}
			s := &site{}
			s.Server = server.Start(t, append(c.settings, server.Seed(s.seed()), server.Set("E2E_APP_SECRET", appSecret))...)
			tools.join(t, s.Server)

			u := someone(t)
			p := launch(t, "tools.mjs", settings...)
			to := p.hear().text("to")
			asked := parse(t, to).Query()
			if asked.Get("resource") != tools.address || asked.Get("code_challenge_method") != "S256" || c.documents != strings.HasPrefix(asked.Get("client_id"), "https://") {
				t.Errorf("the SDK asks with %v", asked)
			}
			// MCP 2026-07-28: the metadata of this server list offline_access, and no tool server names it.
			if asks := slices.Contains(strings.Fields(asked.Get("scope")), "offline_access"); asks == c.older {
				t.Errorf("the SDK asks for the scope %q", asked.Get("scope"))
			}
			person := visitor(t)
			g := person.open(to).login(u)
			if !g.Is("scope-tools.read") || !g.Is("allow") {
				t.Fatalf("want the question whether the agent may read with the tools, got %s", g.Describe())
			}
			p.tell(map[string]string{"callback": g.submit("allow").URL.String()})
			first := p.hear()
			if first.text("content") == "" || first.object("client").text("client_id") != asked.Get("client_id") {
				t.Fatalf("want the tool to know the person, got %v\n%s", first, p.log)
			}
			// The access token is taken no more: the SDK refreshes, and the person notices nothing; or it sends the person here, who is still signed in.
			tools.forget()
			p.tell(map[string]string{"then": "again"})
			second := p.hear()
			if c.older {
				if back := person.open(second.text("to")).submit("allow").URL; !strings.HasPrefix(back.String(), redirectURI) || !back.Query().Has("code") {
					t.Errorf("without a refresh token: got %v and %s, want the person sent here, asked without a password, and sent back", second, back)
				}
				return
			}
			if second.text("content") != first.text("content") {
				t.Fatalf("after the refresh: %v, want %q again\n%s", second, first.text("content"), p.log)
			}
			for _, kind := range []string{"access_token", "refresh_token"} {
				if was, is := first.object("tokens").text(kind), second.object("tokens").text(kind); is == "" || was == is {
					t.Errorf("%s: got %q after %q, want another", kind, is, was)
				}
			}
			p.tell(map[string]string{"then": "stop"})
			p.end()
		})
	}
}

func TestMCP_DenialReachesTheAgent(t *testing.T) { // RFC 6749 §4.1.2.1
	t.Parallel()
	tools := newToolServer(t)
	s := &site{}
	s.Server = server.Start(t, server.Seed(s.seed()), server.Set("E2E_APP_SECRET", appSecret), server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"))
	tools.join(t, s.Server)
	p := launch(t, "tools.mjs", "TOOLS="+tools.address, "REDIRECT_URI="+landing(t))
	g := visitor(t).open(p.hear().text("to")).login(someone(t)).submit("deny")
	p.tell(map[string]string{"callback": g.URL.String()})
	if got := p.end().text("error"); got != "access_denied" {
		t.Errorf("after a no: %q, want access_denied\n%s", got, p.log)
	}
}
