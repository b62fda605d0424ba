package protocol

// Providers of plain OAuth 2, added by configuration alone: FD-1, FD-2, FD-15, SEC-4, SEC-7.

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/e2e/server"
)

const chatSecret = "the secret of us at the chat"

// chat is a provider of plain OAuth 2: numbers for ids, addresses in a list of their own.
type chat struct {
	*httptest.Server
	t testing.TB

	mu         sync.Mutex
	user       map[string]any
	emails     []map[string]any
	broken     map[string]http.HandlerFunc
	challenges map[string]string // by code
	uses       map[string]int    // of access tokens
}

func newChat(t testing.TB) *chat {
	t.Helper()
	f := &chat{t: t, challenges: map[string]string{}, uses: map[string]int{}, broken: map[string]http.HandlerFunc{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /me", f.protected(func() any { return f.user }))
	mux.HandleFunc("GET /me/emails", f.protected(func() any { return f.emails }))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if broken := f.broken[r.URL.Path]; broken != nil {
			broken(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *chat) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("client_id") != "us" || query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" || query.Get("scope") != "me" || query.Get("display") != "page" {
		f.t.Errorf("authorization request %s, want a code request of ours with PKCE, the scope and the parameter of the configuration", r.URL)
	}
	code := rand.Text()
	f.challenges[code] = query.Get("code_challenge")
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {query.Get("state")}}.Encode(), http.StatusFound)
}

