package protocol

// RFC 6265bis; account-features.md FL-1, FL-8 … FL-13, FL-19; security-cases.md SEC-6, SEC-11, SEC-12, SEC-23.

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestCookie_SignInMakesANewSession(t *testing.T) { // FL-1, SEC-6
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	p := b.az(server.Trusted()).wantLogin()
	before := b.copy()
	session := b.cookie("idp_session")
	p.login(u).wantCode()
	first := b.cookie("idp_session")
	if first == "" || first == session {
		t.Fatalf("session cookie %q after sign-in, was %q, want a new one", first, session)
	}
	// What the browser held before signs nobody in.
	before.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	before.az(server.Trusted()).wantLogin()
	// Signing in again changes it again, and the old one is dead.
	old := b.copy()
	b.az(server.Trusted(), "prompt", "login").login(u).wantCode()
	if second := b.cookie("idp_session"); second == first || second == "" {
		t.Error("re-authentication keeps the session's id, want a new one (SEC-6)")
	}
	old.az(server.Trusted(), "prompt", "none").wantErr("login_required")
}

func TestCookie_ForeignIDsAreNotAdopted(t *testing.T) { // SEC-6
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	planted := "planted-by-an-attacker-0123456789"
	b := s.browser(t)
	b.http.Jar.SetCookies(b.base(), []*http.Cookie{{Name: "idp_session", Value: planted, Path: "/"}, {Name: "idp_browser", Value: planted, Path: "/"}})
	b.az(server.Trusted()).login(in.u).wantCode()
	if got := b.cookie("idp_session"); got == planted || got == "" {
		t.Errorf("session cookie %q after sign-in, want one that the server made", got)
	}
	if b.cookie("idp_browser") == planted {
		t.Error("the server adopted a browser cookie that it did not make")
	}
}

// secure starts a server whose issuer is https, with the proxy that ends TLS played by the transport.
func secure(t *testing.T, options ...server.Option) *site {
	t.Helper()
	return start(t, append([]server.Option{server.Issuer("https://id.example.test")}, options...)...)
}

func TestCookie_AttributesAreStrict(t *testing.T) { // FL-8, RFC 6265bis §4.1.3.2
	t.Parallel()
	s := secure(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Trusted()).login(u).wantCode()
	if len(b.given) == 0 {
		t.Fatal("no cookie was set")
	}
	for _, c := range b.given {
		if c.Name == "__Host-idp_state" {
			// Session Management 1.0 §3.2: a script reads it, in a frame of another site; TestSessionManagement_StateIsNoSecret.
			if !c.Secure || c.HttpOnly || c.SameSite != http.SameSiteNoneMode || c.Path != "/" || c.Domain != "" || c.MaxAge > 0 {
				t.Errorf("cookie %s: %s, want Secure, SameSite=None, Path=/, for scripts, and no life of its own", c.Name, c.Raw)
			}
			continue
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: %s, want __Host-, Secure, HttpOnly, SameSite=Lax, Path=/ and no Domain", c.Name, strings.Replace(c.Raw, c.Value, "…", 1))
		}
		if len(c.Name)+len(c.Value) > 1024 {
			t.Errorf("cookie %s has %d bytes, want under 1 kB (SEC-23)", c.Name, len(c.Value))
		}
		if c.Name == "__Host-idp_session" && (c.MaxAge != 0 || !c.Expires.IsZero()) {
			t.Errorf("the session cookie has a lifetime without the tick: %s", strings.Replace(c.Raw, c.Value, "…", 1))
		}
		if c.Name == "__Host-idp_remember" && c.Value != "" {
			t.Error("a remember cookie without the tick")
		}
	}
	// With the tick: Max-Age is the setting, thirty days.
	b = s.browser(t)
	b.az(server.Trusted()).login(u, "remember", "1").wantCode()
	at := slices.IndexFunc(b.given, func(c *http.Cookie) bool { return c.Name == "__Host-idp_remember" && c.Value != "" })
	if at < 0 {
		t.Fatal("no remember cookie with the tick")
	}
	if got := b.given[at].MaxAge; got != 30*86400 {
		t.Errorf("Max-Age of the remember cookie = %d, want %d", got, 30*86400)
	}
}

