package client

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

const randomSecret = "k3Vt0m9QxZ1b7Lw2yRf8Nc5HsGd4JpUaTeXiOoKq"

func newService(t *testing.T) *Service {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	db, logger := storetest.New(t), slog.New(slog.DiscardHandler)
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Store: db, Keyring: ring, Audit: audit.New(audit.Config{Store: db, Logger: logger}), Issuer: "https://idp.example", Logger: logger,
		Outbound: out, EnsureKeys: func(context.Context, ...string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func web(id string) *idp.Client {
	return &idp.Client{ID: id, Name: "Web", RedirectURIs: []string{"https://app.example/callback"}}
}

// events returns the types of all audit events.
func events(t *testing.T, s *Service) []string {
	t.Helper()
	rows, err := s.Store.AuditEvents(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range rows {
		types = append(types, e.Type+" "+e.ClientID)
	}
	return types
}

func code(err error) string {
	var e *idp.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
