package protocol

// Load and faults, bounded: issue rows "database is locked never reaches a client", "kill -9 under load", "PostgreSQL stopped and
// started under load"; PS-19. All traffic is to the servers that these tests started on this machine; each loop ends by itself.

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
	"idp/internal/store/storetest"
)

// clients is how many applications talk at once.
const clients = 64

func TestLoad_SixtyFourClientsSeeNoLock(t *testing.T) {
	t.Parallel()
	s := start(t)
	people := make([]signedIn, 8)
	for i := range people {
		people[i] = s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	}
	var group sync.WaitGroup
	var refused atomic.Int32
	for n := range clients {
		in := people[n%len(people)]
		b := in.b.copy()
		group.Go(func() {
			mine := b.tokensQuietly(server.PKCE())
			if mine.refresh == "" {
				refused.Add(1)
				return
			}
			for range 3 {
				next := s.refresh(t, server.PKCE(), mine.refresh)
				if next.status != http.StatusOK {
					refused.Add(1)
					t.Errorf("refresh under load: %d %.200s", next.status, next.body)
					return
				}
				mine.refresh = next.str("refresh_token")
				if a := s.userInfo(t, next.str("access_token")); a.status != http.StatusOK {
					refused.Add(1)
					t.Errorf("UserInfo under load: %d %.200s", a.status, a.body)
				}
				if a := s.token(t, basic(server.Service()), "grant_type", "client_credentials"); a.status != http.StatusOK {
					refused.Add(1)
					t.Errorf("client_credentials under load: %d %.200s", a.status, a.body)
				}
			}
			if a := s.revoke(t, server.PKCE(), mine.refresh); a.status != http.StatusOK {
				t.Errorf("revoke under load: %d %.200s", a.status, a.body)
			}
		})
	}
	group.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d requests of %d clients were refused, want none", n, clients)
	}
	if strings.Contains(s.Log(), "database is locked") {
		t.Error("the log says that the database was locked")
	}
}

// tokensQuietly goes through the code flow where a session is there already. It is for goroutines: it reports and never ends the test.
func (b *browser) tokensQuietly(c server.Client) tokens {
	p := b.get(b.azURL(c, "scope", "openid offline_access"))
	to := p.target()
	if !strings.HasPrefix(to, c.Redirect) {
		b.t.Errorf("authorization under load: %d, to %q", p.status, to)
		return tokens{}
	}
	at, err := p.url.Parse(to)
	if err != nil {
		b.t.Errorf("authorization under load: %v", err)
		return tokens{}
	}
	a := b.site.exchange(b.t, grant{p.asked, at.Query().Get("code")})
	if a.status != http.StatusOK {
		b.t.Errorf("exchange under load: %d %.200s", a.status, a.body)
		return tokens{}
	}
	return tokens{a.str("access_token"), a.str("refresh_token"), a.str("id_token")}
}

// chain is one client's refresh tokens while the server comes and goes: the last one that was answered.
type chain struct {
	last       string
	answered   int
	unanswered int
}

// run refreshes until stop says so. An answer other than 200, 503 or none is a fault.
func (c *chain) run(t *testing.T, s *site, client server.Client, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		form := newRequest(t, http.MethodPost, s.endpoint(t, "token_endpoint"), map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {c.last}})
		form.SetBasicAuth(client.ID, client.Secret)
		a, err := s.try(t, form)
		switch {
		case err != nil:
			c.unanswered++
			pause(t, 20*time.Millisecond)
		case a.status == http.StatusOK:
			c.last = a.str("refresh_token")
			c.answered++
		case a.status == http.StatusServiceUnavailable:
			c.unanswered++
			if a.header.Get("Retry-After") == "" || a.str("error") == "" {
				t.Errorf("503 with Retry-After %q and %.100s, want a time and an error in JSON (PS-19)", a.header.Get("Retry-After"), a.body)
			}
			pause(t, 20*time.Millisecond)
		default:
			t.Errorf("refresh while the server comes and goes: %d %.200s, want 200 or 503", a.status, a.body)
			return
		}
	}
}

// try is call for a server that may be away.
func (s *site) try(t *testing.T, req *http.Request) (*answer, error) {
	t.Helper()
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	return readAnswer(t, req, res)
}

func TestLoad_KillUnderLoadLosesNothingAnswered(t *testing.T) { // kill -9 on SQLite
	t.Parallel()
	s := start(t, server.SQLite())
	chains := make([]*chain, 8)
	for i := range chains {
		in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
		chains[i] = &chain{last: in.refresh}
	}
	spent := s.signIn(t, server.Trusted(), "scope", "openid offline_access") // its code is spent before the crash
	live := s.browser(t)
	u := s.user(t)
	live.az(server.Trusted()).login(u).wantCode()
	unspent := live.az(server.PKCE()).wantCode()

	for range 3 {
		stop := make(chan struct{})
		var group sync.WaitGroup
		for _, c := range chains {
			group.Go(func() { c.run(t, s, server.Trusted(), stop) })
		}
		pause(t, 300*time.Millisecond)
		s.Kill()
		close(stop)
		group.Wait()
		s.Restart(t)
	}
	for i, c := range chains {
		if c.answered == 0 {
			t.Errorf("chain %d was never answered: there was no load", i)
		}
		// What was answered is there: the last token that came back works.
		s.refresh(t, server.Trusted(), c.last).tokens()
	}
	live.az(server.Trusted(), "prompt", "none").wantCode()
	s.exchange(t, unspent).tokens()
	s.exchange(t, spent.grant).wantError(400, "invalid_grant")
}

