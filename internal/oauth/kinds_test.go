package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/oauth"
	"idp/internal/store/storetest"
)

func newWorldLimited(t *testing.T, limit int) *world {
	t.Helper()
	return newWorldWith(t, func(c *oauth.Config) { c.LoopLimit = limit })
}

// newWorldWith makes a world whose server is configured otherwise.
func newWorldWith(t *testing.T, change func(*oauth.Config)) *world {
	t.Helper()
	w := newWorldOn(t, storetest.New(t))
	conf := w.Config
	change(&conf)
	p, err := oauth.New(conf)
	must(t, err)
	w.Provider, w.mux = p, http.NewServeMux()
	for _, r := range p.Routes() {
		w.mux.HandleFunc(r.Pattern, r.Handler)
	}
	return w
}

func headerOf(t testing.TB, jwt string) map[string]any {
	t.Helper()
	first, _, _ := strings.Cut(jwt, ".")
	b, err := base64.RawURLEncoding.DecodeString(first)
	must(t, err)
	var h map[string]any
	must(t, json.Unmarshal(b, &h))
	return h
}

// RFC 8725 §3.11: a token of one kind is refused as each other kind, without a 5xx.
func TestKinds_NoTokenPassesForAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opaque := *w.client
	opaque.ID, opaque.Contract.AccessTokenFormat = "opaque", idp.AccessTokenOpaque
	must(t, w.store.CreateClient(t.Context(), &opaque))
	cookies := w.signIn(t)
	user := w.tokens(t)
	_, _, own := w.token(t, "grant_type", "client_credentials", "scope", "api")
	_, _, opaqueOwn := w.token(t, "grant_type", "client_credentials", "scope", "api", "client_id", "opaque", "client_secret", w.secret)
	var session string
	for _, c := range cookies {
		if strings.HasPrefix(c.Value, "idp_st_") {
			session = c.Value
		}
	}
	if session == "" {
		t.Fatal("no session cookie")
	}
	tokens := map[string]string{
		"code": w.az(t, cookies).Get("code"), "refresh token": user["refresh_token"].(string), "access token": user["access_token"].(string),
		"ID token": user["id_token"].(string), "client's token": own["access_token"].(string), "client's opaque token": opaqueOwn["access_token"].(string),
		"session cookie": session, "client secret": w.secret, "nothing of ours": "eyJhbGciOiJub25lIn0.e30.", "prefix": "idp_rt_", "empty JWT": "..",
	}
	// What is signed for others to read, with all that an ID token says: its typ alone tells it apart.
	claims, err := json.Marshal(claimsOf(t, user["id_token"]))
	must(t, err)
	for name, typ := range map[string]string{"signed UserInfo": keys.TypeUserInfo, "introspection answer": keys.TypeIntrospected, "logout token": keys.TypeLogoutToken} {
		tokens[name], err = w.Keys.Sign("RS256", typ, claims)
		must(t, err)
	}
	// The code goes last: whoever presents it as what it is burns it.
	uses := map[string]struct {
		good []string
		try  func(token string) (accepted bool, status int)
	}{
		"as a code": {[]string{"code"}, func(token string) (bool, int) {
			status, _, _ := w.exchange(t, token)
			return status == 200, status
		}},
		"as a refresh token": {[]string{"refresh token"}, func(token string) (bool, int) {
			status, _ := w.refresh(t, token)
			return status == 200, status
		}},
		"as an access token": {[]string{"access token"}, func(token string) (bool, int) {
			status, _ := w.userinfo(t, token)
			return status == 200, status
		}},
		"as a hint": {[]string{"ID token"}, func(token string) (bool, int) {
			return w.az(t, cookies, "prompt", "none", "id_token_hint", token).Has("code"), 400
		}},
		"as a hint to log out": {[]string{"ID token"}, func(token string) (bool, int) {
			rec := w.do(t, httptest.NewRequest(http.MethodGet, issuer+"/oauth2/logout?id_token_hint="+url.QueryEscape(token), nil))
			return rec.Code == http.StatusSeeOther, rec.Code
		}},
		"to be introspected": {[]string{"refresh token", "access token", "client's token"}, func(token string) (bool, int) {
			status, answer := w.post(t, "/oauth2/introspect", "token", token)
			return answer["active"] == true, status
		}},
		"as a session": {[]string{"session cookie"}, func(token string) (bool, int) {
			var swapped []*http.Cookie
			for _, c := range cookies {
				copied := *c
				if c.Value == session {
					copied.Value = token
				}
				swapped = append(swapped, &copied)
			}
			return w.az(t, swapped, "prompt", "none").Has("code"), 400
		}},
		"as a client secret": {[]string{"client secret"}, func(token string) (bool, int) {
			status, _, _ := w.token(t, "grant_type", "client_credentials", "client_id", "app", "client_secret", token)
			return status == 200, status
		}},
	}
	for _, use := range []string{"as a hint", "as a hint to log out", "as a session", "as a client secret", "to be introspected", "as an access token", "as a refresh token", "as a code"} {
		for kind, token := range tokens {
			u := uses[use]
			want := false
			for _, g := range u.good {
				want = want || g == kind
			}
			if accepted, status := u.try(token); accepted != want || status >= 500 {
				t.Errorf("%s %s: got accepted=%v with %d, want %v", kind, use, accepted, status, want)
			}
		}
	}
}

