package protocol

// The log and the database hold no secret: issue row on logs, FL-18, SEC-22, PS-12. What the log of the whole suite holds is searched
// in TestMain, when every test has run; here is one whole story on a server of its own, so that a failure names it.

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

// story does one of everything that handles a secret, and returns what it ended with.
func story(t *testing.T, s *site) signedIn {
	t.Helper()
	u := s.user(t)
	b := s.browser(t)
	typo := u
	typo.Password = "correct horse battery staple 43"
	b.az(server.Web(), "scope", "openid profile email offline_access").login(typo).wantLogin().login(u, "remember", "1").allow().wantCode()
	in := b.tokens(u, server.Web(), "scope", "openid profile email offline_access")
	next := s.refresh(t, server.Web(), in.refresh).tokens()
	in.tokens = next
	s.userInfo(t, in.access).want(200)
	s.userInfo(t, flip(in.access)).want(401)
	s.introspect(t, server.Web(), in.refresh).wantActive(true)
	b.setCookie("idp_session", "")
	b.az(server.Web(), "prompt", "none").wantCode()
	native := s.signIn(t, server.Native(), "scope", "openid offline_access")
	s.exchange(t, native.grant).wantError(400, "invalid_grant") // a replay
	opaque := s.signIn(t, server.Opaque(), "scope", "openid")
	s.revoke(t, server.Opaque(), opaque.access).want(200)
	s.token(t, inBody(server.Service()), "grant_type", "client_credentials").tokens()
	wrong := server.Service()
	wrong.Secret = "a-secret-that-was-mistyped-0123456789"
	s.token(t, inBody(wrong), "grant_type", "client_credentials").wantError(401, "invalid_client")
	// Secrets where they do not belong are not written down either.
	s.get(t, s.endpoint(t, "userinfo_endpoint")+"?access_token="+url.QueryEscape(in.access))
	s.get(t, s.endpoint(t, "token_endpoint")+"?client_secret="+url.QueryEscape(server.Web().Secret)+"&code="+url.QueryEscape(in.grant.code))
	s.get(t, s.Issuer+"/login?password="+url.QueryEscape(u.Password))
	b.open(s.endpoint(t, "end_session_endpoint") + "?" + url.Values{"id_token_hint": {in.id}}.Encode())
	b.open(s.Issuer + "/nowhere?code=" + url.QueryEscape(in.grant.code))
	return in
}

func TestLog_HoldsNoSecretOfAWholeStory(t *testing.T) { // FL-18
	t.Parallel()
	s := start(t, server.FromNothing())
	book := newSecretBook()
	story(t, s.recordedIn(book))
	if n := len(book.all()); n < 25 {
		t.Fatalf("the story recorded %d secrets, want more: the recorder is blind", n)
	}
	s.Stop(t) // what is written behind the requests is there now
	log := s.Log()
	if !strings.Contains(log, "/oauth2/token") {
		t.Fatalf("the log has no access lines: %.500s", log)
	}
	for _, leak := range book.search(log) {
		t.Errorf("the log holds %s", leak)
	}
}

func TestDatabase_DumpOpensNothing(t *testing.T) { // SEC-22: dump the database, try every string in it
	t.Parallel()
	// On SQLite whatever the engine: its file is the dump, free pages and log included.
	s := start(t, server.SQLite())
	book := newSecretBook()
	private := s.recordedIn(book)
	in := story(t, private)
	in.b.az(server.PKCE(), "prompt", "login").wantLogin() // a request that waits
	spare := private.signIn(t, server.Trusted())
	spare.b.az(server.PKCE()).wantCode() // a code that nobody redeemed
	dump := databaseFiles(t, s)

	for secret, kind := range book.all() {
		if bytes.Contains(dump, []byte(secret)) {
			t.Errorf("the database holds a %s in clear", kind)
		}
	}
	for _, secret := range []string{server.Web().Secret, server.Password} {
		if bytes.Contains(dump, []byte(secret)) {
			t.Error("the database holds a secret of seed.yaml in clear")
		}
	}
	if bytes.Contains(dump, []byte("PRIVATE KEY")) || bytes.Contains(dump, []byte(`"d":"`)) {
		t.Error("the database holds a private key in clear")
	}

	// Every string, and every digest written as text, as cookie, token and code.
	candidates := map[string]bool{}
	for _, found := range tokenLike.FindAll(dump, -1) {
		candidates[string(found)] = true
	}
	if len(candidates) < 20 {
		t.Fatalf("only %d strings in the dump: the search is blind", len(candidates))
	}
	tried := 0
	s = s.unrecorded()
	for candidate := range candidates {
		if tried++; tried > 150 {
			break
		}
		if a := s.userInfo(t, candidate); a.status == http.StatusOK {
			t.Errorf("a string of the dump (%.12s…) is an access token", candidate)
		}
		if a := s.introspect(t, server.Web(), candidate); a.json["active"] == true {
			t.Errorf("a string of the dump (%.12s…) is a live token", candidate)
		}
		b := s.browser(t)
		b.http.Jar.SetCookies(b.base(), []*http.Cookie{{Name: "idp_session", Value: candidate, Path: "/"}, {Name: "idp_remember", Value: candidate, Path: "/"}, {Name: "idp_browser", Value: candidate, Path: "/"}})
		if p := b.get(b.azURL(server.Trusted(), "prompt", "none")).follow(); p.left.Query().Has("code") {
			t.Errorf("a string of the dump (%.12s…) is a session", candidate)
		}
	}
}

// tokenLike matches what might be taken for one of our secrets.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_-]{20,200}`)

// recordedIn returns the same server with a book of its own, beside the suite's.
func (s *site) recordedIn(book *secretBook) *site {
	return s.through(&recorder{base: s.transport, book: book})
}

// unrecorded returns the same server for requests whose values are guesses and no secrets.
func (s *site) unrecorded() *site { return s.through(s.transport.(*recorder).base) }

func (s *site) through(transport http.RoundTripper) *site {
	client := *s.client
	client.Transport = transport
	return &site{Server: s.Server, meta: s.meta, transport: transport, client: &client}
}

func databaseFiles(t *testing.T, s *site) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.DataDir, "idp.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database files in the data folder: %v", err)
	}
	var all bytes.Buffer
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("read the database: %v", err)
		}
		all.Write(text)
	}
	return all.Bytes()
}

func TestSecretBook_FindsWhatItHolds(t *testing.T) { // a search that finds nothing proves nothing
	t.Parallel()
	book := newSecretBook()
	book.add("token", "idp_rt_0123456789abcdef")
	book.add("token", "idp_rt_0123456789abcXYZ") // begins as the other one does
	book.add("password", "päss wörd/with everything")
	book.add("cookie", "never-logged-at-all")
	found := book.search("one line\nGET /x?t=idp_rt_0123456789abcdef again idp_rt_0123456789abcdef\nlogin?p=" + url.QueryEscape("päss wörd/with everything") + "\nidp_rt_0123456789ab")
	want := []string{"a token, in: GET /x?t=‹token› again ‹token›", "a password, in: login?p=‹password›"}
	if !slices.Equal(found, want) {
		t.Errorf("search = %q, want %q", found, want)
	}
}