func (f *chat) token(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	password, _ = url.QueryUnescape(password)
	code := r.PostFormValue("code")
	if id != "us" || password != chatSecret || f.challenges[code] == "" || f.challenges[code] != challenge(r.PostFormValue("code_verifier")) {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	delete(f.challenges, code)
	token := rand.Text()
	f.uses[token] = 0
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","scope":"me","refresh_token":%q}`, token, rand.Text())
}

func (f *chat) protected(answer func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, known := f.uses[token]; !known {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if f.uses[token]++; f.uses[token] > 2 {
			f.t.Error("an access token came a third time, want it forgotten")
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer())
	}
}

// is sets who is signed in there.
func (f *chat) is(id any, login, email string, verified bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.user = map[string]any{"id": id, "login": login, "profile": map[string]any{"name": "The " + login}, "email": "somebody-else@example.test"}
	f.emails = []map[string]any{{"email": "old-" + email, "primary": false, "verified": true}, {"email": email, "primary": true, "verified": verified}}
}

// offered adds the provider to a server under an id, and waits for its button.
func (f *chat) offered(t *testing.T, s *site, id string, more ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(chatSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, append([]string{
		"provider", "create", id, "--type", "oauth2", "--name", "Our " + id, "--authorization-url", f.URL + "/authorize", "--token-url", f.URL + "/token",
		"--userinfo-url", f.URL + "/me", "--emails-url", f.URL + "/me/emails", "--claim-subject", "id", "--claim-name", "profile.name", "--claim-username", "login",
		"--scope", "me", "--authorization-parameter", "display=page", "--client-id", "us", "--client-secret-file", file,
	}, more...)...)
	eventually(t, 10*time.Second, "the sign-in page offers "+id, func() bool { return s.browser(t).az(server.Trusted()).is("upstream-" + id) })
}

// callback plays the person there, and returns where the browser is sent back to.
func (f *chat) callback(p *page) string {
	p.t.Helper()
	if p.left == nil || !strings.HasPrefix(p.leave, f.URL+"/authorize?") {
		p.t.Fatalf("want the browser at the provider, got %s", p.describe())
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(p.leave)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("Location")
}

// via signs in with a provider, from the sign-in page of an application's request.
func (b *browser) via(f *chat, id string) *page {
	b.t.Helper()
	p := b.az(server.Trusted(), "scope", "openid profile email").submit("upstream-" + id)
	back := b.open(f.callback(p))
	back.asked = p.asked
	return back
}

func TestOAuth2Upstream_SignsInByConfigurationAlone(t *testing.T) { // FD-1
	t.Parallel()
	s, f := start(t), newChat(t)
	f.offered(t, s, "chat", "--provision")
	f.offered(t, s, "other", "--disabled=false")
	p := s.browser(t).az(server.Trusted()).wantLogin() // several ways side by side
	for _, id := range []string{"chat", "other"} {
		if got := p.text("upstream-" + id); !strings.Contains(got, "Our "+id) {
			t.Errorf("the button says %q, want the provider's name", got)
		}
	}
	if images := p.all("img"); len(images) > 0 {
		t.Errorf("%d images on the sign-in page, want none: only applications have a logo (ADR 8)", len(images))
	}

	f.is(4711, "ann", "ann@chat.example", true)
	first := s.exchange(t, s.browser(t).via(f, "chat").wantCode()).tokens()
	sub := s.verify(t, first.id).claims["sub"]
	info := s.userInfo(t, first.access).want(200).json
	if info["sub"] != sub || info["name"] != "The ann" {
		t.Errorf("UserInfo = %v, want sub %v and the name from the provider's answer", info, sub)
	}
	if info["email_verified"] == true { // nobody has said that this provider may be believed
		t.Errorf("UserInfo = %v, want no verified address", info)
	}
	f.is("4711", "ann-renamed", "another@chat.example", false)
	if again := s.exchange(t, s.browser(t).via(f, "chat").wantCode()).tokens(); s.verify(t, again.id).claims["sub"] != sub {
		t.Error("another login and address: another sub, want the id to count alone")
	}
	f.is(4712, "ann", "ann@chat.example", true)
	if other := s.browser(t).via(f, "chat"); other.left != nil && s.verify(t, s.exchange(t, other.wantCode()).tokens().id).claims["sub"] == sub {
		t.Error("another id with the login and address of the first has its sub")
	}
}

func TestOAuth2Upstream_AddressOpensNothingAndProofLinks(t *testing.T) { // SEC-7, FD-15
	t.Parallel()
	s, f := start(t), newChat(t)
	f.offered(t, s, "chat", "--provision")
	in := s.signIn(t, server.Trusted())
	sub := s.verify(t, in.id).claims["sub"]
	for _, verified := range []bool{false, true} {
		f.is(815, "mallory", in.u.Email, verified)
		b := s.browser(t)
		if p := b.via(f, "chat"); !p.is("submit-link") {
			t.Fatalf("verified %v: got %s, want the question whose account it is", verified, p.describe())
		}
		b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	}
	b := s.browser(t)
	p := b.via(f, "chat").submit("submit-link", "password", "a wrong one 123")
	if p.left != nil || !p.is("submit-link") {
		t.Fatalf("after a wrong password: %s", p.describe())
	}
	linked := s.exchange(t, p.submit("submit-link", "password", in.u.Password).wantCode()).tokens()
	if got := s.verify(t, linked.id).claims["sub"]; got != sub {
		t.Errorf("after the proof: sub %v, want %v", got, sub)
	}
	if again := s.exchange(t, s.browser(t).via(f, "chat").wantCode()).tokens(); s.verify(t, again.id).claims["sub"] != sub {
		t.Error("the linked identity does not sign in by itself")
	}
}

func TestOAuth2Upstream_CallbackIsOneBrowsersAndOneProviders(t *testing.T) { // FD-2, SEC-4, RFC 9700 §4.4
	t.Parallel()
	s, f := start(t), newChat(t)
	f.offered(t, s, "chat", "--provision")
	f.offered(t, s, "other", "--provision")
	f.is(7, "eve", "eve@chat.example", true)
	victim := s.browser(t)
	victim.open(f.callback(s.browser(t).az(server.Trusted()).submit("upstream-chat"))).wantPage400()
	victim.az(server.Trusted(), "prompt", "none").wantErr("login_required")

	b := s.browser(t)
	elsewhere := strings.Replace(f.callback(b.az(server.Trusted()).submit("upstream-chat")), "/login/callback/chat", "/login/callback/other", 1)
	b.open(elsewhere).wantPage400()

	address := f.callback(b.az(server.Trusted()).submit("upstream-chat"))
	b.open(address)
	s.browser(t).open(address).wantPage400()
	b.open(address).wantPage400()
}

func TestOAuth2Upstream_BrokenAnswersAreASentenceAndATrace(t *testing.T) {
	t.Parallel()
	s, f := start(t), newChat(t)
	f.offered(t, s, "chat", "--provision")
	answers := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	const page, kept = "<script>alert('from the provider')</script>", "answers with \"text/html\""
	traces := map[string]string{}
	for name, tt := range map[string]struct {
		path   string
		answer http.HandlerFunc
		status int
		told   string // to the operator
	}{
		"a page for an answer":       {"/me", answers(200, "text/html", page), 400, kept},
		"no subject":                 {"/me", answers(200, "application/json", `{"login":"ann"}`), 400, "id is missing"},
		"a subject of another type":  {"/me", answers(200, "application/json", `{"id":{"n":1}}`), 400, "neither text nor a whole number"},
		"a giant":                    {"/me", answers(200, "application/json", `{"id":"`+strings.Repeat("x", 2<<20)+`"}`), 503, "larger than the limit"},
		"a deep one":                 {"/me", answers(200, "application/json", strings.Repeat(`{"id":`, 5000)+"1"+strings.Repeat("}", 5000)), 400, "nested too deeply"},
		"a redirect to another host": {"/me", http.RedirectHandler("https://evil.example/me", http.StatusFound).ServeHTTP, 503, "redirects to another host"},
		"its error":                  {"/me", answers(500, "text/html", page), 503, "answers 500"},
		"no list of addresses":       {"/me/emails", answers(404, "application/json", "{}"), 400, "do the scopes allow it?"},
		"a wrong secret":             {"/token", answers(401, "application/json", `{"error":"invalid_client"}`), 503, "invalid_client"},
	} {
		f.is(1, "ann", "ann@chat.example", true)
		f.mu.Lock()
		f.broken = map[string]http.HandlerFunc{tt.path: tt.answer}
		f.mu.Unlock()
		b := s.browser(t)
		p := b.via(f, "chat")
		if p.status != tt.status || len(p.text("failure")) < 20 || !p.is("retry-upstream") || !p.is("use-password") || strings.Contains(string(p.body), "from the provider") {
			t.Errorf("%s: got %s, want a sentence with status %d and the ways on", name, p.describe(), tt.status)
			continue
		}
		traces[p.text("trace-id")] = tt.told
		b.az(server.Trusted(), "prompt", "none").wantErr("login_required")
	}
	s.Stop(t) // traces are written behind the request; now they are there
	for id, told := range traces {
		if text := s.Run(t, "trace", id); !strings.Contains(text, told) || !strings.Contains(text, "idp provider test chat") || strings.Contains(text, chatSecret) {
			t.Errorf("idp trace does not say %q:\n%s", told, text)
		}
	}
	if _, text, _ := s.Try(t, "user", "list", "-o", "json"); strings.Contains(text, "chat.example") {
		t.Error("a broken answer has made an account")
	}
}
