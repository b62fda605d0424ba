package clients

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/clients/goapp"
	"idp/e2e/server"
)

// appSecret is the secret of every confidential client.
const appSecret = "6J2n3Vq9xqkYp5Yw7s0c1mT4bK8dR2fZ"

// crowd is the number of users.
const crowd = 120

func member(n int) server.User { return server.Person(fmt.Sprintf("member%03d", n)) }

// site is a server and the applications that trust it.
type site struct {
	*server.Server
	apps map[string]*app
}

func (s *site) app(t testing.TB, id string) *app {
	t.Helper()
	a := s.apps[id]
	if a == nil {
		t.Fatalf("there is no application %s", id)
	}
	return a
}

// deploy starts a server that knows the applications, and the applications.
func deploy(t testing.TB, list ...variant) *site {
	t.Helper()
	s := &site{apps: map[string]*app{}}
	listeners := map[string]*net.TCPListener{}
	for _, v := range list {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("listen for %s: %v", v.id(), err)
		}
		t.Cleanup(func() { _ = l.Close() }) // a second time, mostly
		listeners[v.id()] = l.(*net.TCPListener)
		s.apps[v.id()] = &app{variant: v, site: s, home: "http://" + l.Addr().String(), log: &tail{}}
	}
	s.Server = server.Start(t, server.Seed(s.seed()), server.Set("E2E_APP_SECRET", appSecret))
	for _, v := range list {
		s.apps[v.id()].start(t, listeners[v.id()])
	}
	return s
}

// seed returns the seed file: a client for each application, and the crowd.
func (s *site) seed() string {
	var b strings.Builder
	b.WriteString("clients:\n")
	for _, a := range s.apps {
		auth := "secret_env: E2E_APP_SECRET"
		if a.public {
			auth = "token_endpoint_auth_methods: [none]"
		}
		if a.strict {
			auth = a.strictSeed()
		}
		if a.idTokenAlg != "" {
			auth += ", contract: {id_token_alg: " + a.idTokenAlg + "}"
		}
		fmt.Fprintf(&b, "  - {client_id: %s, client_name: App of %s, %s, redirect_uris: [%s], post_logout_redirect_uris: [%s/bye],\n"+
			"     grant_types: [authorization_code, refresh_token], scopes: [openid, profile, email, offline_access]}\n",
			a.id(), a.library, auth, `"`+strings.Join(a.redirectURIs(), `", "`)+`"`, a.home)
	}
	b.WriteString(programsSeed())
	b.WriteString("users:\n")
	for n := range crowd {
		u := member(n + 1)
		fmt.Fprintf(&b, "  - {username: %s, email: %s, email_verified: true, password_hash: '%s', name: Member %d}\n", u.Username, u.Email, server.PasswordHash, n+1)
	}
	return b.String()
}

// start starts the application on its listener.
func (a *app) start(t testing.TB, l *net.TCPListener) {
	t.Helper()
	if a.library == "go-oidc" {
		a.serve(t, l)
		return
	}
	files := map[string]string{"authlib": "authlib_app.py", "flask-dance": "flask_dance_app.py", "social-core": "social_core_app.py"}
	var command string
	var arguments []string
	if a.library == "openid-client" {
		command, arguments = node(t), []string{filepath.Join("node", "app.mjs")}
		if a.strict {
			arguments = []string{filepath.Join("node", "strict.mjs")}
		}
	} else {
		command, arguments = python(t), []string{filepath.Join("apps", files[a.library])}
	}
	cmd := exec.Command(command, arguments...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
		"OAUTHLIB_INSECURE_TRANSPORT=1", "AUTHLIB_INSECURE_TRANSPORT=1", // plain http, on this machine only
		"ISSUER=" + a.site.Issuer, "ADDRESS=" + strings.TrimPrefix(a.home, "http://"), "CLIENT_ID=" + a.id(), "SCOPE=" + a.scopes(),
	}
	for name, given := range map[string]bool{
		"CLIENT_SECRET=" + appSecret: !a.public && !a.strict, "CLIENT_KEY=" + strictKey(): a.strict, "SIGNED=1": a.signed, "PKCE=S256": a.pkce, "SIGNATURES=1": a.signatures,
	} {
		if given {
			cmd.Env = append(cmd.Env, name)
		}
	}
	// The socket is open already, so nobody has to wait for the application: requests queue until it takes them.
	socket, err := l.File()
	if err != nil {
		t.Fatalf("give %s its socket: %v", a.id(), err)
	}
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Stdout, cmd.Stderr = a.log, a.log
	life, err := cmd.StdinPipe() // it ends when its input does, however this process ends
	if err != nil {
		t.Fatalf("start %s: %v", a.id(), err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", a.id(), err)
	}
	// Without these a request to an application that has ended would wait for ever.
	_, _ = socket.Close(), l.Close()
	t.Cleanup(func() {
		_ = life.Close()
		stuck := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ends says nothing: the test has spoken
		stuck.Stop()
	})
}

// serve runs the Go application in this process.
func (a *app) serve(t testing.TB, l *net.TCPListener) {
	t.Helper()
	a.wire = &wire{base: http.DefaultTransport.(*http.Transport).Clone()}
	c := goapp.Config{
		Issuer: a.site.Issuer, ClientID: a.id(), ClientSecret: appSecret, Home: a.home, Scopes: strings.Fields(a.scopes()), PKCE: a.pkce,
		HTTP: &http.Client{Transport: a.wire, Timeout: 30 * time.Second},
	}
	if a.public {
		c.ClientSecret = ""
	}
	handler, err := goapp.New(context.Background(), c) // it outlives the test that starts it
	if err != nil {
		t.Fatalf("start %s: %v", a.id(), err)
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
}

// tail keeps what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write appends p and forgets what is long ago.
func (o *tail) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if len(o.text) > 16000 {
		o.text = append(o.text[:0], o.text[len(o.text)-8000:]...)
	}
	return len(p), nil
}

// String returns the end of it.
func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text[max(0, len(o.text)-3000):])
}