// D8, RFC 7009 §2.1, §2.2.
func TestRevoke_FollowsItsRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := *w.client
	other.ID = "other"
	must(t, w.store.CreateClient(t.Context(), &other))
	public := *w.client
	public.ID, public.AuthMethods, public.Secrets = "public", []string{idp.AuthNone}, nil
	must(t, w.store.CreateClient(t.Context(), &public))
	as := func(id, secret, token string) int {
		form := url.Values{"token": {token}, "client_id": {id}, "token_type_hint": {"nonsense"}}
		if secret != "" {
			form.Set("client_secret", secret)
		}
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/revoke", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return w.do(t, r).Code
	}
	a := w.tokens(t)
	access, refresh := a["access_token"].(string), a["refresh_token"].(string)
	for name, status := range map[string]int{
		"another client's refresh token": as("other", w.secret, refresh), "another client's access token": as("other", w.secret, access),
		"garbage": as("app", w.secret, "x"), "a public client's try": as("public", "", refresh),
	} {
		if status != http.StatusOK {
			t.Errorf("%s: got %d, want 200", name, status)
		}
	}
	if status, _ := w.userinfo(t, access); status != http.StatusOK {
		t.Fatalf("another client revoked it: got %d", status)
	}
	for name, status := range map[string]int{"a wrong secret": as("app", "x", refresh), "no such client": as("nobody", "x", refresh)} {
		if status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", name, status)
		}
	}
	if status, answer := w.post(t, "/oauth2/revoke"); status != 400 || answer["error"] != "invalid_request" {
		t.Errorf("no token: got %d %v", status, answer)
	}

	// An access token goes alone; a refresh token, even a spent one, takes the family.
	if status := as("app", w.secret, access); status != http.StatusOK {
		t.Errorf("got %d, want 200", status)
	}
	if status, code := w.userinfo(t, access); status != 401 || code != "invalid_token" {
		t.Errorf("the revoked access token: got %d %s", status, code)
	}
	status, next := w.refresh(t, refresh)
	if status != http.StatusOK {
		t.Fatalf("its refresh token: got %d %v", status, next)
	}
	as("app", w.secret, refresh)
	if status, _ := w.userinfo(t, next["access_token"].(string)); status != 401 {
		t.Errorf("a sibling after the spent refresh token was revoked: got %d, want 401", status)
	}
	status, answer := w.refresh(t, next["refresh_token"])
	wantError(t, "the current refresh token", status, answer, 400, "invalid_grant")
	if status := as("app", w.secret, refresh); status != http.StatusOK {
		t.Errorf("again: got %d, want 200", status)
	}
	_, own := func() (int, map[string]any) {
		s, _, a := w.token(t, "grant_type", "client_credentials", "scope", "api")
		return s, a
	}()
	as("app", w.secret, own["access_token"].(string))
	if _, got := w.post(t, "/oauth2/introspect", "token", own["access_token"].(string)); got["active"] != false {
		t.Errorf("a revoked client's token: got %v, want inactive", got)
	}
}

// D7, RFC 7662 §2.2, §4: who is told what about whose token.
func TestIntrospect_TellsOnlyWhomATokenConcerns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.Audience = []string{"https://api.example", issuer} })
	for id, change := range map[string]func(*idp.Client){
		"stranger":  func(c *idp.Client) { c.Audience = nil },
		"resource":  func(c *idp.Client) { c.Audience = []string{"https://api.example"} },
		"gateway":   func(c *idp.Client) { c.Audience, c.Scopes = nil, []string{oauth.ScopeIntrospect} },
		"public":    func(c *idp.Client) { c.AuthMethods, c.Secrets = []string{idp.AuthNone}, nil },
		"elsewhere": func(c *idp.Client) { c.Audience = []string{"https://other.example"} },
	} {
		c := *w.client
		c.ID = id
		change(&c)
		must(t, w.store.CreateClient(t.Context(), &c))
	}
	user := w.tokens(t)
	ask := func(id, token string) (int, map[string]any) {
		form := url.Values{"token": {token}, "client_id": {id}}
		if id != "public" {
			form.Set("client_secret", w.secret)
		}
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/introspect", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := w.do(t, r)
		if rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer may be cached", id)
		}
		return rec.Code, decode(t, rec)
	}
	for id, want := range map[string]struct{ access, refresh bool }{
		"app": {true, true}, "resource": {true, false}, "gateway": {true, false}, "stranger": {}, "elsewhere": {},
	} {
		for kind, c := range map[string]struct {
			token any
			want  bool
		}{"access": {user["access_token"], want.access}, "refresh": {user["refresh_token"], want.refresh}} {
			status, got := ask(id, c.token.(string))
			if status != http.StatusOK || got["active"] != c.want || !c.want && len(got) != 1 {
				t.Errorf("%s about the %s token: got %d %v, want active=%v and nothing more if not", id, kind, status, got, c.want)
			}
		}
	}
	if status, got := ask("public", user["access_token"].(string)); status != 401 || got["error"] != "invalid_client" {
		t.Errorf("a public client: got %d %v, want 401 invalid_client", status, got)
	}
	_, got := ask("app", user["access_token"].(string))
	for member, want := range map[string]any{"client_id": "app", "username": "ann", "token_type": "Bearer", "sub": w.user.ID, "iss": issuer, "scope": "email offline_access openid profile"} {
		if got[member] != want {
			t.Errorf("%s: got %v, want %v", member, got[member], want)
		}
	}
}

