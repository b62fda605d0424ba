package protocol

// OpenID Connect RP-Initiated Logout 1.0; protocol.md §3.6; account-features.md FL-14, FS-8.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// logout asks to sign out as an application does.
func (b *browser) logout(pairs ...string) *page {
	b.t.Helper()
	return b.open(b.site.endpoint(b.t, "end_session_endpoint") + "?" + with(url.Values{}, pairs...).Encode())
}

func (in signedIn) wantOut(t *testing.T) {
	t.Helper()
	in.b.az(server.PKCE(), "prompt", "none").wantErr("login_required")
}

func (in signedIn) wantIn(t *testing.T) {
	t.Helper()
	in.b.az(server.PKCE(), "prompt", "none").wantCode()
}

func TestLogout_ValidHintEndsTheSession(t *testing.T) { // §2, §3; protocol.md §3.6
	t.Parallel()
	s := shared(t)
	for name, test := range map[string]struct {
		pairs []string
		want  string
	}{
		"with state":    {[]string{"state", "s&=+ü"}, "https://trusted.example/out?state=s%26%3D%2B%C3%BC"},
		"without state": {nil, "https://trusted.example/out"}, // no query at all
		"with client":   {[]string{"client_id", "trusted", "ui_locales", "de"}, "https://trusted.example/out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := s.signIn(t, server.Trusted())
			old := in.b.copy()
			p := in.b.logout(append([]string{"id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout}, test.pairs...)...)
			if p.left == nil || p.leave != test.want {
				t.Fatalf("got %s, want a redirect to %s", p.describe(), test.want)
			}
			in.wantOut(t)
			// FL-14: a copied cookie is worth nothing afterwards.
			old.az(server.Trusted()).wantLogin()
			old.az(server.Trusted(), "prompt", "none").wantErr("login_required")
		})
	}
}

func TestLogout_WorksByPost(t *testing.T) { // §2: GET and POST
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	req := newRequest(t, http.MethodPost, s.endpoint(t, "end_session_endpoint"), url.Values{
		"id_token_hint": {in.id}, "post_logout_redirect_uri": {server.Trusted().Logout}, "state": {"x"},
	})
	// From the application's page.
	req.Header.Set("Origin", "https://trusted.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	p := in.b.send(req).follow()
	if p.leave != "https://trusted.example/out?state=x" {
		t.Fatalf("got %s, want a redirect to the registered URI", p.describe())
	}
	in.wantOut(t)
}

func TestLogout_RegisteredQueryIsKept(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web())
	p := in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", "https://rp.example/out?x=1", "state", "y")
	if p.leave != "https://rp.example/out?x=1&state=y" {
		t.Fatalf("got %s, want the registered URI, & and the state", p.describe())
	}
}

func TestLogout_HintsThatAreOldStillCount(t *testing.T) { // §4: an expired one should be accepted; so should one of an ended session
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	pairs := []string{"id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout}
	in.b.logout(pairs...)
	// Signed out already: the redirect happens all the same.
	if p := in.b.logout(pairs...); p.leave != server.Trusted().Logout {
		t.Fatalf("signing out twice: got %s, want the redirect", p.describe())
	}
}

func TestLogout_NoRedirectToWhereNobodyRegistered(t *testing.T) { // §3, protocol.md §3.6, SEC-1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	other := s.signIn(t, server.Other())
	good := []string{"id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout, "state", "x"}
	cases := map[string][]string{
		"unregistered":              {"post_logout_redirect_uri", "https://trusted.example/elsewhere"},
		"query added":               {"post_logout_redirect_uri", server.Trusted().Logout + "?x=1"},
		"slash added":               {"post_logout_redirect_uri", server.Trusted().Logout + "/"},
		"a login redirect URI":      {"post_logout_redirect_uri", server.Trusted().Redirect},
		"another client's":          {"post_logout_redirect_uri", server.Other().Logout},
		"no hint":                   {"id_token_hint", absent},
		"another client's hint":     {"id_token_hint", other.id},
		"hint and client disagree":  {"client_id", "other"},
		"an access token as a hint": {"id_token_hint", in.access},
		"garbage as a hint":         {"id_token_hint", "garbage"},
	}
	for name, hint := range forgeries(t, s, in.id) {
		cases["hint: "+name] = []string{"id_token_hint", hint}
	}
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			form := with(with(url.Values{}, good...), changes...)
			b := in.b.copy()
			p := b.open(s.endpoint(t, "end_session_endpoint") + "?" + form.Encode())
			if p.left != nil {
				t.Fatalf("redirected to %s, want a page", p.leave)
			}
			if p.doc == nil {
				t.Fatalf("got %s, want a page for the person", p.describe())
			}
		})
	}
	in.wantIn(t)
	// Whatever the page was, saying yes on it leads nowhere either.
	if p := in.b.logout(append(slices.Clone(good), "post_logout_redirect_uri", "https://trusted.example/elsewhere")...); p.is("confirm-logout") {
		if p = p.submit("confirm-logout"); p.left != nil {
			t.Errorf("after yes: sent to %s", p.leave)
		}
		in.wantOut(t)
	}
}

func TestLogout_WithoutAHintAsks(t *testing.T) { // §2: MUST ask without a hint; FL-14, FS-8: <img src=logout> signs nobody out
	t.Parallel()
	s := shared(t)
	for name, pairs := range map[string][]string{
		"nothing": nil, "state alone": {"state", "x"}, "URI alone": {"post_logout_redirect_uri", server.Trusted().Logout},
		"client and URI": {"client_id", "trusted", "post_logout_redirect_uri", server.Trusted().Logout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := s.signIn(t, server.Trusted())
			p := in.b.logout(pairs...)
			in.wantIn(t)
			if name == "URI alone" && p.is("error-code") {
				return // whose address it is cannot be known: an error page is right too (protocol.md §3.6)
			}
			if !p.is("confirm-logout") {
				t.Fatalf("got %s, want the question", p.describe())
			}
			// "No" changes nothing.
			p.submit("cancel")
			in.wantIn(t)
			p = in.b.logout(pairs...).submit("confirm-logout")
			if p.left != nil && (name != "client and URI" || p.leave != server.Trusted().Logout) {
				t.Errorf("after yes: sent to %s", p.leave)
			}
			in.wantOut(t)
		})
	}
	t.Run("with nobody signed in", func(t *testing.T) {
		t.Parallel()
		p := s.browser(t).logout()
		if p.left != nil || p.status != http.StatusOK || !p.is("title") {
			t.Errorf("got %s, want the signed-out page", p.describe())
		}
	})
}

