package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/keys/keystest"
	"idp/internal/outbound"
	"idp/internal/provider"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/storetest"
	"idp/internal/upstream"
)

const (
	testIssuer   = "https://idp.example/sso"
	adminToken   = "admin-token"
	weakToken    = "token-without-the-scope"
	goodPassword = "violet kettle marches north"
)

// world is a server over a real database, behind real HTTP.
type world struct {
	Dependencies
	url  string
	log  *buffer
	spec *huma.OpenAPI

	patterns map[string]*regexp.Regexp // of the described paths
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db := storetest.New(t)
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(err)
	hasher, err := secret.NewHasher(secret.HasherConfig{Params: secret.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}})
	must(err)
	log := &buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	events := audit.New(audit.Config{Store: db, Logger: logger})
	sessions := session.New(session.Config{Store: db, Keyring: ring, Audit: events, Issuer: testIssuer, Logger: logger})
	signing := keystest.New(t, keys.Config{Store: db, Keyring: ring, Logger: logger, PublishBefore: time.Hour, MaxTokenLife: time.Hour})
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}})
	must(err)
	clients, err := client.New(client.Config{Store: db, Keyring: ring, Audit: events, Issuer: testIssuer, Logger: logger, Outbound: out, EnsureKeys: signing.Ensure})
	must(err)
	contexts := idp.AuthenticationContexts{{ACR: "urn:example:low", AMR: []string{"pwd"}}, {ACR: "urn:example:gold"}}
	providers, err := provider.New(provider.Config{Store: db, Keyring: ring, Audit: events, Upstream: upstream.New(upstream.Config{HTTPClient: http.DefaultClient, Logger: logger}), Contexts: contexts})
	must(err)
	w := &world{log: log, Dependencies: Dependencies{
		Issuer: testIssuer, Store: db, Keyring: ring, Clients: clients, Sessions: sessions, Audit: events, Keys: signing, Logger: logger, Contexts: contexts, Providers: providers,
		Accounts:     account.New(account.Config{Store: db, Keyring: ring, Hasher: hasher, Audit: events, Sessions: sessions, Logger: logger}),
		Authenticate: authenticate,
	}}
	h, err := New(w.Dependencies)
	must(err)
	w.spec, w.patterns = newServer(Dependencies{}, Path).api.OpenAPI(), map[string]*regexp.Regexp{}
	for path := range w.spec.Paths {
		w.patterns[path] = regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$")
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(rw, r.WithContext(idp.WithPeer(r.Context(), idp.Peer{RequestID: "request-1", Address: "192.0.2.1"})))
	}))
	t.Cleanup(server.Close)
	w.url = server.URL + "/sso" + Path
	return w
}

func authenticate(_ http.Header, r *http.Request) (idp.Actor, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer " + adminToken:
		return idp.Actor{Kind: "user", ID: "admin-1"}, nil
	case "Bearer " + weakToken:
		return idp.Actor{}, &idp.Error{Kind: idp.Forbidden, Code: "insufficient_scope", Message: "The token lacks the scope idp.admin."}
	case "Bearer broken":
		return idp.Actor{}, errors.New("secret inner cause")
	}
	return idp.Actor{}, &idp.Error{Kind: idp.Unauthenticated, Code: "invalid_token", Message: "There is no token, or it is not good any more."}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
}

// json decodes the body.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.text), &m); err != nil {
		t.Fatalf("body of %d is no JSON object: %v\n%s", a.status, err, a.text)
	}
	return m
}

// send makes a request as it is told, and holds the answer against the description.
func (w *world) send(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(text)}
	w.conform(t, method, path, a)
	return a
}

// want is send with the status that must come.
func (w *world) want(t testing.TB, status int, method, path, body string, header ...string) answer {
	t.Helper()
	a := w.send(t, method, path, body, header...)
	if a.status != status {
		t.Fatalf("%s %s: got %d, want %d\n%s", method, path, a.status, status, a.text)
	}
	return a
}