// Who is an administrator: role and scope and audience and a living token, all together.
func TestAdministrator_NeedsRoleScopeAudienceAndALivingToken(t *testing.T) {
	t.Parallel()
	admin := []string{"openid", "offline_access", "idp.admin"}
	for name, c := range map[string]struct {
		client func(*idp.Client)
		scope  string
		own    bool // a client's own token
		before func(t *testing.T, w *world)
		want   idp.Kind // Internal: allowed
	}{
		"a person with role and scope": {scope: "openid idp.admin"},
		"a person without the scope":   {scope: "openid", want: idp.Forbidden},
		"a person without the role":    {scope: "openid idp.admin", want: idp.Forbidden, before: func(t *testing.T, w *world) { w.user.Roles = nil; must(t, w.store.UpdateUser(t.Context(), w.user)) }},
		"a disabled person": {scope: "openid idp.admin", want: idp.Unauthenticated, before: func(t *testing.T, w *world) {
			must(t, w.store.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, w.user.CreatedAt))
		}},
		"a client that was given it":      {own: true, scope: "idp.admin"},
		"a client that does not ask":      {own: true, scope: "api", want: idp.Forbidden, client: func(c *idp.Client) { c.Scopes = append(c.Scopes, "api") }},
		"a token for another resource":    {scope: "idp.admin", want: idp.Forbidden, client: func(c *idp.Client) { c.Audience = []string{"https://api.example"} }},
		"a client whose scope was taken":  {own: true, scope: "idp.admin", want: idp.Unauthenticated, before: func(t *testing.T, w *world) { w.change(t, func(c *idp.Client) { c.Scopes = []string{"openid"} }) }},
		"a client that was disabled":      {own: true, scope: "idp.admin", want: idp.Unauthenticated, before: func(t *testing.T, w *world) { w.change(t, func(c *idp.Client) { c.Disabled = true }) }},
		"a person through a disabled one": {scope: "openid idp.admin", want: idp.Unauthenticated, before: func(t *testing.T, w *world) { w.change(t, func(c *idp.Client) { c.Disabled = true }) }},
		"an opaque token":                 {scope: "openid idp.admin", client: func(c *idp.Client) { c.Contract.AccessTokenFormat = idp.AccessTokenOpaque }},
		"a client with an opaque token":   {own: true, scope: "idp.admin", client: func(c *idp.Client) { c.Contract.AccessTokenFormat = idp.AccessTokenOpaque }},
		"a person whose sessions have end": {scope: "openid idp.admin", want: idp.Unauthenticated, before: func(t *testing.T, w *world) {
			_, err := w.store.EndSessionsOf(t.Context(), w.user.ID, "", w.user.CreatedAt)
			must(t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(cl *idp.Client) {
				cl.Scopes = admin
				if c.client != nil {
					c.client(cl)
				}
			})
			var token string
			if c.own {
				_, _, a := w.token(t, "grant_type", "client_credentials", "scope", c.scope)
				token = a["access_token"].(string)
			} else {
				token = w.tokens(t, "scope", c.scope)["access_token"].(string)
			}
			if c.before != nil {
				c.before(t, w)
			}
			r := httptest.NewRequest(http.MethodGet, issuer+"/api", nil)
			r.Header.Set("Authorization", "bearer "+token)
			actor, err := w.Administrator(http.Header{}, r)
			if idp.KindOf(err) != c.want || (err == nil) != (c.want == idp.Internal) {
				t.Fatalf("got %v, want kind %d", err, c.want)
			}
			if err == nil && (actor.ID == "" || (actor.Kind == "client") != c.own) {
				t.Errorf("got actor %+v", actor)
			}
		})
	}
	w := newWorld(t, func(c *idp.Client) { c.Scopes = admin })
	answer := w.tokens(t, "scope", "openid offline_access idp.admin")
	for name, header := range map[string][]string{
		"none": nil, "empty": {""}, "basic": {"Basic eDp5"}, "no token": {"Bearer"}, "two": {"Bearer " + answer["access_token"].(string), "Bearer x"},
		"ID token": {"Bearer " + answer["id_token"].(string)}, "refresh token": {"Bearer " + answer["refresh_token"].(string)},
	} {
		r := httptest.NewRequest(http.MethodGet, issuer+"/api", nil)
		r.Header["Authorization"] = header
		if _, err := w.Administrator(http.Header{}, r); idp.KindOf(err) != idp.Unauthenticated {
			t.Errorf("header %s: got %v, want unauthenticated", name, err)
		}
	}
}
