package protocol

// RFC 6749 §2.3, §3.2, §4.1.3, §4.4, §5; RFC 7617.

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestToken_ClientAuthenticationIsChecked(t *testing.T) { // RFC 6749 §2.3.1, §5.2; RP-3, RP-13, FD-5; protocol.md §3.4; fosite D9, D18
	t.Parallel()
	s := shared(t)
	web, service, native := server.Web(), server.Service(), server.Native()
	wrong := service
	wrong.Secret = strings.Repeat("w", 43)
	unknown := server.Client{ID: "nobody", Secret: service.Secret}
	both := func(header http.Header, form url.Values) { basic(service)(header, form); inBody(service)(header, form) }
	raw := func(value string) auth {
		return func(header http.Header, _ url.Values) { header.Set("Authorization", value) }
	}
	for name, test := range map[string]struct {
		as     auth
		status int
		errors []string
	}{
		"basic":                        {basic(service), 200, nil},
		"post":                         {inBody(service), 200, nil},
		"basic and client_id repeated": {func(h http.Header, f url.Values) { basic(service)(h, f); f.Set("client_id", "service") }, 200, nil},
		"basic, another's client_id":   {func(h http.Header, f url.Values) { basic(service)(h, f); f.Set("client_id", "web") }, 0, []string{"invalid_client", "invalid_request"}}, // D18
		"two methods at once":          {both, 0, []string{"invalid_request", "invalid_client"}},
		"wrong secret, basic":          {basic(wrong), 401, []string{"invalid_client"}},
		"wrong secret, post":           {inBody(wrong), 401, []string{"invalid_client"}},
		"unknown client, basic":        {basic(unknown), 401, []string{"invalid_client"}},
		"unknown client, post":         {inBody(unknown), 401, []string{"invalid_client"}},
		"nobody":                       {nobody, 401, []string{"invalid_client"}},
		"name alone":                   {named(service), 401, []string{"invalid_client"}},
		"empty secret":                 {func(_ http.Header, f url.Values) { f.Set("client_id", "service"); f.Set("client_secret", "") }, 401, []string{"invalid_client"}},
		"basic that is no base64":      {raw("Basic ???"), 401, []string{"invalid_client"}},
		"basic without a colon":        {raw("Basic c2VydmljZQ=="), 401, []string{"invalid_client"}},
		"unknown scheme":               {raw("Digest x=y"), 401, []string{"invalid_client"}},
		"bearer":                       {raw("Bearer abc"), 401, []string{"invalid_client"}},
		"id in other case":             {basic(server.Client{ID: "Service", Secret: service.Secret}), 401, []string{"invalid_client"}}, // SEC-14
		"public client with a secret":  {inBody(server.Client{ID: native.ID, Secret: service.Secret}), 401, []string{"invalid_client"}},
		"scheme in lower case": {func(h http.Header, f url.Values) {
			basic(service)(h, f)
			h.Set("Authorization", "b"+h.Get("Authorization")[1:])
		}, 200, nil}, // RFC 9110 §11.1
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.token(t, test.as, "grant_type", "client_credentials")
			if test.errors == nil {
				a.tokens()
				return
			}
			status := test.status
			if status == 0 {
				status = map[string]int{"invalid_client": 401, "invalid_request": 400}[a.str("error")]
			}
			a.wantError(status, test.errors...)
			if got := a.header.Get("WWW-Authenticate"); status == 401 && !strings.HasPrefix(got, "Basic ") {
				t.Errorf("WWW-Authenticate %q, want Basic and a realm (RFC 6749 §5.2)", got)
			}
		})
	}
	t.Run("a method that was not registered", func(t *testing.T) {
		t.Parallel()
		s.token(t, basic(server.BasicOnly()), "grant_type", "client_credentials").tokens()
		s.token(t, inBody(server.BasicOnly()), "grant_type", "client_credentials").wantError(401, "invalid_client")
	})
	t.Run("the same client by either method", func(t *testing.T) { // RP-3: social-core exchanges by Basic and refreshes by body
		t.Parallel()
		in := s.signIn(t, web, "scope", "openid offline_access")
		next := s.token(t, inBody(web), "grant_type", "refresh_token", "refresh_token", in.refresh).tokens()
		s.token(t, basic(web), "grant_type", "refresh_token", "refresh_token", next.refresh).tokens()
	})
	t.Run("a public client with an empty secret", func(t *testing.T) { // x/oauth2, oidc-agent and others send their empty setting
		t.Parallel()
		empty := server.Client{ID: native.ID}
		in := s.signIn(t, native, "scope", "openid offline_access")
		next := s.token(t, basic(empty), "grant_type", "refresh_token", "refresh_token", in.refresh).tokens()
		s.token(t, inBody(empty), "grant_type", "refresh_token", "refresh_token", next.refresh).tokens()
		s.form(t, "introspection_endpoint", basic(empty), "token", in.access).wantError(401, "invalid_client")
		s.token(t, basic(server.Client{ID: service.ID}), "grant_type", "client_credentials").wantError(401, "invalid_client")
	})
	t.Run("wrong and unknown read alike", func(t *testing.T) {
		t.Parallel()
		a := s.token(t, basic(wrong), "grant_type", "client_credentials")
		b := s.token(t, basic(unknown), "grant_type", "client_credentials")
		if string(a.body) != string(b.body) {
			t.Errorf("a wrong secret answers %s, an unknown client %s, want the same", a.body, b.body)
		}
	})
}

