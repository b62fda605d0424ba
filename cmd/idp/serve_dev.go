package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"idp/internal/account"
	"idp/internal/client"
	"idp/internal/config"
	"idp/internal/idp"
	"idp/internal/sampleapp"
)

// sampleClientID is the client of the sample application.
const sampleClientID = "sample-app"

// sample makes the demo user and the sample application's client, and returns the application with its listener. Its secret is made
// anew at each start: nobody needs to know it.
func (s *server) sample(c *config.Config) (listening, error) {
	ctx := context.Background()
	if _, err := s.accounts.Seed(ctx, []account.NewUser{account.DemoUser()}); err != nil {
		return listening{}, fmt.Errorf("make the demo user: %w", err)
	}
	l, err := listenNear(c.Listen)
	if err != nil {
		return listening{}, err
	}
	base := "http://localhost:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	secret, err := s.sampleClient(ctx, base)
	if err != nil {
		_ = l.Close()
		return listening{}, fmt.Errorf("register the sample application: %w", err)
	}
	application, err := sampleapp.New(sampleapp.Config{Issuer: c.Issuer, ClientID: sampleClientID, ClientSecret: secret, BaseURL: base})
	if err != nil {
		_ = l.Close()
		return listening{}, err
	}
	s.tell("\n  Sample application  %s   press \"Sign in\" there\n  Identity provider   %s\n", base, c.Issuer)
	if c.OpsListen != "" {
		s.tell("  Health and metrics  http://%s/metrics\n", c.OpsListen)
	}
	s.tell("\n  Sign in as          %s\n  Password            %s\n\n", account.DemoUsername, account.DemoPassword)
	return listening{s.httpServer(application.Handler()), l, l}, nil
}

// sampleClient registers the sample application, or registers it anew with the address it has this time.
func (s *server) sampleClient(ctx context.Context, base string) (secret string, err error) {
	if err := s.clients.Delete(ctx, sampleClientID); err != nil && !errors.Is(err, idp.ErrNotFound) {
		return "", err
	}
	_, secret, err = s.clients.Create(ctx, &idp.Client{
		ID: sampleClientID, Name: "Sample application", ClientURI: base,
		RedirectURIs: []string{base + sampleapp.CallbackPath}, PostLogoutRedirectURIs: []string{base + "/"},
		GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}, RequirePKCE: true,
		Scopes: []string{idp.ScopeOpenID, idp.ScopeProfile, idp.ScopeEmail, idp.ScopeOfflineAccess},
	}, client.SecretOptions{Generate: true})
	return secret, err
}

// sampleOffset is how far above the server's port the sample application listens.
const sampleOffset = 10

// listenNear listens on the loopback ten ports above the server, or on any port if that one is taken.
func listenNear(listen string) (net.Listener, error) {
	_, text, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", listen, err)
	}
	port, err := strconv.Atoi(text)
	if err == nil && port > 0 {
		if l, err := net.Listen("tcp", net.JoinHostPort("localhost", strconv.Itoa(port+sampleOffset))); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the sample application: %w", err)
	}
	return l, nil
}
