package protocol

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
)

// suite is what all tests of the process share.
var suite struct {
	site *site
	book *secretBook
}

// TestMain starts the shared server, and when all tests are done searches its log for every secret that went over the wire
// (issue row: "a test records the log of the whole protocol suite"). That must come last, which no test can be sure of.
func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait for the server or for time to pass: as many at once as that allows, however few the processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Println("--- FAIL:", err)
		os.Exit(1)
	}
	life := server.NewLifetime()
	suite.book = newSecretBook()
	err := life.Do(func(t testing.TB) {
		s := server.Shared(
			t, server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "1000000"), server.Set("IDP_CLIENT_REGISTRATION__QUOTA", "100000"),
			server.Set("IDP_REGISTRATION", "open"), server.Set("IDP_THROTTLE__REGISTRATIONS", "1000000"), server.Set("IDP_THROTTLE__REGISTRATIONS_TOTAL", "1000000"),
			server.Set("IDP_OUTBOUND__ALLOW", "localhost"), // applications of the tests listen on this machine
		)
		suite.site = newSite(t, s, server.Transport(s))
	})
	code := 1
	if err == nil {
		code = m.Run()
		for _, leak := range suite.book.search(suite.site.Log()) {
			fmt.Printf("--- FAIL: the log of the whole suite holds %s\n", leak)
			code = 1
		}
	} else {
		fmt.Println("--- FAIL: start the shared server:", err)
	}
	if err := life.Close(); err != nil {
		fmt.Println("--- FAIL: clean up:", err)
		code = 1
	}
	os.Exit(code)
}

// site is a server as applications and browsers see it: an issuer and what its discovery document says.
type site struct {
	*server.Server
	meta      map[string]any
	transport http.RoundTripper
	client    *http.Client // without cookies; follows nothing
	next      atomic.Int32 // the last of the crowd that was handed out
}

// shared returns the server that all tests use.
func shared(t *testing.T) *site {
	t.Helper()
	return suite.site
}

// start starts a server of the test's own.
func start(t *testing.T, options ...server.Option) *site {
	t.Helper()
	s := server.Start(t, options...)
	return newSite(t, s, server.Transport(s))
}

func newSite(t testing.TB, s *server.Server, transport *http.Transport) *site {
	t.Helper()
	if s.Address == "" { // somebody else's server: reached as its URL says
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	t.Cleanup(transport.CloseIdleConnections)
	recorded := &recorder{base: transport, book: suite.book}
	site := &site{Server: s, transport: recorded, client: &http.Client{
		Transport: recorded, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	res, err := site.client.Get(s.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatalf("read the discovery document: %v", err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&site.meta); err != nil {
		t.Fatalf("read the discovery document: status %d: %v", res.StatusCode, err)
	}
	return site
}

// endpoint returns an address from the discovery document.
func (s *site) endpoint(t testing.TB, name string) string {
	t.Helper()
	url, ok := s.meta[name].(string)
	if !ok || url == "" {
		t.Fatalf("the discovery document has no %s", name)
	}
	return url
}

// user returns a person whom no other test of this server uses.
func (s *site) user(t testing.TB) server.User {
	t.Helper()
	n := s.next.Add(1)
	if int(n) > s.Crowd {
		t.Fatalf("all %d users of this server are taken: add more to seed.yaml", s.Crowd)
	}
	return server.Crowd(int(n))
}

// pause waits for d of real time: the server is another process, and no test can move its clock.
func pause(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// eventually asks ok until it says yes, for at most limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		pause(t, 20*time.Millisecond)
	}
}
