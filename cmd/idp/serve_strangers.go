package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/grant"
	"idp/internal/registration"
)

// registration returns what lets applications register themselves, nil where they may not.
func (s *server) registration() (*registration.Service, error) {
	c := s.config.ClientRegistration
	if registration.Mode(c.Mode) == registration.Off {
		return nil, nil
	}
	statements := &registration.Statements{Issuers: map[string]idp.ClientKeys{}, Verify: func(ctx context.Context, signer *idp.Client, compact string, algs []string) ([]byte, error) {
		payload, _, err := s.keysOf.Verify(ctx, signer, compact, algs)
		return payload, err
	}}
	for _, setting := range c.StatementIssuers {
		issuer, keys, err := registration.ParseIssuer(setting, os.ReadFile)
		if err != nil {
			return nil, err
		}
		statements.Issuers[issuer] = keys
	}
	return registration.New(registration.Config{
		Store: s.store, Keyring: s.keyring, Audit: s.audit, Throttle: s.throttle, Issuer: s.config.Issuer, Logger: s.logger,
		Mode: registration.Mode(c.Mode), Scopes: c.Scopes, Grants: c.GrantTypes, Most: c.Quota, PerHour: c.PerHour,
		Statements: statements, NeedStatement: c.StatementRequired, Outside: s.clients.Outside, MoreScopes: s.resources.Scopes,
	})
}

// assertions returns whose word about people is taken.
func (s *server) assertions() (map[string]grant.TrustedIssuer, error) {
	c, trusted := s.config.Assertions, map[string]grant.TrustedIssuer{}
	for _, setting := range c.Issuers {
		issuer, keys, err := registration.ParseIssuer(setting, os.ReadFile)
		if err != nil {
			return nil, fmt.Errorf("assertions.issuers: %w", err)
		}
		trusted[issuer] = grant.TrustedIssuer{Keys: keys, UserIDs: slices.Contains(c.UserIDIssuers, issuer)}
	}
	return trusted, nil
}

// sweepClients deletes applications that named themselves and that nobody uses.
func (s *server) sweepClients(ctx context.Context, now time.Time) (int, error) {
	sweeper := &registration.Sweeper{Store: s.store, Audit: s.audit, After: s.config.ClientRegistration.UnusedAfter}
	return sweeper.Sweep(ctx, now)
}

// documents returns what finds clients that the document at their id describes, nil where there are none.
func (s *server) documents() *registration.Documents {
	c := s.config.ClientDocuments
	if registration.Trust(c.Trust) == registration.TrustNone {
		return nil
	}
	profile := ""
	if s.config.MCP {
		profile = idp.ProfileMCP
	}
	return registration.NewDocuments(registration.DocumentsConfig{
		Profile: profile,
		Store:   s.store, Audit: s.audit, Throttle: s.throttle, Outbound: s.outbound, Logger: s.logger, Known: s.clientDir.Get, Forget: s.clientDir.Forget,
		Trust: registration.Trust(c.Trust), Hosts: c.Hosts, Scopes: c.Scopes, Most: c.Quota, PerHour: c.PerHour, Outside: s.clients.Outside, MoreScopes: s.resources.Scopes,
	})
}
