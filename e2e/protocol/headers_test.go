package protocol

// CSP Level 3; SEC-2, SEC-12, FS-9, FS-15, FS-43, FS-54.

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// everyPage returns each page that can be reached, by name.
func everyPage(t *testing.T, s *site) map[string]*page {
	t.Helper()
	anonymous, in := s.browser(t), s.signIn(t, server.Trusted())
	wrong := in.u
	wrong.Password = "this is not the password"
	pages := map[string]*page{
		"sign-in":          anonymous.az(server.Web()).wantLogin(),
		"sign-in alone":    s.browser(t).open(s.Issuer + "/login"),
		"wrong password":   s.browser(t).az(server.Web()).login(wrong).wantLogin(),
		"re-authenticate":  in.b.az(server.Trusted(), "prompt", "login").wantLogin(),
		"account chooser":  in.b.az(server.Trusted(), "prompt", "select_account"),
		"consent":          in.b.az(server.Web()).wantConsent(),
		"error":            anonymous.az(server.Web(), "redirect_uri", "https://evil.example").wantPage400(),
		"not found":        anonymous.open(s.Issuer + "/nowhere"),
		"registration":     s.browser(t).az(server.Web(), "prompt", "create").wantRegister(),
		"refused account":  s.browser(t).open(s.Issuer + "/register").register(server.User{Email: in.u.Email, Password: "violet kettle marches north"}),
		"home":             in.b.open(s.Issuer + "/"),
		"home, signed out": s.browser(t).open(s.Issuer + "/"),
		"sign-out":         in.b.logout(),
		"signed out":       s.browser(t).logout(),
		"dead interaction": anonymous.open(s.Issuer + "/login?i=AAAAAAAAAAAAAAAAAAAAAAAAAA"),
	}
	// The page between a form and another origin.
	b := s.browser(t)
	action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
	p := b.send(newRequest(t, http.MethodPost, action, with(fields, "identifier", in.u.Email, "password", in.u.Password)))
	for p.status >= 300 && p.status < 400 {
		next, err := p.url.Parse(p.header.Get("Location"))
		if err != nil || next.Host != b.base().Host {
			t.Fatalf("a form is answered with a redirect to %s, want the Continue page: form-action 'self' stops it in Chromium", p.header.Get("Location"))
		}
		p = b.get(next.String())
	}
	pages["continue"] = p
	return pages
}

func TestPages_HeadersAreStrict(t *testing.T) { // SEC-2, FS-9, FS-54
	t.Parallel()
	s := shared(t)
	for name, p := range everyPage(t, s) {
		if p.doc == nil {
			t.Errorf("%s: %s, want a page", name, p.describe())
			continue
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
		} {
			if got := p.header.Get(header); !strings.Contains(got, want) {
				t.Errorf("%s: %s %q, want %s", name, header, got, want)
			}
		}
		policy := p.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: Content-Security-Policy %q, want %s in it", name, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe-") || strings.Contains(policy, "script-src *") {
			t.Errorf("%s: Content-Security-Policy %q allows too much", name, policy)
		}
		if got := p.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", name, got)
		}
		if got := p.header.Get("Server") + p.header.Get("X-Powered-By"); got != "" {
			t.Errorf("%s: says what it runs on: %q", name, got)
		}
		// Nothing inline that the policy would forbid.
		for n := range p.doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" && walk.Attribute(n, "src") == "" || n.Data == "style" {
				t.Errorf("%s: an inline %s", name, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
					t.Errorf("%s: inline %s=%q", name, a.Key, a.Val)
				}
			}
		}
	}
	if got := s.get(t, s.Issuer+"/login").header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security %q over http", got)
	}
}

func TestPages_HSTSIsSentWithHTTPS(t *testing.T) {
	t.Parallel()
	s := secure(t)
	if got := s.browser(t).open(s.Issuer + "/login").header.Get("Strict-Transport-Security"); !strings.Contains(got, "max-age=") {
		t.Errorf("Strict-Transport-Security %q with an https issuer, want a max-age", got)
	}
}

// secretLook matches what our secrets look like: prefixed tokens, JWTs, password hashes.
var secretLook = regexp.MustCompile(`idp_[a-z]+_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]+\.eyJ|\$argon2|\$2[aby]\$`)