func TestToken_RequestFormIsReadStrictly(t *testing.T) { // RFC 6749 §3.2, §4.1.3; RP-3; SEC-24
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "token_endpoint")
	service := server.Service()
	send := func(t *testing.T, method, at, contentType, body string) *answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		req.SetBasicAuth(service.ID, service.Secret)
		return s.call(t, req)
	}
	const form = "application/x-www-form-urlencoded"
	const good = "grant_type=client_credentials"

	for _, contentType := range []string{form, form + ";charset=UTF-8", form + "; charset=utf-8", "Application/X-WWW-Form-Urlencoded"} {
		send(t, http.MethodPost, at, contentType, good).tokens()
	}
	send(t, http.MethodPost, at, form, good+"&foo=bar&allow_redirects=True&scope=").tokens() // RP-3, FD-7; RFC 6749 §3.2: without a value = omitted
	// What is in the query does not count: refused, or as if it were not there.
	if a := send(t, http.MethodPost, at+"?scope=api.read", form, good); a.status != 400 && len(a.words("scope")) != 2 {
		t.Errorf("scope of the query counts: %d, scope %q", a.status, a.str("scope"))
	}
	for name, a := range map[string]*answer{
		"duplicate grant_type": send(t, http.MethodPost, at, form, good+"&"+good),
		"duplicate scope":      send(t, http.MethodPost, at, form, good+"&scope=api.read&scope=api.write"),
		"no grant_type":        send(t, http.MethodPost, at, form, "scope=api.read"),
		"empty grant_type":     send(t, http.MethodPost, at, form, "grant_type="),
		"empty body":           send(t, http.MethodPost, at, form, ""),
		"query instead":        send(t, http.MethodPost, at+"?"+good, form, ""),
		"JSON":                 send(t, http.MethodPost, at, "application/json", `{"grant_type":"client_credentials"}`),
		"text":                 send(t, http.MethodPost, at, "text/plain", good),
		"no content type":      send(t, http.MethodPost, at, "", good),
		"multipart":            send(t, http.MethodPost, at, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n"),
		"broken encoding":      send(t, http.MethodPost, at, form, good+"&scope=%zz"),
	} {
		if a.status == http.StatusUnsupportedMediaType {
			continue // as good an answer for the wrong type
		}
		t.Run(name, func(t *testing.T) { a.t = t; a.wantError(400, "invalid_request") })
	}
	for _, grant := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "CLIENT_CREDENTIALS", "nonsense"} { // D9, D26, FS-4
		send(t, http.MethodPost, at, form, url.Values{"grant_type": {grant}, "username": {"u"}, "password": {"p"}}.Encode()).wantError(400, "unsupported_grant_type")
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		a := send(t, method, at, "", "")
		if a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), "POST") {
			t.Errorf("%s: status %d, Allow %q, want 405 and POST", method, a.status, a.header.Get("Allow"))
		}
	}
}

func TestToken_QueryParametersNeverCount(t *testing.T) { // RFC 6749 §2.3.1, §3.2: secrets and codes in a URL end in logs
	t.Parallel()
	s := shared(t)
	g := s.browser(t).az(server.Trusted()).login(s.user(t)).wantCode()
	at := s.endpoint(t, "token_endpoint") + "?" + url.Values{"code": {g.code}, "client_id": {g.client.ID}, "client_secret": {g.client.Secret}}.Encode()
	req := newRequest(t, http.MethodPost, at, url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {g.redirect}})
	if a := s.call(t, req); a.status == 200 || a.str("access_token") != "" {
		t.Errorf("a code and a secret in the query are taken: %d", a.status)
	}
	// Nor does anything secret pass there unnoticed, beside a request that is good without it: it stands in a log by now.
	for _, name := range []string{"client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "token", "device_code", "assertion", "subject_token", "actor_token", "client_notification_token"} {
		req := newRequest(t, http.MethodPost, s.endpoint(t, "token_endpoint")+"?"+name+"=x", url.Values{"grant_type": {"client_credentials"}})
		req.SetBasicAuth(server.Service().ID, server.Service().Secret)
		if a := s.call(t, req); a.status != http.StatusBadRequest || a.str("error") != "invalid_request" {
			t.Errorf("%s in the query beside a good body: %d %s, want 400 invalid_request", name, a.status, a.body)
		}
	}
}

