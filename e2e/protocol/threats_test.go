package protocol

// The threats of RFC 9700 §4 and the attackers of FAPI 2.0 that no other file has a test for. docs/spec/threats.md lists them all.

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/html"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// bait is a server that nobody should call.
type bait struct {
	*httptest.Server
	n atomic.Int64
}

func (b *bait) asked() int64 { return b.n.Load() }

func newReceiverOfNothing(t testing.TB) *bait {
	t.Helper()
	b := &bait{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.n.Add(1) }))
	t.Cleanup(b.Close)
	return b
}

// RFC 9700 §4.4, FAPI 2.0 attacker A1a: an application that knows two servers is told by the attacker's to send what it got from the honest one.
func TestThreat_MixUp(t *testing.T) {
	t.Parallel()
	honest, attacker := shared(t), start(t)
	in := honest.signIn(t, server.Trusted())
	g := in.b.az(server.Trusted()).wantCode() // wantCode: iss names the honest server, so the application stops here (RFC 9207 §2.4)
	// If it did not, the attacker would hold the code, but without the application's credentials nothing comes of it,
	thief := server.Trusted()
	thief.Secret = "the attacker's server has another one"
	honest.token(t, basic(thief), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantError(401, "invalid_client")
	// the attacker's own client cannot use it,
	honest.token(t, basic(server.Other()), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantError(400, "invalid_grant")
	// and nothing that one server gave is taken by another, whatever the application sends where.
	attacker.exchange(t, g).wantError(400, "invalid_grant")
	for _, token := range []string{in.access, in.id} {
		attacker.userInfo(t, token).want(401)
	}
	// An assertion that the application made for the attacker's server does not authenticate it at the honest one.
	app, _ := honest.signsAll(t, "mixed-up")
	claims, _ := honest.takers(t, app, in)["client assertion"].good()
	for _, aud := range []any{attacker.Issuer, attacker.endpoint(t, "token_endpoint"), []string{attacker.Issuer, honest.Issuer}} {
		claims["aud"] = aud
		assertion := forge(t, map[string]any{"alg": "ES256", "kid": "ec"}, claims, func(signed []byte) []byte { return ownES256(t, signed) })
		honest.token(t, nobody, "grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", assertion).wantError(401, "invalid_client")
	}
}

// RFC 9700 §4.5, attacker A3b of the analysis of FAPI 2.0: a code that was read from the victim's answer is brought to the application in the attacker's own session.
func TestThreat_CodeInjection(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, c := range []server.Client{server.Native(), server.PKCE()} {
		victim := s.browser(t).az(c).login(s.user(t)).wantCode()
		attacker := s.browser(t).az(c).login(s.user(t)).wantCode()
		injected := victim
		injected.verifier = attacker.verifier // what the application keeps for the attacker's browser
		s.exchange(t, injected).wantError(400, "invalid_grant")
		s.exchange(t, victim).wantError(400, "invalid_grant") // whoever tried has spoilt it for all
		s.exchange(t, attacker).tokens()
	}
	// A code that is bound to the key of a proof is of no use with another key, or with none (RFC 9449 §10).
	p, other := newProver(t, jose.ES256), newProver(t, jose.ES256)
	at := s.endpoint(t, "token_endpoint")
	b, u := s.browser(t), s.user(t)
	for _, as := range []auth{proving(usual(server.DPoP()), other.proof("POST", at, "")), usual(server.DPoP())} {
		g := b.az(server.DPoP(), "dpop_jkt", p.jkt).through(u).wantCode()
		s.token(t, as, "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect).wantError(400, "invalid_grant", "invalid_dpop_proof")
	}
}

// RFC 9700 §4.8: the attacker takes the challenge out of the request, puts another one in, or weakens its method.
func TestThreat_PKCEDowngrade(t *testing.T) {
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	verifier := newVerifier()
	for _, c := range []server.Client{server.Native(), server.PKCE()} {
		b.az(c, "code_challenge", absent, "code_challenge_method", absent).wantErr("invalid_request")
		b.az(c, "code_challenge", verifier, "code_challenge_method", "plain").wantErr("invalid_request")
		b.az(c, "code_challenge", verifier, "code_challenge_method", absent).wantErr("invalid_request")
	}
	// Of a client that may leave it out: what is begun without is not ended with, nor the other way round; a code is good for one try.
	g := b.az(server.Trusted()).through(u).wantCode()
	s.exchange(t, g, "code_verifier", verifier).wantError(400, "invalid_grant", "invalid_request")
	g = b.az(server.Trusted(), "code_challenge", challenge(verifier), "code_challenge_method", "S256").wantCode()
	s.exchange(t, g).wantError(400, "invalid_grant", "invalid_request")
	s.exchange(t, g, "code_verifier", verifier).wantError(400, "invalid_grant")
	// A second challenge, or one beside a pushed request, changes nothing.
	p := b.open(b.azURL(server.PKCE()) + "&code_challenge=" + challenge(verifier))
	if p.left != nil && p.left.Query().Has("code") {
		t.Error("two challenges gave a code")
	}
	at := b.pushed(server.PKCE())
	g = b.open(at + "&code_challenge=" + challenge(verifier)).through(u).wantCode()
	s.exchange(t, g, "code_verifier", verifier).wantError(400, "invalid_grant")
}

// RFC 9700 §4.12: no answer to anything asks the browser to send a form again, whatever comes with it.
func TestThreat_TemporaryRedirect(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	login, fields := s.browser(t).az(server.Trusted()).wantLogin().form("submit-login")
	fields.Set("identifier", in.u.Email)
	fields.Set("password", in.u.Password)
	try := func(b *browser, method, at string, form url.Values) {
		t.Helper()
		if p := b.send(newRequest(t, method, at, form)); p.status == http.StatusTemporaryRedirect || p.status == http.StatusPermanentRedirect {
			t.Errorf("%s %s: status %d to %s", method, at, p.status, p.header.Get("Location"))
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodHead} {
		for _, b := range []*browser{in.b, s.browser(t)} {
			for _, value := range s.meta {
				if at, ok := value.(string); ok && strings.HasPrefix(at, s.Issuer) {
					try(b, method, at, in.b.azForm(server.Trusted()))
					try(b, method, at+"/", in.b.azForm(server.Trusted()))
					try(b, method, strings.Replace(at, "/oauth2/", "//oauth2/", 1), in.b.azForm(server.Trusted()))
				}
			}
			for _, path := range []string{"/login", "/login/", "//login", "/./login", "/LOGIN", "/logout/", "/device/", "/approvals/", "/api/v1/clients/", "/api/v1", "/static", "/login/../login"} {
				try(b, method, s.Issuer+path, fields)
			}
		}
	}
	try(s.browser(t), http.MethodPost, login, fields)
}

// RFC 9700 §4.2, §4.3: nothing that a page of ours loads or links to leaves this origin with an address of ours, and no address of a page that
// may be bookmarked or logged opens anything by itself.
func TestThreat_RefererLeaks(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for name, p := range everyPage(t, s) {
		if got := p.header.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", name, got)
		}
		for tag, where := range map[string]string{"img": "src", "script": "src", "link": "href", "iframe": "src", "form": "action"} {
			for _, element := range p.all(tag) {
				if at := walk.Attribute(element, where); strings.Contains(at, "://") && !strings.HasPrefix(at, s.Issuer) {
					t.Errorf("%s: <%s> loads %s", name, tag, at)
				}
			}
		}
	}
	// The address of a page opens in another browser for nobody (it is not a credential).
	p := s.browser(t).az(server.Web()).wantLogin()
	if other := s.browser(t).get(p.url.String()); other.is("submit-login") && other.status == http.StatusOK {
		t.Errorf("the page at %s opens in another browser", p.url.Path)
	}
}

// RFC 9700 §4.16, §4.17: no page may be framed or reached by a window that opened it, and no answer travels by postMessage.
func TestThreat_Clickjacking(t *testing.T) {
	t.Parallel()
	s := shared(t)
	pages := everyPage(t, s)
	in := s.signIn(t, server.Trusted())
	d := s.device(t, server.TV())
	pages["device"] = in.b.open(d.page)
	pages["device's question"] = in.b.enter(d, in.u)
	pages["approvals"] = in.b.open(s.Issuer + "/approvals")
	pages["posted answer"] = s.frontBrowser(t).az(server.Front(), "response_mode", "form_post")
	for name, p := range pages {
		policy := p.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || p.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: policy %q and X-Frame-Options %q, want it framed by nobody", name, policy, p.header.Get("X-Frame-Options"))
		}
		if got := p.header.Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
			t.Errorf("%s: Cross-Origin-Opener-Policy %q", name, got)
		}
		for _, element := range p.all("script") {
			for child := element.FirstChild; child != nil; child = child.NextSibling {
				if child.Type == html.TextNode && strings.TrimSpace(child.Data) != "" {
					t.Errorf("%s: a script in the page", name)
				}
			}
		}
	}
	for _, mode := range []string{"web_message", "web_message.jwt"} {
		in.b.az(server.Trusted(), "response_mode", mode).wantErr("invalid_request")
	}
}

// SEC-21, FAPI 2.0 attackers A3a, A3b and A5: what is good once is good once over all replicas, and at the same moment.
func TestThreat_ReplayAcrossReplicas(t *testing.T) {
	t.Parallel()
	both, first, second := replicas(t, server.Set("IDP_OUTBOUND__ALLOW", "localhost"))
	app, _ := both.signsAll(t, "replayed")
	in := first.signIn(t, server.Trusted())
	once := func(what string, use func(s *site) bool) {
		t.Helper()
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				if use([]*site{first, second}[i%2]) {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d of 16 uses over two replicas succeeded, want 1", what, won.Load())
		}
	}
	claims, _ := first.takers(t, app, in)["client assertion"].good()
	assertion := forge(t, map[string]any{"alg": "ES256", "kid": "ec"}, claims, func(signed []byte) []byte { return ownES256(t, signed) })
	once("a client assertion", func(s *site) bool {
		return s.token(t, nobody, "grant_type", "client_credentials", "scope", "api.read", "client_assertion_type", assertionType, "client_assertion", assertion).status == 200
	})
	p := newProver(t, jose.ES256)
	proof := p.proof("POST", first.endpoint(t, "token_endpoint"), "")
	once("a proof", func(s *site) bool { return s.machine(t, server.DPoP(), proof).status == 200 })
	at := in.b.pushed(server.Pushed())
	browsers := make(chan *browser, 16)
	for i := range 16 {
		b := in.b.copy()
		b.site = []*site{first, second}[i%2]
		b.http.Transport, b.asked = b.site.transport, in.b.asked
		browsers <- b
	}
	once("a request_uri", func(*site) bool {
		p := (<-browsers).open(at)
		return p.left != nil && p.left.Query().Has("code")
	})
	g := in.b.az(server.Trusted()).wantCode()
	once("a code", func(s *site) bool { return s.exchange(t, g).status == 200 })
}

// RFC 9700 §4.15: an application that passes for a person, at whoever looks at sub alone: by the id it has, or chooses.
func TestThreat_ApplicationPassesForAPerson(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	sub, _ := s.verify(t, in.access).claims["sub"].(string)
	// Nobody becomes an application by that name, not even by the operator's hand.
	if code, _, said := s.Try(t, "client", "create", sub, "--grant", "client_credentials", "--scope", "api.read"); code == 0 || !strings.Contains(said, "already") {
		t.Errorf("a client with a person's sub for its id: exit code %d, %s, want it refused because the id is taken", code, said)
	}
	// What an application gets for itself names the application, and opens nothing that is a person's.
	own := s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
	if claims := s.verify(t, own.access).claims; claims["sub"] != server.Service().ID || claims["auth_time"] != nil || claims["amr"] != nil {
		t.Errorf("an application's own token says %v", claims)
	}
	if a := s.userInfo(t, own.access); a.status != 401 && a.status != 403 {
		t.Errorf("UserInfo answers an application's own token with %d", a.status)
	}
	if a := s.introspect(t, server.Service(), own.access).wantActive(true); a.json["username"] != nil || a.json["auth_time"] != nil {
		t.Errorf("introspection of an application's own token says %s", a.body)
	}
}