// conform fails if an answer is not as the description says, or lacks what every answer must have.
func (w *world) conform(t testing.TB, method, path string, a answer) {
	t.Helper()
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s %s: Cache-Control is %q, want no-store", method, path, got)
	}
	if a.status >= 500 && a.status != http.StatusServiceUnavailable {
		t.Errorf("%s %s: got %d\n%s\n%s", method, path, a.status, a.text, w.log)
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s %s: has %s, want no CORS (SEC-2)", method, path, name)
		}
	}
	var schema *huma.Schema
	kind := a.header.Get("Content-Type")
	if a.status >= 300 {
		if kind != idp.MediaProblem {
			t.Errorf("%s %s: %d is %q, want %s\n%s", method, path, a.status, kind, idp.MediaProblem, a.text)
			return
		}
		schema = w.spec.Components.Schemas.Map()["Problem"]
	} else if op := w.operation(method, path); op == nil {
		return
	} else {
		r := op.Responses[itoa(a.status)]
		if r == nil {
			t.Errorf("%s %s: %d is not described", method, path, a.status)
			return
		}
		if r.Content["application/json"] == nil {
			if a.text != "" {
				t.Errorf("%s %s: %d has a body that is not described: %s", method, path, a.status, a.text)
			}
			return
		}
		schema = r.Content["application/json"].Schema
	}
	var parsed any
	if err := json.Unmarshal([]byte(a.text), &parsed); err != nil {
		t.Errorf("%s %s: body is no JSON: %v\n%s", method, path, err, a.text)
		return
	}
	result := &huma.ValidateResult{}
	huma.Validate(w.spec.Components.Schemas, schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, parsed, result)
	for _, err := range result.Errors {
		t.Errorf("%s %s: %d does not conform: %v\n%s", method, path, a.status, err, a.text)
	}
}

var parameter = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

// operation finds the description of a path.
func (w *world) operation(method, path string) *huma.Operation {
	path, _, _ = strings.Cut(path, "?")
	var found *huma.Operation
	for pattern, item := range w.spec.Paths {
		if pattern == path {
			return operationsOf(item)[method]
		}
		if w.patterns[pattern].MatchString(path) {
			if op := operationsOf(item)[method]; op != nil {
				found = op
			}
		}
	}
	return found
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// events returns all audit events.
func (w *world) events(t testing.TB) []*idp.AuditEvent {
	t.Helper()
	var all []*idp.AuditEvent
	after := ""
	for {
		list, err := w.Store.AuditEvents(context.Background(), "", store.Page{After: after, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return all
		}
		all = append(all, list...)
		after = list[len(list)-1].ID
	}
}

// writes fails unless do leaves exactly one event, of a type, by the caller (FS-29).
func (w *world) writes(t testing.TB, eventType audit.Type, do func()) {
	t.Helper()
	before := len(w.events(t))
	do()
	fresh := w.events(t)[before:]
	if len(fresh) != 1 || fresh[0].Type != string(eventType) {
		var types []string
		for _, e := range fresh {
			types = append(types, e.Type)
		}
		t.Errorf("audit events: got %v, want %s alone", types, eventType)
		return
	}
	if e := fresh[0]; e.ActorKind != "user" || e.ActorID != "admin-1" || e.RequestID != "request-1" {
		t.Errorf("audit event %s: actor %s %s, request %s, want the caller and the request", e.Type, e.ActorKind, e.ActorID, e.RequestID)
	}
}

// user makes an account, and returns its id.
func (w *world) user(t testing.TB, email string) string {
	t.Helper()
	return w.want(t, http.StatusCreated, "POST", "/users", `{"email":"`+email+`","password":"`+goodPassword+`"}`).json(t)["id"].(string)
}

// session signs a user in, and returns the session's id.
func (w *world) session(t testing.TB, userID string) string {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Microsecond)
	s := &idp.Session{
		ID: idp.NewID(), UserID: userID, AuthTime: at, AMR: []string{"pwd"}, UserAgent: "test", Address: "192.0.2.7",
		CreatedAt: at, LastSeenAt: at, IdleExpiresAt: at.Add(time.Hour), ExpiresAt: at.Add(time.Hour),
	}
	if err := w.Store.CreateSession(context.Background(), s, []byte(idp.NewID()), nil); err != nil {
		t.Fatal(err)
	}
	return s.ID
}
