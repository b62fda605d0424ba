package upstream_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

func google() idp.Provider {
	return idp.Provider{ID: "google", Type: "google", ClientID: "1.apps.googleusercontent.com", ClientSecret: "s3cret"}
}

func TestValidate_GoogleNeedsTwoFieldsOnly(t *testing.T) { // FD-11
	t.Parallel()
	p := google()
	if err := upstream.Validate(&p); err != nil {
		t.Fatal(err)
	}
	if p.Issuer != "https://accounts.google.com" || p.Name != "Google" || !p.TrustEmail || p.Linking != idp.LinkProve ||
		p.ClientAuthMethod != "client_secret_basic" || !slices.Equal(p.Scopes, []string{"openid", "email", "profile"}) {
		t.Errorf("got %+v, want Google's defaults", p)
	}
}

func TestValidate_EachFaultNamesItsField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*idp.Provider)
		field  string
	}{
		{"unknown type", func(p *idp.Provider) { p.Type = "saml" }, "type"},
		{"id missing", func(p *idp.Provider) { p.ID = "" }, "id"},
		{"id a path", func(p *idp.Provider) { p.ID = "../x" }, "id"},
		{"id upper case", func(p *idp.Provider) { p.ID = "Google" }, "id"},
		{"id long", func(p *idp.Provider) { p.ID = strings.Repeat("x", 65) }, "id"},
		{"name missing", func(p *idp.Provider) { p.Name = " " }, "name"},
		{"name with a line break", func(p *idp.Provider) { p.Name = "a\nb" }, "name"},
		{"issuer missing", func(p *idp.Provider) { p.Issuer = "" }, "issuer"},
		{"issuer http", func(p *idp.Provider) { p.Issuer = "http://op.example" }, "issuer"},
		{"issuer ftp", func(p *idp.Provider) { p.Issuer = "ftp://op.example" }, "issuer"},
		{"issuer relative", func(p *idp.Provider) { p.Issuer = "op.example" }, "issuer"},
		{"issuer with a query", func(p *idp.Provider) { p.Issuer = "https://op.example?a=b" }, "issuer"},
		{"issuer with a user", func(p *idp.Provider) { p.Issuer = "https://u:p@op.example" }, "issuer"},
		{"issuer the document", func(p *idp.Provider) { p.Issuer = "https://op.example/.well-known/openid-configuration" }, "issuer"},
		{"Entra common", func(p *idp.Provider) { p.Issuer = "https://login.microsoftonline.com/common/v2.0" }, "issuer"},
		{"Entra organizations", func(p *idp.Provider) { p.Issuer = "https://login.microsoftonline.com/organizations/v2.0" }, "issuer"},
		{"Google elsewhere", func(p *idp.Provider) { p.Type = "google" }, "issuer"},
		{"client id missing", func(p *idp.Provider) { p.ClientID = "" }, "client_id"},
		{"client id with a space after", func(p *idp.Provider) { p.ClientID = "x " }, "client_id"},
		{"secret missing", func(p *idp.Provider) { p.ClientSecret = "" }, "client_secret"},
		{"secret with its line break", func(p *idp.Provider) { p.ClientSecret = "top-secret\n" }, "client_secret"},
		{"auth method", func(p *idp.Provider) { p.ClientAuthMethod = "none" }, "client_auth_method"},
		{"no openid", func(p *idp.Provider) { p.Scopes = []string{"email"} }, "scopes"},
		{"scopes in one entry", func(p *idp.Provider) { p.Scopes = []string{"openid", "email profile"} }, "scopes"},
		{"domains without email", func(p *idp.Provider) { p.Scopes, p.AllowedDomains = []string{"openid"}, []string{"a.example"} }, "scopes"},
		{"hosted domain elsewhere", func(p *idp.Provider) { p.HostedDomain = "corp.example" }, "hosted_domain"},
		{"domain with @", func(p *idp.Provider) { p.AllowedDomains = []string{"@corp.example"} }, "allowed_domains"},
		{"domain with *", func(p *idp.Provider) { p.AllowedDomains = []string{"*.corp.example"} }, "allowed_domains"},
		{"domain empty", func(p *idp.Provider) { p.AllowedDomains = []string{""} }, "allowed_domains"},
		{"linking unknown", func(p *idp.Provider) { p.Linking = "always" }, "linking"},
		{"vouches without a word", func(p *idp.Provider) { p.Vouchers = []idp.Voucher{{Context: "urn:x"}} }, "vouches_for[0]"},
		{"vouches for nothing", func(p *idp.Provider) { p.Vouchers = []idp.Voucher{{ACR: "urn:x"}} }, "vouches_for[0]"},
		{"vouches by two words in one", func(p *idp.Provider) { p.Vouchers = []idp.Voucher{{Context: "urn:x", AMR: []string{"mfa hwk"}}} }, "vouches_for[0]"},
		{"vouches without end", func(p *idp.Provider) { p.Vouchers = make([]idp.Voucher, 17) }, "vouches_for"},
		{"automatic without trust", func(p *idp.Provider) { p.Linking = idp.LinkAutomatic }, "linking"},
	}
	for _, tt := range tests {
		p := idp.Provider{ID: "op", Type: "oidc", Name: "OP", Issuer: "https://op.example", ClientID: "c", ClientSecret: "top-secret"}
		if err := upstream.Validate(&p); err != nil {
			t.Fatalf("before the change: %v", err)
		}
		tt.change(&p)
		err := upstream.Validate(&p)
		var e *idp.Error
		if !errors.As(err, &e) || e.Kind != idp.Invalid || e.Field != tt.field {
			t.Errorf("%s: got %v (field %q), want a fault of %s", tt.name, err, fieldOf(e), tt.field)
			continue
		}
		if strings.Contains(err.Error(), "top-secret") || len(e.Message) < 30 {
			t.Errorf("%s: the text shows the secret or says too little: %s", tt.name, err)
		}
	}
}

