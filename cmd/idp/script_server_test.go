package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"idp/internal/config"
	"idp/internal/handlers/api"
	"idp/internal/idp"
	"idp/internal/upstream/upstreamtest"
)

// scriptServices opens the services over the script's own data folder, as a server beside the commands would.
func scriptServices(ts *testscript.TestScript) *services {
	folder := filepath.Join(ts.Getenv("WORK"), "idp-data")
	c, err := config.Load(config.LoadOptions{SearchPaths: []string{}, Flags: []config.FlagValue{{Name: "--data-dir", Key: "data_dir", Value: folder}}})
	ts.Check(err)
	a := newApp(nil, nil, ts.Stdout(), ts.Stderr())
	s, err := openServices(context.Background(), c, openOptions{logger: a.commandLogger(), migrate: true})
	ts.Check(err)
	ts.Defer(func() { ts.Check(s.Close()) })
	return s
}

// apiserver starts the administration interface over the script's database and sets $ADDR to its address. It lets in who sends the
// token that is its argument.
func apiserver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: apiserver TOKEN")
	}
	s := scriptServices(ts)
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	ts.Defer(srv.Close)
	var err error
	h, err = api.New(api.Dependencies{
		Issuer: srv.URL, Store: s.store, Keyring: s.keyring, Clients: s.clients, Accounts: s.accounts, Sessions: s.sessions, Audit: s.audit,
		Keys: s.keys, Providers: s.providers, Contexts: s.contexts, Logger: s.logger,
		Authenticate: func(_ http.Header, r *http.Request) (idp.Actor, error) {
			if r.Header.Get("Authorization") != "Bearer "+args[0] {
				return idp.Actor{}, &idp.Error{Kind: idp.Unauthenticated, Code: "unauthenticated", Message: "The access token is missing, wrong or expired."}
			}
			return idp.Actor{Kind: "client", ID: "robot"}, nil
		},
	})
	ts.Check(err)
	ts.Setenv("ADDR", srv.URL)
}

// signin puts a session of a user, a consent and a link into the database, as a sign-in leaves them: "signin USER_FILE".
func signin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signin USER_FILE")
	}
	s, ctx, now := scriptServices(ts), context.Background(), time.Now().UTC()
	user := strings.TrimSpace(ts.ReadFile(args[0]))
	session := &idp.Session{
		ID: idp.NewID(), UserID: user, AuthTime: now, AMR: []string{"pwd"}, CreatedAt: now, LastSeenAt: now, IdleExpiresAt: now.Add(time.Hour),
		ExpiresAt: now.Add(2 * time.Hour), Address: "192.0.2.7", UserAgent: "Browser/1",
	}
	ts.Check(s.store.CreateSession(ctx, session, []byte(session.ID), nil))
	ts.Check(s.store.PutGrant(ctx, user, "web", []string{"openid", "email"}, now))
	ts.Check(s.store.CreateIdentity(ctx, &idp.Identity{
		ID: idp.NewID(), UserID: user, ProviderID: "google", Issuer: "https://accounts.google.com", Subject: idp.NewID(), Email: "ann@gmail.com", CreatedAt: now, LastUsedAt: now,
	}))
}

// traced puts a trace into the database under the id "trace1".
func traced(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: traced")
	}
	s, now := scriptServices(ts), time.Now().UTC()
	ts.Check(s.store.PutTraces(context.Background(), []*idp.Trace{{
		ID: "trace1", At: now, Endpoint: "authorize", ClientID: "web", Outcome: "invalid_request", ExpiresAt: now.Add(time.Hour),
		Checks: []idp.Check{
			{Name: "client exists and is enabled", OK: true},
			{
				Name: "redirect_uri is registered, to the letter", Expected: "https://app.example.com/callback", Received: "https://app.example.com/callback/",
				Mend: "Register the address exactly as the application sends it.", Clause: "RFC 9700 §4.1.3",
			},
		},
	}}))
}

// anotherProvider returns the command "upstream", which starts an upstream OpenID Provider and sets $UPSTREAM to its issuer.
func anotherProvider(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 0 {
			ts.Fatalf("usage: upstream")
		}
		ts.Setenv("UPSTREAM", upstreamtest.Start(t).Issuer)
	}
}

// loadFor returns a configuration with a data folder of its own.
func loadFor(t *testing.T) (*config.Config, error) {
	t.Helper()
	return config.Load(config.LoadOptions{SearchPaths: []string{}, Flags: []config.FlagValue{{Name: "--data-dir", Key: "data_dir", Value: t.TempDir()}}})
}
