package protocol

// SEC-24: whatever a stranger sends is answered with the error that the RFCs name, never with a 5xx.

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// oddValues is what goes into every field.
var oddValues = []string{
	"", " ", "\x00", "a\x00b", "\xff\xfe", "\xc0\xaf", "%", "%zz", "%00", "\r\nX: y", "'", "\"", "\\", "<script>", "{}", "[]", "null", "true", "0", "-1", "1e309", "99999999999999999999999999",
	"../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "' OR '1'='1", "\u202e\u200b\ufeff", strings.Repeat("a", 5000), strings.Repeat("ü", 2000), strings.Repeat("a ", 1000), "\u0130\u0131ß", "🙂", ".", "..", "..",
	"a.b.c", "eyJhbGciOiJub25lIn0.e30.", "Bearer x", "https://rp.example/cb", "openid openid openid", "a\tb\nc",
}

func TestRobust_EveryFieldOfTheProtocolEndpointsMayBeRubbish(t *testing.T) { // SEC-24
	t.Parallel()
	s := shared(t)
	fields := map[string][]string{
		"token_endpoint": {
			"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope", "resource", "audience", "client_assertion", "client_assertion_type", "username",
		},
		"introspection_endpoint": {"token", "token_type_hint", "client_id", "client_secret"},
		"revocation_endpoint":    {"token", "token_type_hint", "client_id", "client_secret"},
		"userinfo_endpoint":      {"access_token", "schema"},
	}
	base := map[string]url.Values{
		"token_endpoint": {"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://rp.example/cb"}}, "introspection_endpoint": {"token": {"x"}}, "revocation_endpoint": {"token": {"x"}}, "userinfo_endpoint": {},
	}
	web := server.Web()
	for endpoint, names := range fields {
		at := s.endpoint(t, endpoint)
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				for _, value := range oddValues {
					form := url.Values{"client_id": {web.ID}, "client_secret": {web.Secret}}
					for k, v := range base[endpoint] {
						form[k] = v
					}
					if name == "refresh_token" {
						form.Set("grant_type", "refresh_token")
					}
					form.Set(name, value)
					a := s.call(t, newRequest(t, http.MethodPost, at, form))
					if a.status >= 500 || a.status < 200 {
						t.Errorf("%s=%.40q: status %d", name, value, a.status)
					}
					if a.status >= 400 && endpoint != "userinfo_endpoint" && a.str("error") == "" {
						t.Errorf("%s=%.40q: status %d without an error of RFC 6749: %.200s", name, value, a.status, a.body)
					}
				}
				// Repeated (RFC 6749 §3.2).
				form := url.Values{"client_id": {web.ID}, "client_secret": {web.Secret}}
				for k, v := range base[endpoint] {
					form[k] = v
				}
				form[name] = []string{"a", "b"}
				a := s.call(t, newRequest(t, http.MethodPost, at, form))
				if name != "resource" && name != "audience" && endpoint != "userinfo_endpoint" && (a.status != 400 || a.str("error") != "invalid_request") {
					t.Errorf("%s twice: %d %q, want 400 invalid_request", name, a.status, a.str("error"))
				}
			}
		})
	}
}

func TestRobust_EveryParameterOfTheAuthorizationEndpointMayBeRubbish(t *testing.T) {
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	for _, name := range []string{
		"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "login_hint", "id_token_hint", "acr_values", "ui_locales", "claims", "claims_locales", "display",
		"code_challenge", "code_challenge_method", "response_mode", "resource", "request", "request_uri", "dpop_jkt",
	} {
		for _, value := range oddValues {
			p := b.get(b.azURL(server.Trusted(), name, value, "prompt", "none"))
			if name == "prompt" {
				p = b.get(b.azURL(server.Trusted(), name, value))
			}
			if p.status >= 500 || p.status < 200 {
				t.Errorf("%s=%.40q: %s", name, value, p.describe())
			}
			if to := p.header.Get("Location"); to != "" && !strings.HasPrefix(to, server.Trusted().Redirect+"?") && !strings.HasPrefix(to, s.Issuer) && !strings.HasPrefix(to, "/") {
				t.Errorf("%s=%.40q: sent to %s", name, value, to)
			}
		}
	}
}

