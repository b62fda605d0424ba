package upstreamtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
)

// OP is an OpenID Provider with one client and one person at a time. It is safe for concurrent use.
type OP struct {
	// Issuer is the address of the provider. In process it may be set to anything, such as https://accounts.google.com or an
	// issuer with a path, before the first request.
	Issuer string
	// ClientID and ClientSecret are the credentials of the one client that it knows.
	ClientID, ClientSecret string

	t       testing.TB
	closing chan struct{}
	page    *template.Template

	mu             sync.Mutex
	person         Person
	script         Script
	codes          map[string]*grant
	accessTokens   map[string]*grant
	authorizations []url.Values
	tokenRequests  []TokenRequest
	counts         map[string]int
	keyNumber      int
	signer         *ecdsa.PrivateKey
	stranger       *ecdsa.PrivateKey // in no key set
	rsaKey         *rsa.PrivateKey   // made when first needed: it is slow
	bytesSent      int64
}

// Person is who signs in. The zero values of the claims are left out of the ID token.
type Person struct {
	Subject       string
	Email         string
	EmailVerified any // true, false, "true", or nil to leave it out
	Name          string
	GivenName     string
	FamilyName    string
	HostedDomain  string
	Extra         map[string]any // further claims
}

// TokenRequest is what came to the token endpoint.
type TokenRequest struct {
	Form  url.Values
	Basic bool // the client used the Authorization header
}

type grant struct {
	request url.Values
	person  Person
	used    bool
}

// Start returns a provider that listens on loopback until the test ends.
func Start(t testing.TB) *OP {
	t.Helper()
	op := build(t)
	server := httptest.NewServer(op)
	op.Issuer = server.URL
	t.Cleanup(func() {
		close(op.closing)
		server.Close()
	})
	return op
}

// NewInProcess returns a provider without a socket: use its Client. Inside a synctest bubble, time moves while it hangs.
func NewInProcess(t testing.TB) *OP {
	t.Helper()
	op := build(t)
	op.Issuer = "http://op" + strings.ToLower(rand.Text()[:8]) + ".localhost"
	t.Cleanup(func() { close(op.closing) })
	return op
}

func build(t testing.TB) *OP {
	t.Helper()
	op := &OP{
		ClientID: "idp-at-upstream", ClientSecret: rand.Text(), t: t, closing: make(chan struct{}),
		page:  template.Must(template.New("authorize").Parse(authorizePage)),
		codes: map[string]*grant{}, accessTokens: map[string]*grant{}, counts: map[string]int{},
		signer: newECKey(t), stranger: newECKey(t), keyNumber: 1,
		person: Person{
			Subject: "Upstream-Subject-1", Email: "ursula@corp.example", EmailVerified: true,
			Name: "Ursula Upstream", GivenName: "Ursula", FamilyName: "Upstream",
		},
	}
	return op
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Row returns the configuration of this provider under the given id, as type "oidc". The caller may change it.
func (op *OP) Row(id string) idp.Provider {
	return idp.Provider{
		ID: id, Type: "oidc", Name: "Fake " + id, Issuer: op.Issuer, ClientID: op.ClientID, ClientSecret: op.ClientSecret,
		Linking: idp.LinkProve, Provision: true, CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC(),
	}
}

// GoogleRow returns the configuration of this provider as if it were Google: the preset with another issuer.
func (op *OP) GoogleRow(id string) idp.Provider {
	row := op.Row(id)
	row.Type, row.Name = "google", ""
	return row
}

// SignIn sets who signs in from now on. Codes that were given out stay with whom they were given for.
func (op *OP) SignIn(p Person) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.person = p
}

// Script changes the knobs.
func (op *OP) Script(change func(*Script)) {
	op.mu.Lock()
	defer op.mu.Unlock()
	change(&op.script)
}

// RotateKey replaces the signing key; the key set shows the new one only.
func (op *OP) RotateKey() {
	key := newECKey(op.t)
	op.mu.Lock()
	defer op.mu.Unlock()
	op.signer = key
	op.keyNumber++
}

// Count returns how many requests a path of the provider has had: "/jwks", "/token", "/userinfo", "/authorize" or
// "/.well-known/openid-configuration".
func (op *OP) Count(path string) int {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.counts[path]
}

// BytesSent returns how much padding has been written (Script.JWKSPadding).
func (op *OP) BytesSent() int64 {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.bytesSent
}

// Authorizations returns the parameters of all authorization requests so far.
func (op *OP) Authorizations() []url.Values {
	op.mu.Lock()
	defer op.mu.Unlock()
	return append([]url.Values(nil), op.authorizations...)
}

// TokenRequests returns what came to the token endpoint so far.
func (op *OP) TokenRequests() []TokenRequest {
	op.mu.Lock()
	defer op.mu.Unlock()
	return append([]TokenRequest(nil), op.tokenRequests...)
}

// Authorize plays the browser and the person: it takes the address that the browser was sent to and returns the parameters
// of the callback. A request that no provider could answer fails the test.
func (op *OP) Authorize(redirectURL string) url.Values {
	op.t.Helper()
	u, err := url.Parse(redirectURL)
	if err != nil {
		op.t.Errorf("redirect to the upstream: %v", err)
		return nil
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != op.Issuer+"/authorize" {
		op.t.Errorf("the browser was sent to %s, want %s", got, op.Issuer+"/authorize")
		return nil
	}
	_, answer, err := op.answer(u.Query(), true)
	if err != nil {
		op.t.Errorf("authorization request at the upstream: %v", err)
	}
	return answer
}

// Client returns an HTTP client that reaches this provider without a socket.
func (op *OP) Client() *http.Client { return &http.Client{Transport: inProcess{op}} }

// Transport returns the RoundTripper of Client, for a test that puts several providers side by side.
func (op *OP) Transport() http.RoundTripper { return inProcess{op} }

type inProcess struct{ op *OP }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	path, ours := strings.CutPrefix(req.URL.Scheme+"://"+req.URL.Host+req.URL.Path, p.op.Issuer+"/")
	if !ours {
		return nil, errors.New("no such address: " + req.URL.Host + req.URL.Path)
	}
	server := req.Clone(req.Context())
	server.URL.Path, server.URL.RawPath = "/"+path, ""
	server.RequestURI = server.URL.RequestURI()
	if server.Body == nil {
		server.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	p.op.ServeHTTP(rec, server)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}
