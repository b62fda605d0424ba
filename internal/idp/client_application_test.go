package idp

import (
	"strings"
	"testing"
)

func TestIsClientURL_OneSpellingOnly(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://app.example/client.json", "https://app.example/", "https://app.example:8443/a/b", "https://127.0.0.1:4433/client.json"} {
		if !IsClientURL(good) || !ValidClientID(good) {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{
		"http://app.example/client.json", "https://app.example", "https:///client.json", "https://app.example/a#b", "https://app.example/a?b", "https://user@app.example/a",
		"https://app.example/a/../b", "https://app.example/./b", "https://app.example/%2e%2e/b", "https://APP.example/a", "https://app.example/a b", "https://app.example\\a/",
		"https://app.example:0/a", "https://0x7f.1/a", "https://app.example/*", "https://app.example/ä", "https://" + strings.Repeat("a", 512) + "/",
	} {
		if IsClientURL(bad) || ValidClientID(bad) {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestApplication_TypeNarrowsRedirectURIs(t *testing.T) { // OpenID Connect Dynamic Client Registration 1.0 §2
	t.Parallel()
	for _, c := range []struct {
		kind, uri string
		types     []string
		good      bool
	}{
		{"web", "https://app.example/cb", []string{"code"}, true},
		{"web", "http://localhost:8080/cb", []string{"code"}, true},
		{"web", "http://localhost:8080/cb", []string{"code", "id_token"}, false},
		{"web", "https://localhost/cb", []string{"id_token token"}, false},
		{"web", "https://app.example/cb", []string{"id_token token"}, true},
		{"web", "com.example.app:/cb", []string{"code"}, false},
		{"native", "com.example.app:/cb", []string{"code"}, true},
		{"native", "http://127.0.0.1/cb", []string{"code"}, true},
		{"native", "https://app.example/cb", []string{"code"}, true},
		{"desktop", "https://app.example/cb", []string{"code"}, false},
		{"", "com.example.app:/cb", []string{"code"}, true},
	} {
		f := &faults{}
		client := &Client{RedirectURIs: []string{c.uri}, ResponseTypes: c.types, ClientApplication: ClientApplication{ApplicationType: c.kind}}
		client.checkApplication(f)
		if (len(f.list) == 0) != c.good {
			t.Errorf("%s %s %v: %v", c.kind, c.uri, c.types, f.list)
		}
	}
}

func TestApplication_InitiateLoginIsHTTPS(t *testing.T) {
	t.Parallel()
	for uri, good := range map[string]bool{"https://app.example/login": true, "http://app.example/login": false, "http://localhost/login": false, "javascript:alert(1)": false, "": true} {
		f := &faults{}
		(&Client{ClientApplication: ClientApplication{InitiateLoginURI: uri}}).checkApplication(f)
		if (len(f.list) == 0) != good {
			t.Errorf("%q: %v", uri, f.list)
		}
	}
}

func TestInLanguage_TakesTheClosest(t *testing.T) { // RFC 7591 §2.2
	t.Parallel()
	c := &Client{Name: "Notes", PolicyURI: "https://a.example/p", ClientApplication: ClientApplication{Localized: map[string]string{
		"client_name#de": "Notizen", "client_name#de-CH": "Notize", "policy_uri#de": "https://a.example/de",
	}}}
	f := &faults{}
	c.checkApplication(f)
	if len(f.list) > 0 {
		t.Fatal(f.list)
	}
	for tag, want := range map[string]string{"de": "Notizen", "de-AT": "Notizen", "de-ch": "Notize", "fr": "Notes", "": "Notes"} {
		if got := c.InLanguage(tag); got.Name != want {
			t.Errorf("%s: %s, want %s", tag, got.Name, want)
		}
	}
	if got := c.InLanguage("de-CH"); got.PolicyURI != "https://a.example/de" || c.Name != "Notes" {
		t.Errorf("got %+v", got)
	}
	for member, value := range map[string]string{"client_name#": "x", "scope#de": "x", "client_name#de": " x", "tos_uri#de": "javascript:alert(1)", "client_name#d e": "x"} {
		f := &faults{}
		(&Client{ClientApplication: ClientApplication{Localized: map[string]string{member: value}}}).checkApplication(f)
		if len(f.list) == 0 {
			t.Errorf("%s: %s is taken", member, value)
		}
	}
}

func TestOrigin_WhoNamedItselfGetsNoMoreThanThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		client Client
		good   bool
	}{
		{"open", Client{ID: "a", ManagedBy: ManagedByOpen, Scopes: []string{"openid"}}, true},
		{"open, trusted", Client{ID: "a", ManagedBy: ManagedByOpen, Trusted: true}, false},
		{"approved, trusted", Client{ID: "a", ManagedBy: ManagedByOpenApproved, Trusted: true}, false},
		{"open, administers", Client{ID: "a", ManagedBy: ManagedByOpen, Scopes: []string{ScopeAdmin}}, false},
		{"with an operator's token, administers", Client{ID: "a", ManagedBy: ManagedByToken, Scopes: []string{ScopeAdmin}}, true},
		{"document", Client{ID: "https://a.example/c", ManagedBy: ManagedByDocument}, true},
		{"document with a secret", Client{ID: "https://a.example/c", ManagedBy: ManagedByDocument, Secrets: []ClientSecret{{ID: "1", Digest: "d"}}}, false},
		{"document without its address", Client{ID: "a", ManagedBy: ManagedByDocument}, false},
		{"an address that no document describes", Client{ID: "https://a.example/c"}, false},
	} {
		f := &faults{}
		c.client.checkOrigin(f)
		if (len(f.list) == 0) != c.good {
			t.Errorf("%s: %v", c.name, f.list)
		}
	}
}

func TestResource_IsAnAddressWithScopes(t *testing.T) {
	t.Parallel()
	good := Resource{ID: "tools", Identifier: "https://tools.example/mcp", Name: "Tools", Scopes: []string{"tools.read"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Resource){
		"id": func(r *Resource) { r.ID = "a b" }, "http": func(r *Resource) { r.Identifier = "http://tools.example/" }, "fragment": func(r *Resource) { r.Identifier += "#x" },
		"admin": func(r *Resource) { r.Scopes = []string{ScopeAdmin} }, "offline": func(r *Resource) { r.Scopes = []string{ScopeOfflineAccess} }, "scope": func(r *Resource) { r.Scopes = []string{"a b"} }, "script": func(r *Resource) { r.PolicyURI = "javascript:alert(1)" },
		"name": func(r *Resource) { r.Name = "a\u202eb" },
	} {
		r := good
		change(&r)
		if r.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