func TestToken_UnauthorizedGrantIsRefused(t *testing.T) { // RFC 6749 §5.2
	t.Parallel()
	s := shared(t)
	s.token(t, basic(server.Web()), "grant_type", "client_credentials").wantError(400, "unauthorized_client")
	s.token(t, basic(server.Service()), "grant_type", "authorization_code", "code", "x", "redirect_uri", "https://x.example").wantError(400, "unauthorized_client")
	s.token(t, basic(server.BasicOnly()), "grant_type", "refresh_token", "refresh_token", "x").wantError(400, "unauthorized_client")
}

func TestToken_ClientCredentialsGiveATokenOfTheClientsOwn(t *testing.T) { // RFC 6749 §4.4, RP-5
	t.Parallel()
	s := shared(t)
	a := s.token(t, basic(server.Service()), "grant_type", "client_credentials", "scope", "api.read")
	if got := a.tokens(); got.refresh != "" || got.id != "" {
		t.Errorf("want an access token alone (RFC 6749 §4.4.3), got %v", a.json)
	}
	if _, there := a.json["scope"]; there && !slices.Equal(a.words("scope"), []string{"api.read"}) {
		t.Errorf("scope = %q, want exactly what was asked, or nothing", a.str("scope"))
	}
	// Without scope: the client's own, named, because it differs from what was asked.
	a = s.token(t, basic(server.Service()), "grant_type", "client_credentials")
	a.tokens()
	if got := a.words("scope"); !slices.Equal(got, []string{"api.read", "api.write"}) {
		t.Errorf("scope = %v, want the client's", got)
	}
	s.token(t, basic(server.Service()), "grant_type", "client_credentials", "scope", "api.read api.admin").wantError(400, "invalid_scope")
	s.token(t, basic(server.Service()), "grant_type", "client_credentials", "scope", "openid").wantError(400, "invalid_scope")
}

func TestToken_ScopeIsWhatWasAsked(t *testing.T) { // RP-5: oauthlib raises on a narrower, wider or empty scope
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Web(), "scope", "email openid offline_access profile")
	want := []string{"email", "offline_access", "openid", "profile"}
	if _, there := in.reply.json["scope"]; there && !slices.Equal(in.reply.words("scope"), want) {
		t.Errorf("scope = %q, want the set that was asked", in.reply.str("scope"))
	}
	if in.refresh == "" {
		t.Error("no refresh token for offline_access without prompt=consent, want one (RP-5)")
	}
	a := s.refresh(t, server.Web(), in.refresh, "scope", "openid email profile offline_access", "allow_redirects", "True") // FD-7
	a.tokens()
	if _, there := a.json["scope"]; there && !slices.Equal(a.words("scope"), want) {
		t.Errorf("scope of the refresh = %q, want the same set", a.str("scope"))
	}
}

func TestToken_CodeIsSingleUse(t *testing.T) { // RFC 6749 §4.1.2, §10.5; SEC-21; protocol.md §3.1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	other := in.b.tokens(in.u, server.Trusted(), "scope", "openid offline_access")
	s.exchange(t, in.grant).wantError(400, "invalid_grant")
	s.userInfo(t, in.access).want(401)
	s.introspect(t, server.Trusted(), in.access).wantActive(false)
	s.refresh(t, server.Trusted(), in.refresh).wantError(400, "invalid_grant")
	// What another authorization of the same person gave lives on.
	s.userInfo(t, other.access).want(200)
	s.refresh(t, server.Trusted(), other.refresh).tokens()
}

func TestToken_ParallelExchangeHasOneWinner(t *testing.T) { // SEC-21, fosite D2
	t.Parallel()
	s := shared(t)
	g := s.browser(t).az(server.Trusted()).login(s.user(t)).wantCode()
	answers := make([]*answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.exchange(t, g) })
	}
	group.Wait()
	won := 0
	for _, a := range answers {
		if a.status == 200 {
			won++
		} else {
			a.wantError(400, "invalid_grant")
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 parallel exchanges of one code succeeded, want exactly 1", won)
	}
}

