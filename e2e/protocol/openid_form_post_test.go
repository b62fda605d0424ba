package protocol

// OAuth 2.0 Form Post Response Mode.

import (
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

func TestFormPost_PageHasAFormAScriptAndAButton(t *testing.T) { // Form Post §2; with and without JavaScript
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	p := b.az(server.Front(), "response_mode", "form_post")
	if p.status != 200 || !p.is("submit-response") {
		t.Fatalf("got %s, want the page with the form", p.describe())
	}
	got := p.answered("")
	s.exchange(t, grant{p.asked, got.Get("code")}).tokens()
	scripts := p.all("script")
	if len(scripts) != 1 || scripts[0].FirstChild != nil {
		t.Fatalf("the page has %d scripts, want one, from a file", len(scripts))
	}
	at, err := p.url.Parse(walk.Attribute(scripts[0], "src"))
	if err != nil || at.Host != p.url.Host {
		t.Fatalf("the script is at %v, want it from us", at)
	}
	if a := s.get(t, at.String()).want(200); !strings.Contains(a.header.Get("Content-Type"), "javascript") || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("the script: %v", a.header)
	}
	hybrid := b.az(server.Front(), "response_type", "code id_token token", "response_mode", "form_post").answered("")
	if hybrid.Get("id_token") == "" || hybrid.Get("access_token") == "" || hybrid.Get("code") == "" {
		t.Errorf("the hybrid flow by form: got %d members", len(hybrid))
	}
}

func TestFormPost_IsKeptByNobodyAndFramedByNobody(t *testing.T) { // Form Post §2, RFC 9700 §4.16: the page holds what the answer holds
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	p := b.az(server.Front(), "response_mode", "form_post")
	policy := p.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q, want %s in it", policy, part)
		}
	}
	if strings.Contains(policy, "form-action 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q would stop the form, or lets anything run", policy)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// Everywhere else forms go to us alone.
	if login := s.browser(t).az(server.Front()).wantLogin().header.Get("Content-Security-Policy"); !strings.Contains(login, "form-action 'self'") {
		t.Errorf("the sign-in page: policy %q, want form-action 'self'", login)
	}
}

func TestFormPost_ScriptInStateIsText(t *testing.T) { // Form Post §2: values are escaped
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, state := range []string{
		`"><script>alert(1)</script>`, `' onfocus='alert(1)`, `</form><form action="https://evil.example/">`, `&quot;&gt;`, `javascript:alert(1)`, "<!--", "{{.}}", "\u2028</script>",
	} {
		p := b.az(server.Front(), "response_mode", "form_post", "state", state)
		p.answered("") // and state is back to the letter
		if len(p.all("script")) != 1 || len(p.all("form")) != 1 || strings.Contains(string(p.body), state) && strings.ContainsAny(state, `<>"'`) {
			t.Errorf("state %q stands in the page as it came", state)
		}
		failed := b.az(server.Front(), "response_mode", "form_post", "state", state, "scope", "openid "+strings.ReplaceAll(state, " ", ""))
		if len(failed.all("script")) != 1 || len(failed.all("form")) != 1 {
			t.Errorf("the error for state %q has more than its form and its script", state)
		}
	}
}

func TestFormPost_IsNoOpenRedirector(t *testing.T) { // RFC 9700 §4.11.2: what is not registered gets a page, never a form
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, uri := range []string{"https://evil.example/cb", "https://front.example/cb/", "https://front.example.evil.example/cb", "javascript:alert(1)", "https://front.example/cb#x", "//evil.example"} {
		p := b.az(server.Front(), "response_mode", "form_post", "redirect_uri", uri).wantPage400()
		if p.is("response-form") {
			t.Errorf("%s: a form", uri)
		}
	}
	b.az(server.Front(), "response_mode", "form_post", "client_id", "nobody").wantPage400()
}