func TestCookie_PersistentOnlyWithTheTick(t *testing.T) { // FL-9
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	clients := []server.Client{server.PKCE(), server.Native(), server.Lean(), server.Opaque(), server.Quick(), server.BasicOnly()}
	for n := range 50 {
		if n%2 == 0 {
			in.b.open(s.Issuer + "/")
		} else {
			in.b.az(clients[n%len(clients)], "prompt", "none")
		}
	}
	for _, c := range in.b.given {
		if c.Value != "" && strings.Contains(c.Name, "idp_remember") || strings.Contains(c.Name, "idp_session") && (c.MaxAge > 0 || !c.Expires.IsZero()) {
			t.Errorf("a persistent cookie that nobody asked for: %s", c.Name)
		}
	}
}

func TestRemember_RestoresWithTheOldTime(t *testing.T) { // FL-8, FL-12, FL-16
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	first := s.verify(t, s.exchange(t, b.az(server.Trusted()).login(u, "remember", "1").wantCode()).tokens().id)
	pause(t, 2100*time.Millisecond)
	remember := b.cookie("idp_remember")
	stolen := b.copy()
	b.setCookie("idp_session", "") // the browser was closed

	restored := s.verify(t, s.exchange(t, b.az(server.Trusted()).wantCode()).tokens().id)
	if a, b := first.number("auth_time"), restored.number("auth_time"); a != b {
		t.Errorf("auth_time of a restored session = %d, want the original %d", b, a)
	}
	if got, ok := restored.claims["amr"].([]any); ok && slices.ContainsFunc(got, func(v any) bool { return v != "pwd" }) {
		t.Errorf("amr of a restored session = %v, want nothing that was not used", got)
	}
	if next := b.cookie("idp_remember"); next == remember || next == "" {
		t.Error("the remember cookie was not rotated on use")
	}
	b.az(server.PKCE(), "max_age", "1").wantLogin() // restored is not freshly proved
	b.az(server.PKCE(), "prompt", "none", "max_age", "1").wantErr("login_required")

	// The copy that was taken before the rotation is worth nothing.
	stolen.setCookie("idp_session", "")
	stolen.az(server.PKCE()).wantLogin()
}

func TestRemember_RestoresSilently(t *testing.T) { // FL-8 with prompt=none
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Trusted()).login(u, "remember", "1").wantCode()
	b.setCookie("idp_session", "")
	b.az(server.Trusted(), "prompt", "none").wantCode()
}

func TestCookie_WithOneByteChangedIsNone(t *testing.T) { // FL-11
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	b.az(server.Trusted()).login(u, "remember", "1").wantCode()
	for _, name := range []string{"idp_session", "idp_remember", "idp_browser"} {
		value := b.cookie(name)
		if value == "" {
			t.Fatalf("no cookie %s after signing in with the tick", name)
		}
		for _, broken := range []string{flip(value), value + "A", value[:len(value)/2], "x", strings.Repeat("A", 4000), "%00", "=.=.="} {
			c := b.copy()
			for _, both := range []string{"idp_session", "idp_remember"} {
				if name != "idp_browser" && both != name {
					c.setCookie(both, "")
				}
			}
			c.setCookie(name, broken)
			p := c.az(server.Trusted())
			if name == "idp_browser" {
				if p.left == nil {
					p.wantLogin()
				}
				continue
			}
			p.wantLogin()
			if p.status != http.StatusOK {
				t.Errorf("%s broken: status %d, want the sign-in page with 200", name, p.status)
			}
		}
	}
	// A session cookie in the place of another is none.
	c := b.copy()
	c.setCookie("idp_session", b.cookie("idp_remember"))
	c.setCookie("idp_remember", b.cookie("idp_session"))
	c.az(server.Trusted()).wantLogin()
}

func TestCookie_NoneFromProtocolEndpoints(t *testing.T) { // FL-19
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	for name, a := range map[string]*answer{
		"token":         s.refresh(t, server.Trusted(), in.refresh),
		"token error":   s.refresh(t, server.Trusted(), "garbage"),
		"userinfo":      s.userInfo(t, in.access),
		"jwks":          s.get(t, s.endpoint(t, "jwks_uri")),
		"discovery":     s.get(t, s.Issuer+"/.well-known/openid-configuration"),
		"introspection": s.introspect(t, server.Trusted(), in.access),
		"revocation":    s.revoke(t, server.Trusted(), in.access),
		"health":        s.get(t, s.Issuer+"/healthz"),
	} {
		if got := a.header.Values("Set-Cookie"); len(got) > 0 {
			t.Errorf("%s sets %d cookies, want none", name, len(got))
		}
	}
}