func TestPages_NoGetGivesASecret(t *testing.T) { // SEC-2: crawl as a signed-in user
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	pages := everyPage(t, s)
	queue := []string{
		s.Issuer + "/", s.Issuer + "/login?include_auth_token=1", s.Issuer + "/logout", s.Issuer + "/setup", s.Issuer + "/register", s.Issuer + "/api/v1/", s.Issuer + "/api/v1/users", s.Issuer + "/api/v1/clients",
		s.Issuer + "/api/v1/openapi.json", s.Issuer + "/metrics", s.Issuer + "/debug/pprof/", s.Issuer + "/healthz", s.Issuer + "/readyz", s.Issuer + "/dev/pages",
		s.Issuer + "/.well-known/change-password", s.Issuer + "/.well-known/security.txt", s.endpoint(t, "token_endpoint"), s.endpoint(t, "introspection_endpoint"),
	}
	for _, p := range pages {
		for _, n := range append(p.all("a"), p.all("link")...) {
			if to, err := p.url.Parse(walk.Attribute(n, "href")); err == nil && to.Host == in.b.base().Host {
				queue = append(queue, to.String())
			}
		}
	}
	slices.Sort(queue)
	for _, at := range slices.Compact(queue) {
		p := in.b.get(at)
		if found := secretLook.Find(p.body); found != nil {
			t.Errorf("GET %s gives %.12s…", at, found)
		}
		for secret, kind := range map[string]string{in.access: "access token", in.refresh: "refresh token", in.id: "ID token", in.b.cookie("idp_session"): "session cookie", server.Web().Secret: "client secret"} {
			if strings.Contains(string(p.body), secret) {
				t.Errorf("GET %s gives the %s", at, kind)
			}
		}
		if strings.HasSuffix(p.url.Path, "/metrics") || strings.Contains(p.url.Path, "/debug/") || strings.Contains(p.url.Path, "/dev/") {
			if p.status == http.StatusOK {
				t.Errorf("GET %s is open on the public side", at)
			}
		}
	}
	for name, p := range pages {
		if found := secretLook.Find(p.body); found != nil {
			t.Errorf("the page %q holds %.12s…", name, found)
		}
	}
}

func TestSignIn_UnknownAndWrongReadAlike(t *testing.T) { // FS-15, SEC-18
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	try := func(identifier, password string) *page {
		t.Helper()
		b := s.browser(t)
		return b.az(server.Trusted(), "state", "same").wantLogin().submit("submit-login", "identifier", identifier, "password", password)
	}
	normal := regexp.MustCompile(`(name="(?:csrf|i)" value="|href="/register\?i=)[^"]*`)
	text := func(p *page, identifier string) string {
		return strings.ReplaceAll(normal.ReplaceAllString(string(p.body), "$1"), identifier, "WHO")
	}
	wrong := try(u.Email, "not the right password")
	for name, identifier := range map[string]string{"unknown address": "nobody@example.test", "unknown name": "nobody99"} {
		unknown := try(identifier, "not the right password")
		if wrong.status != unknown.status || text(wrong, u.Email) != text(unknown, identifier) {
			t.Errorf("%s: status %d, want %d and the same page:\n%s\n%s", name, unknown.status, wrong.status, text(unknown, identifier), text(wrong, u.Email))
		}
		a, b := headerNames(wrong), headerNames(unknown)
		if !slices.Equal(a, b) {
			t.Errorf("%s: headers %v, want %v", name, b, a)
		}
	}
	if wrong.text("error-summary") == "" {
		t.Error("a wrong password says nothing")
	}
	if strings.Contains(string(wrong.body), "not the right password") {
		t.Error("the page gives the password back")
	}
}