func fieldOf(e *idp.Error) string {
	if e == nil {
		return ""
	}
	return e.Field
}

func TestValidate_ReportsAllFaultsAtOnceAndChangesNoSharedSlice(t *testing.T) {
	t.Parallel()
	p := idp.Provider{Type: "oidc"}
	err := upstream.Validate(&p)
	for _, field := range []string{"id", "name", "issuer", "client id", "client secret"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want %s named too", err, field)
		}
	}
	shared := []string{"B.example", "a.example"}
	p = google()
	p.AllowedDomains = shared
	if err := upstream.Validate(&p); err != nil || !slices.Equal(p.AllowedDomains, []string{"a.example", "b.example"}) {
		t.Errorf("got %v, %v, want the canonical domains", p.AllowedDomains, err)
	}
	if shared[0] != "B.example" {
		t.Error("Validate wrote into the caller's slice")
	}
}

func TestRegistry_RebuildsWhenTheRowChanges(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	r := upstream.New(upstream.Config{HTTPClient: op.Client()})
	row := op.Row("fake")
	first, err := r.Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	row.UpdatedAt = row.UpdatedAt.In(time.FixedZone("x", 3600)) // the same instant
	if again, _ := r.Get(t.Context(), row); again != first {
		t.Error("same UpdatedAt: got another Provider, want the built one")
	}
	op.ClientSecret = "changed"
	row.ClientSecret, row.UpdatedAt = "changed", row.UpdatedAt.Add(time.Second)
	second, err := r.Get(t.Context(), row)
	if err != nil || second == first {
		t.Fatalf("changed row: got the old Provider, %v", err)
	}
	if _, err := walk(t, op, second, nil); err != nil {
		t.Errorf("with the new secret: %v", err)
	}
	row.Disabled = true
	if _, err := r.Get(t.Context(), row); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("disabled: got %v, want not found", err)
	}
	row.Disabled, row.Type, row.UpdatedAt = false, "saml", row.UpdatedAt.Add(time.Second)
	_, err = r.Get(t.Context(), row)
	if e := wantCode(t, err, upstream.CodeMisconfigured); !strings.Contains(e.Error(), "google, github, oidc, oauth2") || strings.Contains(e.Message, "saml") {
		t.Errorf("got %v, want the known types in the log text only", e)
	}
}

func TestRegistry_ConcurrentUseReadsEachDocumentOnce(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	r := upstream.New(upstream.Config{HTTPClient: op.Client()})
	row := op.Row("fake")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			p, err := r.Get(t.Context(), row)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := walk(t, op, p, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks"} {
		if n := op.Count(path); n != 1 {
			t.Errorf("%s: got %d reads, want 1", path, n)
		}
	}
}

func TestTypes_TableIsTheSwitch(t *testing.T) {
	t.Parallel()
	for _, info := range upstream.Types() {
		p := idp.Provider{Type: info.Type}
		err := upstream.Validate(&p)
		for _, field := range info.Needs {
			if err == nil || !strings.Contains(err.Error(), field) && !strings.Contains(err.Error(), strings.ReplaceAll(field, "_", " ")) {
				t.Errorf("%s: got %v, want %s to be asked for", info.Type, err, field)
			}
		}
		if info.Title == "" || info.Summary == "" {
			t.Errorf("%s: title or summary is missing", info.Type)
		}
	}
}