func TestCookie_NeverCached(t *testing.T) { // SEC-12, FS-9
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	check := func(p *page) *page {
		t.Helper()
		if len(p.header.Values("Set-Cookie")) > 0 && !strings.Contains(p.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s sets a cookie with Cache-Control %q, want no-store", p.url, p.header.Get("Cache-Control"))
		}
		return p
	}
	at := b.azURL(server.Web())
	for range 10 {
		p := check(b.get(at))
		to := p.target()
		if to == "" {
			switch {
			case p.is("submit-login"):
				action, fields := p.form("submit-login")
				p = check(b.send(newRequest(t, http.MethodPost, action, with(fields, "identifier", u.Email, "password", u.Password, "remember", "1"))))
			case p.is("allow"):
				action, fields := p.form("allow")
				p = check(b.send(newRequest(t, http.MethodPost, action, fields)))
			default:
				t.Fatalf("want sign-in or consent, got %s", p.describe())
			}
			to = p.target()
		}
		next, err := p.url.Parse(to)
		if err != nil || next.Host != b.base().Host {
			if !strings.Contains(p.header.Get("Cache-Control"), "no-store") {
				t.Errorf("the redirect with the code has Cache-Control %q, want no-store", p.header.Get("Cache-Control"))
			}
			return
		}
		at = next.String()
	}
	t.Fatal("the flow does not end")
}

func TestCookie_AnonymousStateIsBounded(t *testing.T) { // SEC-23, bounded to what a test run can afford
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	first := b.az(server.Trusted()).wantLogin()
	for range 40 {
		b.az(server.Trusted()).wantLogin()
	}
	total := 0
	for _, c := range b.http.Jar.Cookies(b.base()) {
		total += len(c.Name) + len(c.Value)
		if len(c.Value) > 1024 {
			t.Errorf("cookie %s has %d bytes after 41 requests, want under 1 kB", c.Name, len(c.Value))
		}
	}
	if n := len(b.http.Jar.Cookies(b.base())); n > 4 || total > 2048 {
		t.Errorf("%d cookies of %d bytes after 41 requests, want few and small", n, total)
	}
	// At most 16 requests of one browser wait; the first one was pushed out, and the page says so.
	p := b.open(first.url.String())
	if p.is("submit-login") || p.status >= 500 || p.left != nil {
		t.Errorf("the first of 41 pending requests: %s, want it gone with a page that says so", p.describe())
	}
	// The last one works.
	b.az(server.Trusted()).login(s.user(t)).wantCode()
}

func TestInteraction_BelongsToItsBrowser(t *testing.T) { // PS-14, FL-4
	t.Parallel()
	s := shared(t)
	victim, attacker := s.browser(t), s.browser(t)
	p := victim.az(server.Trusted()).wantLogin()
	attacker.az(server.Trusted()).wantLogin() // has cookies of its own
	for _, b := range []*browser{attacker, s.browser(t)} {
		got := b.open(p.url.String())
		if got.is("submit-login") || got.left != nil || got.status < 400 || got.status >= 500 {
			t.Errorf("another browser opens the handle: %s, want an error page", got.describe())
		}
	}
	// Nor does posting it.
	action, fields := p.form("submit-login")
	got := attacker.post(action, with(fields, "identifier", s.user(t).Email, "password", server.Password))
	if got.left != nil || attacker.cookie("idp_session") != "" {
		t.Errorf("another browser posts the handle: %s, want it refused", got.describe())
	}
	// The owner's is still alive.
	p.login(s.user(t)).wantCode()
	// And used up.
	if got := victim.open(p.url.String()); got.left != nil && got.left.Query().Get("code") != "" {
		t.Errorf("a consumed handle gives another code")
	}
}

func TestSession_ProtectionEndsAStolenCookie(t *testing.T) { // FL-13
	t.Parallel()
	for mode, revoked := range map[string]bool{"reauth": false, "revoke": true} {
		s := start(t, server.Set("IDP_SESSION__PROTECTION", mode))
		in := s.signIn(t, server.Trusted())
		thief := in.b.copy()
		thief.agent = "curl/8.0"
		thief.az(server.Trusted()).wantLogin()
		thief.az(server.Trusted(), "prompt", "none").wantErr("login_required")
		p := in.b.az(server.Trusted(), "prompt", "none")
		if revoked {
			p.wantErr("login_required")
		} else {
			p.wantCode()
		}
	}
}
