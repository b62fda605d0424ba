package upstream_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

// hosts sends each request to the provider it names.
type hosts []*upstreamtest.OP

func (h hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, op := range h {
		if strings.HasPrefix(req.URL.String(), op.Issuer+"/") {
			return op.Transport().RoundTrip(req)
		}
	}
	return nil, errors.New("no such host")
}

func TestHangingUpstream_AnswersInTimeAndHoldsUpNobody(t *testing.T) { // PS-26
	for _, path := range []string{"/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"} {
		synctest.Test(t, func(t *testing.T) {
			slow, quick := upstreamtest.NewInProcess(t), upstreamtest.NewInProcess(t)
			slow.Script(func(s *upstreamtest.Script) { s.Hang, s.LeanIDToken = []string{path}, true })
			r := upstream.New(upstream.Config{HTTPClient: &http.Client{Transport: hosts{slow, quick}}})
			start := time.Now()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					p, err := r.Get(t.Context(), slow.Row("slow"))
					if err != nil {
						t.Error(err)
						return
					}
					_, err = walk(t, slow, p, nil)
					if got := time.Since(start); got > 10*time.Second {
						t.Errorf("%s: answered after %s, want at most 10 s", path, got)
					}
					if idp.KindOf(err) != idp.Unavailable {
						t.Errorf("%s: got %v, want unavailable", path, err)
					}
				})
			}
			synctest.Wait() // all of them hang now
			p, err := r.Get(t.Context(), quick.Row("quick"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := walk(t, quick, p, nil); err != nil {
				t.Errorf("%s: the other provider: %v", path, err)
			}
			if got := time.Since(start); got != 0 {
				t.Errorf("%s: the other provider's sign-in took %s, want no wait", path, got)
			}
			wg.Wait()
			if n := slow.Count(path); path == "/jwks" && n != 1 || strings.HasPrefix(path, "/.") && n != 1 {
				t.Errorf("%s: got %d requests for 20 people, want 1", path, n)
			}
		})
	}
}

func TestJWKS_RandomKidsCauseFewReads(t *testing.T) { // PS-27
	synctest.Test(t, func(t *testing.T) {
		op := upstreamtest.NewInProcess(t)
		p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := walk(t, op, p, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for i := range 1000 {
			kid := fmt.Sprintf("random-%d", i)
			op.Script(func(s *upstreamtest.Script) { s.KeyID = &kid })
			_, err := walk(t, op, p, nil)
			wantCode(t, err, upstream.CodeFailed)
		}
		if n := op.Count("/jwks"); n != 2 {
			t.Errorf("got %d reads of the key set for 1,000 unknown kids, want 2", n)
		}
		if n := op.Count("/.well-known/openid-configuration"); n != 1 {
			t.Errorf("got %d reads of the discovery document, want 1", n)
		}
		// The floor is 30 s: then an honest rotation is seen at once.
		op.Script(func(s *upstreamtest.Script) { s.KeyID = nil })
		op.RotateKey()
		if _, err := walk(t, op, p, nil); err == nil {
			t.Error("within the floor: got a key that was never read")
		}
		time.Sleep(30 * time.Second)
		if _, err := walk(t, op, p, nil); err != nil {
			t.Errorf("after the floor: %v", err)
		}
		if n := op.Count("/jwks"); n != 3 {
			t.Errorf("got %d reads of the key set, want 3", n)
		}
	})
}

func TestDiscovery_IsCachedRenewedAndBackedOff(t *testing.T) { // PS-26, PS-27
	synctest.Test(t, func(t *testing.T) {
		const document = "/.well-known/openid-configuration"
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) { s.DiscoveryStatus = 503 })
		p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		begin := func() error {
			_, _, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "s"})
			synctest.Wait()
			return err
		}
		for range 300 { // five minutes of an upstream that is down, a try each second
			e := wantCode(t, begin(), upstream.CodeUnavailable)
			if e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
				t.Fatalf("got retry after %s, want up to a minute", e.RetryAfter)
			}
			time.Sleep(time.Second)
		}
		if n := op.Count(document); n < 5 || n > 12 {
			t.Errorf("got %d reads in five minutes of failure, want about ten", n)
		}
		op.Script(func(s *upstreamtest.Script) { s.DiscoveryStatus = 0 })
		time.Sleep(time.Minute)
		before := op.Count(document)
		for range 100 {
			if err := begin(); err != nil {
				t.Fatalf("back again: %v", err)
			}
			time.Sleep(30 * time.Second)
		}
		if n := op.Count(document) - before; n != 1 {
			t.Errorf("got %d reads in fifty minutes, want 1", n)
		}
		// Down again when the hour is over: the old copy serves, without a wait, for six hours.
		op.Script(func(s *upstreamtest.Script) { s.Hang = []string{document} })
		time.Sleep(time.Hour)
		start := time.Now()
		if err := begin(); err != nil || time.Since(start) != 0 {
			t.Errorf("stale copy: got %v after %s, want it at once", err, time.Since(start))
		}
		time.Sleep(6 * time.Hour)
		wantCode(t, begin(), upstream.CodeUnavailable)
	})
}