func TestLoad_PostgresMayGoAndComeBack(t *testing.T) { // PS-19, RP-13, issue row; fosite D9: an outage is no invalid_client
	t.Parallel()
	database := storetest.StartServer(t)
	s := start(t, server.Database(database.URL()))
	chains := make([]*chain, 8)
	for i := range chains {
		in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
		chains[i] = &chain{last: in.refresh}
	}
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	code := in.b.az(server.PKCE()).wantCode()
	pending := in.b.az(server.PKCE(), "prompt", "login").wantLogin()

	stop := make(chan struct{})
	var group sync.WaitGroup
	for _, c := range chains {
		group.Go(func() { c.run(t, s, server.Trusted(), stop) })
	}
	pause(t, 300*time.Millisecond)
	database.Stop(t)

	unavailable := func(name string, a *answer) {
		t.Helper()
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%s while PostgreSQL is away: %d, Retry-After %q: %.200s; want 503 and a time", name, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	token := s.exchange(t, code)
	unavailable("code exchange", token)
	if token.str("error") == "" {
		t.Errorf("code exchange while PostgreSQL is away: %.200s, want an error in JSON", token.body)
	}
	unavailable("UserInfo", s.userInfo(t, in.access))
	unavailable("introspection", s.introspect(t, server.Trusted(), in.access))
	unavailable("revocation", s.revoke(t, server.Trusted(), in.access)) // fosite D8: 200 would be a lie
	if p := in.b.get(in.b.azURL(server.Trusted())); p.status != http.StatusServiceUnavailable || p.doc == nil || p.header.Get("Retry-After") == "" {
		t.Errorf("authorization while PostgreSQL is away: %s, want a page with 503", p.describe())
	}
	if p := pending.submit("submit-login", "identifier", in.u.Email, "password", in.u.Password); p.status != http.StatusServiceUnavailable {
		t.Errorf("signing in while PostgreSQL is away: %s, want a page with 503", p.describe())
	}
	// What needs no database goes on, and the server says that it is alive but not ready.
	s.jwks(t)
	if a := s.get(t, s.OpsURL+"/healthz"); a.status != http.StatusOK {
		t.Errorf("/healthz while PostgreSQL is away: %d, want 200: restarting the server would mend nothing", a.status)
	}
	if a := s.get(t, s.OpsURL+"/readyz"); a.status != http.StatusServiceUnavailable {
		t.Errorf("/readyz while PostgreSQL is away: %d, want 503", a.status)
	}

	database.Start(t)
	eventually(t, 20*time.Second, "ready again by itself", func() bool { return s.get(t, s.OpsURL+"/readyz").status == http.StatusOK })
	pause(t, 300*time.Millisecond)
	close(stop)
	group.Wait()
	for i, c := range chains {
		if c.answered == 0 || c.unanswered == 0 {
			t.Errorf("chain %d: %d answers, %d refusals, want both", i, c.answered, c.unanswered)
		}
		s.refresh(t, server.Trusted(), c.last).tokens() // nothing lost
	}
	// Nothing was spent by an attempt that was answered 503, and nothing can be spent twice.
	s.exchange(t, code).tokens()
	s.exchange(t, code).wantError(400, "invalid_grant")
	s.userInfo(t, in.access).want(200)
	in.b.az(server.Trusted(), "prompt", "none").wantCode()
	pending.submit("submit-login", "identifier", in.u.Email, "password", in.u.Password).wantCode()
}

func TestLoad_HashingIsBounded(t *testing.T) { // FB-1, issue row: a login storm does not starve the token endpoint
	t.Parallel()
	s := start(t, server.RealHashing(), server.Set("IDP_PASSWORD__QUEUE", "4"))
	var group sync.WaitGroup
	var answered, busy atomic.Int32
	for range 40 {
		b := s.browser(t)
		action, fields := b.az(server.Trusted()).wantLogin().form("submit-login")
		with(fields, "identifier", "nobody@example.test", "password", "a wrong password")
		group.Go(func() {
			p := b.send(newRequest(t, http.MethodPost, action, fields))
			switch p.status {
			case http.StatusServiceUnavailable:
				busy.Add(1)
				if p.header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			case http.StatusOK, http.StatusUnauthorized, http.StatusTooManyRequests:
				answered.Add(1)
			default:
				t.Errorf("a sign-in in a storm: status %d", p.status)
			}
		})
	}
	started := time.Now()
	s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens()
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("client_credentials beside a login storm took %s", took)
	}
	group.Wait()
	if answered.Load() == 0 {
		t.Error("no sign-in of the storm was answered")
	}
}

func TestShutdown_FinishesWhatIsUnderWay(t *testing.T) { // graceful shutdown
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Trusted(), "scope", "openid offline_access")
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				req := newRequest(t, http.MethodGet, s.endpoint(t, "userinfo_endpoint"), nil)
				req.Header.Set("Authorization", "Bearer "+in.access)
				a, err := s.try(t, req)
				if err != nil {
					return // it no longer listens
				}
				if a.status != http.StatusOK {
					t.Errorf("UserInfo during shutdown: %d", a.status)
				}
			}
		})
	}
	pause(t, 200*time.Millisecond)
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0", code)
	}
	close(stop)
	group.Wait()
	s.Restart(t)
	s.refresh(t, server.Trusted(), in.refresh).tokens()
	in.b.az(server.Trusted(), "prompt", "none").wantCode()
}