func TestRobust_EveryFieldOfThePagesMayBeRubbish(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for path, names := range map[string][]string{
		"/login": {"identifier", "i", "csrf", "action", "remember"}, "/consent": {"i", "csrf", "action"}, "/logout": {"i", "csrf", "action"}, "/setup": {"token", "email", "name", "password", "csrf"},
		"/register":   {"i", "csrf", "action", "email", "username", "password", "password_again"},
		"/login/link": {"i", "password", "csrf", "action"}, "/login/upstream/nobody": {"i", "csrf"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				for _, value := range oddValues {
					for _, b := range []*browser{in.b, s.browser(t)} {
						q := b.get(s.Issuer + path + "?" + url.Values{name: {value}}.Encode())
						p := b.send(newRequest(t, http.MethodPost, s.Issuer+path, url.Values{name: {value}}))
						if q.status >= 500 || p.status >= 500 || p.status == 200 && path != "/logout" && p.is("title") && p.text("title") == "" {
							t.Errorf("%s=%.40q: GET %d, POST %d", name, value, q.status, p.status)
						}
					}
				}
			}
		})
	}
}

func TestRobust_OddFieldsInTheRealFormAreAnswered(t *testing.T) { // behind the CSRF check, where the values are really read
	t.Parallel()
	s := shared(t)
	for _, name := range []string{"identifier", "password", "remember", "i", "action"} {
		for n, value := range oddValues {
			if name == "password" && n%4 != 0 {
				continue // each one costs a password hash
			}
			b := s.browser(t)
			pairs := []string{"identifier", "nobody@example.test", "password", ""}
			if name != "password" {
				pairs = append(pairs, name, value)
			} else {
				pairs[3] = value
			}
			p := b.az(server.Trusted()).wantLogin().submit("submit-login", pairs...)
			if p.status >= 500 && p.status != 503 || b.cookie("idp_session") != "" {
				t.Errorf("%s=%.40q: %s", name, value, p.describe())
			}
		}
		b := s.browser(t)
		action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
		fields[name] = []string{"a", "b", "c"}
		if p := b.post(action, fields); p.status >= 500 || b.cookie("idp_session") != "" {
			t.Errorf("%s three times: %s", name, p.describe())
		}
	}
}

func TestRobust_ManyAndLongThingsAreBounded(t *testing.T) {
	t.Parallel()
	s := shared(t)
	at := s.endpoint(t, "token_endpoint")
	many := url.Values{"grant_type": {"client_credentials"}}
	for n := range 5000 {
		many.Set(fmt.Sprintf("field%d", n), "x")
	}
	ask := func(name string, change func(*http.Request)) {
		t.Helper()
		req := newRequest(t, http.MethodPost, at, url.Values{"grant_type": {"client_credentials"}})
		change(req)
		res, err := s.client.Do(req)
		if err != nil {
			return // the server hung up, which is its right
		}
		res.Body.Close()
		if res.StatusCode >= 500 || res.StatusCode == 200 {
			t.Errorf("%s: status %d, want 4xx", name, res.StatusCode)
		}
	}
	ask("5,000 fields", func(req *http.Request) { *req = *newRequest(t, http.MethodPost, at, many) })
	ask("1 MiB header", func(req *http.Request) { req.Header.Set("X-Long", strings.Repeat("a", 1<<20)) })
	ask("1,000 cookies", func(req *http.Request) { req.Header.Set("Cookie", strings.Repeat("a=b; ", 1000)) })
	ask("long basic", func(req *http.Request) { req.SetBasicAuth(strings.Repeat("a", 5000), strings.Repeat("b", 5000)) })
	ask("long query", func(req *http.Request) { req.URL.RawQuery = strings.Repeat("a=b&", 5000) })
	ask("chunked nonsense", func(req *http.Request) { req.Header.Set("Content-Encoding", "gzip") })
	ask("expect", func(req *http.Request) { req.Header.Set("Expect", "something") })
}

func TestRobust_RawHTTPIsAnsweredWithoutAServerError(t *testing.T) { // what no client library would send
	t.Parallel()
	s := shared(t)
	u, err := url.Parse(s.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no host":              "GET /oauth2/authorize HTTP/1.1\r\n\r\n",
		"two hosts":            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"absolute form":        "GET http://evil.example/login HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n\r\n",
		"two lengths":          "POST /oauth2/token HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"length and chunked":   "POST /oauth2/token HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
		"negative length":      "POST /oauth2/token HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Length: -1\r\n\r\n",
		"control characters":   "GET /\x01\x02 HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n",
		"bare LF in a header":  "GET /login HTTP/1.1\r\nHost: " + u.Host + "\nX: y\r\nConnection: close\r\n\r\n",
		"not HTTP":             "\x16\x03\x01\x00\xa5hello\r\n\r\n",
		"method made up":       "BREW /login HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n\r\n",
		"path of 100 kB":       "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n",
		"CONNECT":              "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n",
		"OPTIONS *":            "OPTIONS * HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n\r\n",
		"TRACE":                "TRACE /login HTTP/1.1\r\nHost: " + u.Host + "\r\nCookie: secret=1\r\nConnection: close\r\n\r\n",
		"half a percent":       "GET /login?i=%2 HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n\r\n",
		"semicolons":           "GET /oauth2/authorize?client_id=web;redirect_uri=x HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n\r\n",
		"length with no body":  "POST /oauth2/token HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n",
		"upgrade to websocket": "GET /login HTTP/1.1\r\nHost: " + u.Host + "\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
			if err != nil {
				t.Fatalf("dial: %v", err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(text)); err != nil {
				return
			}
			if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 1<<16)
			n, _ := conn.Read(answer) // a server that hangs up says enough
			first, _, _ := strings.Cut(string(answer[:n]), "\r\n")
			if fields := strings.Fields(first); len(fields) > 1 && fields[1] >= "500" && fields[1] != "501" && fields[1] != "505" {
				t.Errorf("answered %q", first)
			}
			if name == "TRACE" && strings.Contains(string(answer[:n]), "secret=1") {
				t.Error("TRACE sends the cookies back")
			}
		})
	}
}