func TestDiscovery_MovedKeysAreReadAtTheirNewAddress(t *testing.T) { // PS-27
	synctest.Test(t, func(t *testing.T) {
		op := upstreamtest.NewInProcess(t)
		p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := walk(t, op, p, nil); err != nil {
			t.Fatal(err)
		}
		op.Script(func(s *upstreamtest.Script) {
			s.Discovery = func(m map[string]any) { m["jwks_uri"] = op.Issuer + "/moved" }
			s.Redirect = map[string]string{"/moved": op.Issuer + "/jwks"} // a redirect on one host is followed
		})
		time.Sleep(time.Hour)
		for range 2 { // the first renews the document behind the request
			if _, err := walk(t, op, p, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := op.Count("/moved"); n != 1 {
			t.Errorf("got %d reads at the new address, want 1", n)
		}
	})
}

func TestJWKS_FiftyMegabytesAreCutOff(t *testing.T) { // PS-26
	t.Parallel()
	op := upstreamtest.Start(t)
	op.Script(func(s *upstreamtest.Script) { s.JWKSPadding = 50 << 20 })
	p, err := upstream.New(upstream.Config{}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = walk(t, op, p, nil)
	wantCode(t, err, upstream.CodeMisconfigured)
	if got := op.BytesSent(); got > 25<<20 {
		t.Errorf("the provider could send %d bytes, want it cut off", got)
	}
}

func TestClient_BoundsAndRedirects(t *testing.T) { // PS-26
	t.Parallel()
	var stolen atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, path := range []string{"/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"} {
		op := upstreamtest.Start(t)
		op.Script(func(s *upstreamtest.Script) {
			s.Redirect, s.LeanIDToken = map[string]string{path: elsewhere.URL + path}, true
		})
		p, err := upstream.New(upstream.Config{}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := walk(t, op, p, nil); err == nil {
			t.Errorf("%s redirected to another host: got a sign-in, want an error", path)
		}
	}
	if n := stolen.Load(); n != 0 {
		t.Errorf("another host got %d requests, want none", n)
	}
}

func TestClient_GzipBombIsCutOff(t *testing.T) { // PS-26
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		blank := []byte(strings.Repeat(" ", 1<<16))
		for range 160 {
			_, _ = z.Write(blank)
		}
		_ = z.Close()
	}))
	t.Cleanup(server.Close)
	p, err := upstream.New(upstream.Config{}).Get(t.Context(), idp.Provider{
		ID: "bomb", Type: "oidc", Name: "Bomb", Issuer: server.URL, ClientID: "c", ClientSecret: "s",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "s"})
	if e := wantCode(t, err, upstream.CodeMisconfigured); !strings.Contains(e.Error(), "larger") {
		t.Errorf("got %v, want the size named", e)
	}
}

func TestClient_NoPlainHTTPToOtherMachinesAndNoLinkLocal(t *testing.T) { // PS-26
	t.Parallel()
	client := upstream.NewHTTPClient()
	if _, err := client.Get("http://169.254.169.254/latest/meta-data"); err == nil || !strings.Contains(err.Error(), "no address of an upstream") {
		t.Errorf("link-local: got %v, want it refused before connecting", err)
	}
	if transport, ok := client.Transport.(*http.Transport); !ok || transport.Proxy != nil {
		t.Error("the client takes a proxy from the environment")
	}
	for name, change := range map[string]func(map[string]any){
		"http":            func(m map[string]any) { m["token_endpoint"] = "http://op.example/token" },
		"relative":        func(m map[string]any) { m["token_endpoint"] = "/token" },
		"missing":         func(m map[string]any) { delete(m, "token_endpoint") },
		"user":            func(m map[string]any) { m["jwks_uri"] = "https://u:p@op.example/jwks" },
		"javascript":      func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)//x/" },
		"fragment":        func(m map[string]any) { m["authorization_endpoint"] = "https://op.example/a#b" },
		"metadata server": func(m map[string]any) { m["userinfo_endpoint"] = "https://169.254.169.254/" },
		"inside: address": func(m map[string]any) { m["jwks_uri"] = "https://127.0.0.1/jwks" },
		"inside: name":    func(m map[string]any) { m["token_endpoint"] = "https://localhost/token" },
		"inside: http":    func(m map[string]any) { m["token_endpoint"] = "http://[::1]/token" },
		"other issuer":    func(m map[string]any) { m["issuer"] = "https://other.example" },
		"slash":           func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" },
		"only HMAC":       func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []string{"HS256", "none"} },
	} {
		op := upstreamtest.NewInProcess(t)
		if strings.HasPrefix(name, "inside: ") {
			op.Issuer = "https://op.example"
		}
		op.Script(func(s *upstreamtest.Script) { s.Discovery = change })
		p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		if address, _, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "s"}); err == nil {
			t.Errorf("%s: got %s, want an error", name, address)
		} else {
			wantCode(t, err, upstream.CodeMisconfigured)
		}
	}
}