func TestLogout_SomebodyElsesHintAsks(t *testing.T) { // §4: the hint's person is not the one who is signed in
	t.Parallel()
	s := shared(t)
	mine, theirs := s.signIn(t, server.Trusted()), s.signIn(t, server.Trusted())
	p := mine.b.logout("id_token_hint", theirs.id, "post_logout_redirect_uri", server.Trusted().Logout)
	if p.left != nil {
		mine.wantIn(t) // a redirect is harmless; ending my session by an attacker's link is not
		return
	}
	mine.wantIn(t)
	theirs.wantIn(t)
}

func TestLogout_EndsWhatDependsOnIt(t *testing.T) { // FL-14, FL-8
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	g := b.az(server.Trusted(), "scope", "openid").login(u, "remember", "1").wantCode()
	got := s.exchange(t, g).tokens()
	remembered := b.copy()
	b.logout("id_token_hint", got.id, "post_logout_redirect_uri", server.Trusted().Logout)
	for _, name := range []string{"idp_session", "idp_remember"} {
		if b.cookie(name) != "" {
			t.Errorf("cookie %s is still there after signing out", name)
		}
	}
	// Replayed, either of them alone or together.
	remembered.az(server.Trusted()).wantLogin()
	remembered.setCookie("idp_session", "")
	remembered.az(server.Trusted()).wantLogin()
}

func TestLogout_OfflineAccessOutlivesIt(t *testing.T) { // OIDC Core §11: that is what offline means
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	in.b.logout("id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout)
	in.wantOut(t)
	s.refresh(t, server.Trusted(), in.refresh).tokens()
}

func TestLogout_BadInputIsAnsweredWithoutAServerError(t *testing.T) { // SEC-24
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "end_session_endpoint")
	b := s.browser(t)
	for name, query := range map[string]string{
		"duplicates": "state=a&state=b&post_logout_redirect_uri=x&post_logout_redirect_uri=y", "bad escapes": "state=%zz", "long": "state=" + strings.Repeat("a", 8000),
		"NUL": "id_token_hint=%00&state=%00", "not UTF-8": "state=%ff&client_id=%ff",
	} {
		if p := b.get(at + "?" + query); p.status >= 500 || p.left != nil {
			t.Errorf("%s: %s", name, p.describe())
		}
	}
	req := newRequest(t, http.MethodPost, at, url.Values{})
	req.Header.Set("Content-Type", "application/json")
	if a := s.call(t, req); a.status >= 500 {
		t.Errorf("JSON: status %d", a.status)
	}
}