func TestRobust_UnknownPathsAndMethodsAreAnswered(t *testing.T) {
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	if p := b.get(s.Issuer + "/nowhere/at/all"); p.status != http.StatusNotFound || p.doc == nil {
		t.Errorf("an unknown path: %s, want a page with 404", p.describe())
	}
	for _, at := range []string{s.endpoint(t, "authorization_endpoint"), s.Issuer + "/login", s.Issuer + "/consent", s.endpoint(t, "jwks_uri")} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			a := s.call(t, newRequest(t, method, at, nil))
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") == "" {
				t.Errorf("%s %s: status %d, Allow %q, want 405 and a list", method, at, a.status, a.header.Get("Allow"))
			}
		}
		if a := s.call(t, newRequest(t, http.MethodHead, at, nil)); a.status >= 500 {
			t.Errorf("HEAD %s: status %d", at, a.status)
		}
	}
}

// A program with a wrong address in its settings shows its developer what it was answered: a line that says where the addresses are, not a page.
func TestRobust_AProgramAtAWrongAddressIsToldWhereTheyAre(t *testing.T) {
	t.Parallel()
	s := shared(t)
	form := url.Values{"grant_type": {"client_credentials"}}
	for name, asked := range map[string]struct {
		method, accept string
		form           url.Values
		page           bool
	}{
		"a form of a library":                   {method: http.MethodPost, form: form},
		"a form of curl":                        {method: http.MethodPost, form: form, accept: "*/*"},
		"a library that wants JSON":             {method: http.MethodGet, accept: "application/json"},
		"a browser":                             {method: http.MethodGet, accept: "text/html,application/xhtml+xml,*/*;q=0.8", page: true},
		"a browser that sends a form":           {method: http.MethodPost, form: form, accept: "text/html,*/*;q=0.8", page: true},
		"somebody who does not say what to get": {method: http.MethodGet, page: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := newRequest(t, asked.method, s.Issuer+"/oauth2/tokens", asked.form)
			if asked.accept != "" {
				req.Header.Set("Accept", asked.accept)
			}
			a := s.call(t, req)
			kind := a.header.Get("Content-Type")
			if asked.page {
				if a.status != http.StatusNotFound || !strings.HasPrefix(kind, "text/html") {
					t.Errorf("status %d, %s, want a page with 404", a.status, kind)
				}
				return
			}
			a.wantError(http.StatusNotFound, "not_found")
			if said, _ := a.json["error_description"].(string); kind != "application/json" || !strings.Contains(said, s.Issuer+"/.well-known/openid-configuration") {
				t.Errorf("%s: %q, want JSON that names the discovery document", kind, said)
			}
		})
	}
}

func TestRobust_ErrorsNeverShowTheInside(t *testing.T) { // style.md rule 12
	t.Parallel()
	s := shared(t)
	b := s.browser(t)
	inside := []string{"goroutine", ".go:", "panic", "sql:", "SQLSTATE", "fosite", "pgx", "runtime error", "stack"}
	answers := map[string]string{
		"unknown client": string(b.az(server.Web(), "client_id", "nobody").body), "unknown path": string(b.get(s.Issuer + "/nowhere").body),
		"bad grant": string(s.token(t, basic(server.Web()), "grant_type", "nonsense").body), "bad code": string(s.token(t, basic(server.Web()), "grant_type", "authorization_code", "code", "x", "redirect_uri", server.Web().Redirect).body),
		"bad refresh": string(s.refresh(t, server.Web(), "x").body),
	}
	for name, text := range answers {
		if at := slices.IndexFunc(inside, func(word string) bool { return strings.Contains(text, word) }); at >= 0 {
			t.Errorf("%s: the answer speaks of %q: %.300s", name, inside[at], text)
		}
	}
}
