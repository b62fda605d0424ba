package provider

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store/storetest"
	"idp/internal/upstream"
)

func newService(t *testing.T) *Service {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	db, logger := storetest.New(t), slog.New(slog.DiscardHandler)
	s, err := New(Config{
		Store: db, Keyring: ring, Audit: audit.New(audit.Config{Store: db, Logger: logger}),
		Upstream: upstream.New(upstream.Config{HTTPClient: http.DefaultClient, Logger: logger}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chat is a provider of plain OAuth 2 whose subjects are a member of its user's answer. All of them have one issuer unless they are given another.
func chat(id, member string) *idp.Provider {
	const host = "https://chat.example"
	return &idp.Provider{
		ID: id, Type: upstream.TypeOAuth2, Name: "Chat", ClientID: "x", ClientSecret: "y", ProviderEndpoints: idp.ProviderEndpoints{
			AuthorizationURL: host + "/authorize", TokenURL: host + "/token", UserInfoURL: host + "/me", Claims: idp.ClaimMembers{Subject: member},
		},
	}
}

// together runs several at once, and returns what each said.
func together(n int, do func(i int) error) []error {
	faults := make([]error, n)
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-start
			faults[i] = do(i)
		})
	}
	close(start)
	group.Wait()
	return faults
}

// alike fails if two providers of one issuer read their subjects at different places.
func alike(t *testing.T, s *Service) {
	t.Helper()
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if err := upstream.CheckIdentities(p, list); err != nil {
			t.Errorf("%s stands beside the others: %v", p.ID, err)
		}
	}
}

// Two people could be one if "4711" is the number of an account at one provider, and a login name at another with the same issuer.
func TestCreate_TogetherOnesOfAnIssuerReadSubjectsAlike(t *testing.T) {
	t.Parallel()
	s := newService(t)
	won := 0
	for i, err := range together(12, func(i int) error {
		_, err := s.Create(t.Context(), chat(fmt.Sprintf("chat%d", i), []string{"id", "login"}[i%2]))
		return err
	}) {
		switch faults := idp.Faults(err); {
		case err == nil:
			won++
		case len(faults) != 1 || faults[0].Kind != idp.Invalid || faults[0].Field != "issuer":
			t.Errorf("%d: got %v, want a sentence about its issuer", i, err)
		}
	}
	if won != 6 {
		t.Errorf("got %d providers, want the 6 that agree with the first", won)
	}
	alike(t, s)
}

func TestUpdate_TogetherOnesOfAnIssuerReadSubjectsAlike(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for i := range 8 {
		p := chat(fmt.Sprintf("chat%d", i), []string{"id", "login"}[i%2])
		p.Issuer = fmt.Sprintf("https://chat.example/%d", i)
		if _, err := s.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	won := 0
	for i, err := range together(8, func(i int) error {
		_, err := s.Update(t.Context(), fmt.Sprintf("chat%d", i), func(p *idp.Provider) error { p.Issuer = "https://chat.example"; return nil })
		return err
	}) {
		switch faults := idp.Faults(err); {
		case err == nil:
			won++
		case len(faults) != 1 || faults[0].Field != "issuer":
			t.Errorf("%d: got %v, want a sentence about its issuer", i, err)
		}
	}
	if won != 4 {
		t.Errorf("got %d changes, want the 4 that agree with the first", won)
	}
	alike(t, s)
}

// Of two patches at once none is lost: who comes second changes what the first one left.
func TestUpdate_TogetherLosesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if _, err := s.Create(t.Context(), chat("chat", "id")); err != nil {
		t.Fatal(err)
	}
	for _, err := range together(3, func(i int) error {
		_, err := s.Update(t.Context(), "chat", func(p *idp.Provider) error {
			p.Scopes = append(slices.Clone(p.Scopes), fmt.Sprintf("scope%d", i))
			return nil
		})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	p, err := s.Get(t.Context(), "chat")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if !slices.Contains(p.Scopes, fmt.Sprintf("scope%d", i)) {
			t.Errorf("got the scopes %v, want scope%d among them", p.Scopes, i)
		}
	}
}