func headerNames(p *page) []string {
	var names []string
	for name := range p.header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestSignIn_IdentifiersAreReadInOneForm(t *testing.T) { // FS-11, FS-13, PS-28
	t.Parallel()
	s := shared(t)
	u := s.user(t)
	for _, identifier := range []string{u.Email, strings.ToUpper(u.Email), " " + u.Email + " ", u.Username, strings.ToUpper(u.Username)} {
		s.browser(t).az(server.Trusted()).wantLogin().submit("submit-login", "identifier", identifier, "password", u.Password).wantCode()
	}
	for name, pairs := range map[string][]string{
		"identifier alone": {"identifier", u.Email, "password", ""}, "no password": {"identifier", u.Email, "password", absent}, "password alone": {"identifier", "", "password", u.Password},
		"first 29 letters": {"identifier", u.Email, "password", u.Password[:len(u.Password)-1]}, "one more letter": {"identifier", u.Email, "password", u.Password + "x"},
		"in other case": {"identifier", u.Email, "password", strings.ToUpper(u.Password)}, "NUL and again": {"identifier", u.Email, "password", u.Password + "\x00" + u.Password},
		"10,000 letters": {"identifier", u.Email, "password", strings.Repeat("p", 10_000)}, "long identifier": {"identifier", strings.Repeat("a", 10_000), "password", "x"},
	} {
		b := s.browser(t)
		p := b.az(server.Trusted()).wantLogin().submit("submit-login", pairs...)
		if p.left != nil || b.cookie("idp_session") != "" || p.status >= 500 {
			t.Errorf("%s: %s, want nobody signed in", name, p.describe())
		}
	}
}

func TestSignIn_PasswordOfTenMegabytesIsRefused(t *testing.T) { // FB-3: refused at once, no hashing
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
	with(fields, "identifier", s.user(t).Email, "password", strings.Repeat("p", 10<<20))
	req := newRequest(t, http.MethodPost, action, fields)
	res, err := b.http.Do(req)
	if err != nil {
		return // hung up while we still sent
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge && res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want 413 or 400", res.StatusCode)
	}
}

func TestSignIn_GuessingIsSlowed(t *testing.T) { // FS-43: back-off for strangers, not a lock for the owner
	t.Parallel()
	s := start(t, server.Set("IDP_THROTTLE__PER_ACCOUNT", "5"))
	u, bystander := s.user(t), s.user(t)
	known := s.browser(t)
	known.az(server.Trusted()).login(u).wantCode()
	// A stranger with the right password waits as long as one with a wrong one. The wait grows with each failure, so on a slow
	// machine, where the first one is over before the stranger is heard, a later one counts.
	judged := false
	for range 20 {
		stranger := s.browser(t).az(server.Trusted()).wantLogin()
		wrong := u
		wrong.Password = "guess number something"
		p := s.browser(t).az(server.Trusted()).login(wrong)
		if p.status != http.StatusTooManyRequests {
			continue
		}
		since := time.Now()
		wait, err := strconv.Atoi(p.header.Get("Retry-After"))
		if err != nil || !p.is("throttled") {
			t.Fatalf("429 with Retry-After %q, want seconds, and the page to say it", p.header.Get("Retry-After"))
		}
		if wait < 3 {
			pause(t, time.Duration(wait)*time.Second+100*time.Millisecond) // and fail once more
			continue
		}
		got := stranger.login(u)
		if time.Since(since) > time.Duration(wait-1)*time.Second {
			if got.left != nil {
				break // the wait was over, and signing in forgives
			}
			continue
		}
		if got.left != nil {
			t.Errorf("a strange browser gets in within the wait of %d s", wait)
		}
		judged = true
		break
	}
	if !judged {
		t.Error("20 wrong passwords, and no wait was long enough to be seen")
	}
	// The owner's own browser does not wait.
	known.az(server.Trusted(), "prompt", "login").login(u).wantCode()
	s.browser(t).az(server.Trusted()).login(bystander).wantCode()
}

func TestHealth_AnswersOnBothSides(t *testing.T) { // dependencies.md §4: load balancers look at the public side
	t.Parallel()
	s := start(t)
	for _, base := range []string{s.Issuer, s.OpsURL} {
		for _, path := range []string{"/healthz", "/readyz", "/health/live", "/health/ready"} {
			if a := s.get(t, base+path); a.status != http.StatusOK {
				t.Errorf("%s%s: status %d, want 200", base, path, a.status)
			}
		}
	}
	metrics := s.get(t, s.OpsURL+"/metrics").want(http.StatusOK)
	if !strings.Contains(string(metrics.body), "# TYPE") {
		t.Errorf("/metrics holds no Prometheus figures: %.200s", metrics.body)
	}
	if a := s.get(t, s.Issuer+"/metrics"); a.status != http.StatusNotFound {
		t.Errorf("/metrics on the public side: status %d, want 404", a.status)
	}
}
