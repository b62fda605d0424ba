package protocol

// An application of the test's own, which listens: it is told of ended sessions.

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

// receiver is an application that is registered with a server and takes logout tokens.
type receiver struct {
	server.Client
	at     string // its origin
	site   *site
	mu     sync.Mutex
	posts  []received
	answer func(n int, w http.ResponseWriter) // to the n-th post, from 1; nil is 200
}

// received is one request.
type received struct {
	at     time.Time
	method string
	header http.Header
	query  string
	form   url.Values
}

// receiver starts an application and registers it, with further flags of `idp client create`, in which AT is its origin.
func (s *site) receiver(t testing.TB, name string, flags ...string) *receiver {
	t.Helper()
	app := &receiver{site: s}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bc" {
			_, _ = io.WriteString(w, "<!doctype html><title>app</title>")
			return
		}
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		app.mu.Lock()
		app.posts = append(app.posts, received{time.Now(), r.Method, r.Header, r.URL.RawQuery, form})
		n, answer := len(app.posts), app.answer
		app.mu.Unlock()
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(listener.Close)
	app.at = strings.Replace(listener.URL, "127.0.0.1", "localhost", 1)
	app.Client = server.Client{ID: name, Secret: "receiver-bring-secret-0123456789abcdefghijklmnopqrst", Redirect: app.at + "/cb", Logout: app.at + "/out"}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(app.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := []string{
		"client", "create", name, "--trusted", "--redirect-uri", app.Redirect, "--post-logout-redirect-uri", app.Logout, "--bring-secret", secret,
		"--scope", "openid,profile,email,offline_access",
	}
	for _, flag := range flags {
		arguments = append(arguments, strings.Replace(flag, "AT/", app.at+"/", 1))
	}
	s.Run(t, arguments...)
	eventually(t, 10*time.Second, "the new client is known", func() bool {
		p := s.browser(t).get(s.browser(t).azURL(app.Client))
		return p.status == http.StatusSeeOther
	})
	return app
}

// reply sets what the application answers.
func (app *receiver) reply(answer func(n int, w http.ResponseWriter)) {
	app.mu.Lock()
	defer app.mu.Unlock()
	app.answer = answer
}

// heard returns what came so far.
func (app *receiver) heard() []received {
	app.mu.Lock()
	defer app.mu.Unlock()
	return append([]received(nil), app.posts...)
}

// wantToken waits until the application has heard n times, and returns the last token, verified.
func (app *receiver) wantToken(t testing.TB, n int, within time.Duration) jwt {
	t.Helper()
	eventually(t, within, "the application is told", func() bool { return len(app.heard()) >= n })
	list := app.heard()
	if len(list) != n {
		t.Fatalf("the application was told %d times, want %d", len(list), n)
	}
	return app.site.verify(t, list[n-1].form.Get("logout_token"))
}