func TestToken_CodeIsBound(t *testing.T) { // RFC 6749 §4.1.3, §10.5; SEC-21; FD-4
	t.Parallel()
	s := shared(t)
	code := func(t *testing.T) grant {
		t.Helper()
		return s.browser(t).az(server.Trusted()).login(s.user(t)).wantCode()
	}
	t.Run("at another client", func(t *testing.T) {
		t.Parallel()
		g := code(t)
		s.token(t, basic(server.Other()), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantError(400, "invalid_grant")
	})
	t.Run("at another client with that client's redirect_uri", func(t *testing.T) {
		t.Parallel()
		g := code(t)
		s.token(t, basic(server.Other()), "grant_type", "authorization_code", "code", g.code, "redirect_uri", server.Other().Redirect).wantError(400, "invalid_grant")
	})
	t.Run("with another redirect_uri", func(t *testing.T) {
		t.Parallel()
		b := s.browser(t)
		g := b.az(server.Web()).through(s.user(t)).wantCode()
		s.exchange(t, g, "redirect_uri", "https://rp.example/cb?keep=1&next=%2F").wantError(400, "invalid_grant")
	})
	t.Run("without redirect_uri", func(t *testing.T) {
		t.Parallel()
		s.exchange(t, code(t), "redirect_uri", absent).wantError(400, "invalid_grant", "invalid_request")
	})
	t.Run("without a code", func(t *testing.T) {
		t.Parallel()
		s.exchange(t, code(t), "code", absent).wantError(400, "invalid_request")
	})
	t.Run("with one character changed", func(t *testing.T) {
		t.Parallel()
		g := code(t)
		g.code = flip(g.code)
		s.exchange(t, g).wantError(400, "invalid_grant")
	})
	t.Run("in other case", func(t *testing.T) { // SEC-14
		t.Parallel()
		g := code(t)
		g.code = strings.ToUpper(g.code)
		s.exchange(t, g).wantError(400, "invalid_grant")
	})
	for name, garbage := range map[string]string{
		"garbage": "garbage", "a refresh token's look": "idp_rt_AAAA", "long": strings.Repeat("A", 20000), "not text": "\xff\xfe\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := code(t)
			s.exchange(t, g, "code", garbage).wantError(400, "invalid_grant", "invalid_request")
			s.exchange(t, g).tokens() // the real one is untouched by guesses
		})
	}
	t.Run("after its time", func(t *testing.T) { // SEC-21: RFC 6749 §4.1.2; this client's codes live 5 s
		t.Parallel()
		g := s.browser(t).az(server.Quick()).login(s.user(t)).wantCode()
		pause(t, 6*time.Second)
		s.exchange(t, g).wantError(400, "invalid_grant")
	})
}

// flip changes the last character of a token to another of its alphabet. Not only the last bits: base64 may ignore those.
func flip(token string) string {
	at := len(token) - 6
	changed := byte('A')
	if token[at] == 'A' {
		changed = 'B'
	}
	return token[:at] + string(changed) + token[at+1:]
}

func TestToken_ResponseIsShort(t *testing.T) { // FD-6, RP-14: Flask-Dance keeps the whole response in a cookie
	t.Parallel()
	s := shared(t)
	in := s.signInAs(t, server.Person("boss"), server.Trusted(), "scope", "openid profile email roles offline_access")
	if roles, _ := s.verify(t, in.id).claims["roles"].([]any); len(roles) != 20 {
		t.Errorf("the ID token has %d roles, want 20", len(roles))
	}
	if n := len(in.reply.body); n >= 2500 {
		t.Errorf("the token response for 20 roles and all profile claims has %d bytes (access token %d, ID token %d, refresh token %d), want under 2,500", n, len(in.access), len(in.id), len(in.refresh))
	}
	if n := len(in.refresh); n < 43 {
		t.Errorf("the refresh token has %d characters, want 256 random bits", n)
	}
}

func TestToken_ExpiresInIsTheContracts(t *testing.T) { // PS-25, RP-5
	t.Parallel()
	s := shared(t)
	for c, want := range map[server.Client]string{server.Quick(): "30", server.Trusted(): "600"} {
		in := s.signIn(t, c)
		if got := in.reply.json["expires_in"]; got == nil || got.(interface{ String() string }).String() != want {
			t.Errorf("%s: expires_in = %v, want %s", c.ID, got, want)
		}
	}
}

func TestToken_OversizedBodyIsRefused(t *testing.T) { // SEC-24: without reading it all
	t.Parallel()
	s := shared(t)
	body := io.LimitReader(neverEnding('a'), 10<<20)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.endpoint(t, "token_endpoint"), io.MultiReader(strings.NewReader("grant_type="), body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.client.Do(req)
	if err != nil {
		return // the server may hang up while we still send: as good a refusal
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge && res.StatusCode != http.StatusBadRequest {
		t.Errorf("10 MiB to the token endpoint: status %d, want 413 or 400", res.StatusCode)
	}
}

// neverEnding is a reader of one letter.
type neverEnding byte

// Read fills p.
func (n neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(n)
	}
	return len(p), nil
}
