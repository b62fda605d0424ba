package protocol

// The administration interface as an operator's program sees it: issue row "administration", docs/admin-api.md.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

// administrator registers a client that may administer, and returns an access token of it.
func (s *site) administrator(t *testing.T) string {
	t.Helper()
	name, file := "robot-"+strings.ToLower(t.Name()), filepath.Join(t.TempDir(), "secret")
	s.Run(t, "client", "create", name, "--type", "service", "--scope", "idp.admin", "--secret-file", file)
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	robot := server.Client{ID: name, Secret: strings.TrimSpace(string(secret))}
	var access string
	eventually(t, 5*time.Second, "a token for the client that administers", func() bool {
		a := s.token(t, basic(robot), "grant_type", "client_credentials", "scope", "idp.admin")
		if a.status == http.StatusOK {
			access = a.tokens().access
		}
		return access != ""
	})
	return access
}

// Two people could be one if providers of one issuer read their subjects at different places, whichever replica is told of them.
func TestAdministration_ProvidersAddedAtOnceReadTheSubjectsOfAnIssuerAlike(t *testing.T) { // PS-4
	t.Parallel()
	both, first, second := replicas(t)
	access := both.administrator(t)
	eventually(t, 5*time.Second, "both replicas taking the token", func() bool {
		return first.registrationCall(t, "GET", both.Issuer+"/api/v1/whoami", access, nil).status == 200 && second.registrationCall(t, "GET", both.Issuer+"/api/v1/whoami", access, nil).status == 200
	})
	for round := range 3 {
		host := fmt.Sprintf("https://chat%d.example", round)
		answers := make([]*answer, 12)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				answers[i] = []*site{first, second}[i/2%2].registrationCall(t, "POST", both.Issuer+"/api/v1/providers", access, map[string]any{
					"id": fmt.Sprintf("chat%d-%d", round, i), "type": "oauth2", "name": "Chat", "client_id": "x", "client_secret": "y", "authorization_url": host + "/authorize",
					"token_url": host + "/token", "userinfo_url": host + "/me", "claims": map[string]string{"subject": []string{"id", "login"}[i%2]},
				})
			})
		}
		group.Wait()
		won := 0
		for i, a := range answers {
			switch a.status {
			case http.StatusCreated:
				won++
			case http.StatusUnprocessableEntity:
			default:
				t.Errorf("%d: got %d %s", i, a.status, a.body)
			}
		}
		if won != len(answers)/2 {
			t.Errorf("round %d: got %d providers, want the %d that agree with the first", round, won, len(answers)/2)
		}
	}
	var list struct {
		Items []struct {
			Issuer string
			Claims struct{ Subject string }
		}
	}
	if err := json.Unmarshal([]byte(both.registrationCall(t, "GET", both.Issuer+"/api/v1/providers", access, nil).body), &list); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	for _, p := range list.Items {
		if was, known := places[p.Issuer]; known && was != p.Claims.Subject {
			t.Errorf("%s: subjects are read at %s and at %s", p.Issuer, was, p.Claims.Subject)
		}
		places[p.Issuer] = p.Claims.Subject
	}
	if len(places) != 3 {
		t.Errorf("got the issuers %v, want 3", places)
	}
}