func TestProbe_FindingsHaveCauseAndMend(t *testing.T) {
	t.Parallel()
	type script = upstreamtest.Script
	tests := []struct {
		name   string
		change func(*script)
		row    func(*idp.Provider)
		check  string
		level  upstream.Level
	}{
		{"well", nil, nil, "keys", upstream.LevelOK},
		{"disabled is looked at too", nil, func(p *idp.Provider) { p.Disabled = true }, "keys", upstream.LevelOK},
		{"row", nil, func(p *idp.Provider) { p.ClientSecret = "" }, "configuration", upstream.LevelError},
		{"down", func(s *script) { s.DiscoveryStatus = 500 }, nil, "discovery", upstream.LevelError},
		{"issuer", func(s *script) { s.Discovery = func(m map[string]any) { m["issuer"] = "https://other.example" } }, nil, "issuer", upstream.LevelError},
		{"http", func(s *script) { s.Discovery = func(m map[string]any) { m["jwks_uri"] = "http://op.example/jwks" } }, nil, "jwks_uri", upstream.LevelError},
		{"algorithms", func(s *script) {
			s.Discovery = func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []string{"HS256"} }
		}, nil, "algorithms", upstream.LevelError},
		{"keys", func(s *script) { s.JWKSStatus = 404 }, nil, "keys", upstream.LevelError},
		{"keys that do not fit", func(s *script) {
			s.Discovery = func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []string{"RS256"} }
		}, nil, "keys", upstream.LevelError},
		{"auth method", func(s *script) {
			s.Discovery = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"} }
		}, nil, "client_auth_method", upstream.LevelWarning},
		{"scope", nil, func(p *idp.Provider) { p.Scopes = []string{"openid", "groups"} }, "scopes", upstream.LevelWarning},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		if tt.change != nil {
			op.Script(tt.change)
		}
		row := op.Row("fake")
		if tt.row != nil {
			tt.row(&row)
		}
		findings := upstream.New(upstream.Config{HTTPClient: op.Client()}).Test(t.Context(), row)
		found := false
		for _, f := range findings {
			found = found || f.Check == tt.check && f.Level == tt.level
			if f.Cause == "" || f.Level != upstream.LevelOK && f.Mend == "" || strings.Contains(f.Cause, op.ClientSecret) {
				t.Errorf("%s: finding without cause or mend, or with the secret: %+v", tt.name, f)
			}
			if tt.level == upstream.LevelOK && f.Level != upstream.LevelOK {
				t.Errorf("%s: got %+v, want all well", tt.name, f)
			}
		}
		if !found {
			t.Errorf("%s: got %+v, want a finding %s/%s", tt.name, findings, tt.check, tt.level)
		}
	}
}

func TestExamples_OfTheDocumentationWork(t *testing.T) { // FD-13: docs/google.md
	t.Parallel()
	tests := []struct {
		id, issuer string
		change     func(*upstreamtest.Script)
		person     upstreamtest.Person
		verified   bool
	}{
		{
			"gitlab", "https://gitlab.com",
			func(s *upstreamtest.Script) { s.Alg, s.LeanIDToken = "RS256", true },
			upstreamtest.Person{Subject: "1234567", Email: "u@corp.example", EmailVerified: true, Name: "U", Extra: map[string]any{"groups": []string{"a"}}},
			true,
		},
		{
			"entra", "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
			func(s *upstreamtest.Script) { s.Alg = "RS256" },
			upstreamtest.Person{Subject: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", Email: "victim@corp.example", Name: "U", Extra: map[string]any{"ver": "2.0", "tid": "1"}},
			false,
		},
		{
			"keycloak", "https://sso.example/realms/main", func(s *upstreamtest.Script) { s.AnnounceIss = true },
			upstreamtest.Person{Subject: "f:1:u", Email: "u@corp.example", EmailVerified: true, Name: "U"},
			true,
		},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Issuer = tt.issuer
		op.Script(tt.change)
		op.SignIn(tt.person)
		row := idp.Provider{ID: tt.id, Type: "oidc", Name: tt.id, Issuer: tt.issuer, ClientID: op.ClientID, ClientSecret: op.ClientSecret}
		got, err := signIn(t, op, row)
		if err != nil || got.Issuer != tt.issuer || got.Subject != tt.person.Subject || got.Email != tt.person.Email ||
			got.EmailVerified != tt.verified || got.EmailAuthoritative {
			t.Errorf("%s: got %+v, %v, want %+v with verified %v and not authoritative", tt.id, got, err, tt.person, tt.verified)
		}
	}
}
