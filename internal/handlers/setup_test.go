package handlers_test

import (
	"net/http"
	"testing"

	"idp/internal/audit"
	"idp/internal/idp"
)

func TestSetup_NeedsTheToken(t *testing.T) { // dependencies.md §4, first run
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	p := b.get(s.issuer + "/setup").want("submit-setup")
	fill := []string{"name", "Grace", "email", "grace@example.com", "password", goodPassword + " grace"}
	p = p.submit("submit-setup", append(fill, "token", "guess")...).want("token-error")
	token, err := s.accounts.IssueBootstrapToken(t.Context())
	must(t, err)
	p = p.submit("submit-setup", "token", token, "name", "", "email", "nonsense", "password", "short").want("error-summary").want("name-error")
	p = p.submit("submit-setup", "token", token, "name", "Grace", "email", "nonsense", "password", "short").want("email-error")
	if s.setUp != 0 {
		t.Error("nobody is set up, yet the token's file would go")
	}
	p = p.submit("submit-setup", append(fill, "token", token)...).want("submit-login")
	if s.setUp != 1 {
		t.Errorf("told %d times that the token's file can go, want once", s.setUp)
	}
	if ok, err := s.store.AnyActiveWithRole(t.Context(), idp.RoleAdmin); err != nil || !ok {
		t.Fatalf("administrator: %t, %v; want one", ok, err)
	}
	if n := len(s.events(audit.AdminBootstrapped)); n != 1 {
		t.Errorf("%d events admin.bootstrapped, want 1", n)
	}
	b.get(s.issuer + "/setup").want("error-code").wantStatus(http.StatusNotFound)
	p.submit("submit-login", "identifier", "grace@example.com", "password", goodPassword+" grace").want("sign-out")
}