func TestJWKS_UnusableKeysArePassedOver(t *testing.T) { // SEC-17
	t.Parallel()
	set := func(change func(keys []any) []any) func(map[string]any) {
		return func(m map[string]any) { m["keys"] = change(m["keys"].([]any)) }
	}
	first := func(name string, value any) func(map[string]any) {
		return set(func(keys []any) []any { keys[0].(map[string]any)[name] = value; return keys })
	}
	tests := []struct {
		name   string
		change func(map[string]any)
		ok     bool
	}{
		{"with strange neighbours", set(func(keys []any) []any {
			return append([]any{map[string]any{"kty": "oct", "kid": "ec-1", "k": "AAAA"}, map[string]any{"kty": "new"}, 7, nil}, keys...)
		}), true},
		{"for encryption", first("use", "enc"), false},
		{"for another algorithm", first("alg", "ES384"), false},
		{"private", first("d", "AAAA"), false},
		{"none", set(func([]any) []any { return nil }), false},
		{"too many", set(func(keys []any) []any {
			for range 101 {
				keys = append(keys, keys[0])
			}
			return keys
		}), false},
		{"no array", func(m map[string]any) { m["keys"] = "x" }, false},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) { s.JWKS = tt.change })
		if _, err := signIn(t, op, op.Row("fake")); (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok %v", tt.name, err, tt.ok)
		}
	}
	// Two keys that fit and no kid: guessing is not ours to do (OpenID Connect Core §10.1).
	op := upstreamtest.NewInProcess(t)
	none := ""
	op.Script(func(s *upstreamtest.Script) {
		s.KeyID = &none
		s.JWKS = set(func(keys []any) []any { return append(keys, keys[0]) })
	})
	if _, err := signIn(t, op, op.Row("fake")); err == nil {
		t.Error("no kid and two keys: got a sign-in, want it refused")
	}
}

func TestGoogle_BothSpellingsAreOneIssuer(t *testing.T) { // FD-11
	t.Parallel()
	for _, tt := range []struct {
		iss string
		ok  bool
	}{
		{"https://accounts.google.com", true},
		{"accounts.google.com", true},
		{"http://accounts.google.com", false},
		{"https://accounts.google.com/", false},
		{"accounts.google.com.evil.example", false},
	} {
		op := upstreamtest.NewInProcess(t)
		op.Issuer = "https://accounts.google.com"
		row := op.GoogleRow("google")
		row.Issuer = ""
		op.Script(func(s *upstreamtest.Script) { s.Claims = func(m map[string]any) { m["iss"] = tt.iss } })
		got, err := signIn(t, op, row)
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok %v", tt.iss, err, tt.ok)
		}
		if tt.ok && got.Issuer != "https://accounts.google.com" {
			t.Errorf("%s: got issuer %q, want the one spelling that identities are kept under", tt.iss, got.Issuer)
		}
	}
}
