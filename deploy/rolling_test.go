package deploy_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
)

// proxies are the examples, each with what starts it.
var proxies = map[string]func(*testing.T, stage) *exec.Cmd{"nginx": startNginx, "caddy": startCaddy}

// visitor is a client of the example's site, which keeps its connections.
func visitor(t *testing.T, s stage) *http.Client {
	transport := &http.Transport{
		// The certificate is made here; the name must be the example's.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "id.example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.tls)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: 20 * time.Second, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestProxies_ReplicasRestartOneAfterTheOtherAndNoRequestFails asks without a pause while two replicas restart in turn: what reaches none that lives
// is brought to the other one by the proxy, and no answer is lost with a connection that was kept.
func TestProxies_ReplicasRestartOneAfterTheOtherAndNoRequestFails(t *testing.T) {
	t.Parallel()
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program(t, name)
			job := server.Service()
			var replicas []*server.Server
			var addresses []string
			for range 2 { // a token of this kind needs nothing that replicas share
				replica := server.Start(t, server.SQLite(), server.Issuer("https://id.example"), server.Set("IDP_SHUTDOWN_DELAY", "3s"))
				replicas = append(replicas, replica)
				addresses = append(addresses, strings.Replace(replica.Address, "localhost", "127.0.0.1", 1))
			}
			s := stage{folder: t.TempDir(), backend: strings.Join(addresses, " "), tls: freeAddress(t), plain: freeAddress(t)}
			s.cert, s.key = certificate(t, s.folder)
			run(t, start(t, s), s.tls)

			ctx, stop := context.WithCancel(t.Context())
			var group sync.WaitGroup
			var answered atomic.Int64
			for range 6 {
				client := visitor(t, s)
				group.Go(func() {
					pause := time.NewTicker(2 * time.Millisecond)
					defer pause.Stop()
					for ; ctx.Err() == nil; <-pause.C {
						form := url.Values{"grant_type": {"client_credentials"}, "client_id": {job.ID}, "client_secret": {job.Secret}}
						response, err := client.PostForm("https://id.example.com/oauth2/token", form)
						if err != nil {
							t.Errorf("ask for a token: %v", err)
							continue
						}
						body, err := io.ReadAll(response.Body)
						_ = response.Body.Close()
						if err != nil || response.StatusCode != http.StatusOK {
							t.Errorf("ask for a token: %d %v %s", response.StatusCode, err, body)
						}
						answered.Add(1)
					}
				})
			}
			for _, replica := range replicas {
				if code := replica.Stop(t); code != 0 {
					t.Errorf("exit code after SIGTERM = %d, want 0", code)
				}
				replica.Restart(t)
				awaitVisit(t, replica)
			}
			stop()
			group.Wait()
			if answered.Load() == 0 {
				t.Error("nobody asked")
			}
		})
	}
}

// awaitVisit returns when a proxy sends requests to the replica again: Caddy asks every second whether it is back.
func awaitVisit(t *testing.T, replica *server.Server) {
	t.Helper()
	visits := func() int { return strings.Count(replica.Log(), `"route":"/oauth2/token"`) }
	before, end := visits(), time.After(20*time.Second)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for visits() == before {
		select {
		case <-end:
			t.Fatal("the proxy has sent nothing to a replica that is back for 20 s")
		case <-pause.C:
		}
	}
}

// TestProxies_AnswersWithALongStatePass: the address that an application is answered at carries its state, which may have 4096 bytes, thrice that when
// they are escaped. An answer that a proxy refuses to read counts there as a fault of ours, which anybody could bring about.
func TestProxies_AnswersWithALongStatePass(t *testing.T) {
	t.Parallel()
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program(t, name)
			long := "https://app.example.com/callback?state=" + strings.Repeat("%C3%A4", 4096/2)
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" { // which the proxy asks itself
					http.Redirect(w, r, long, http.StatusSeeOther)
				}
			}))
			t.Cleanup(backend.Close)
			s := stage{folder: t.TempDir(), backend: backend.Listener.Addr().String(), tls: freeAddress(t), plain: freeAddress(t)}
			s.cert, s.key = certificate(t, s.folder)
			run(t, start(t, s), s.tls)
			response, err := visitor(t, s).Get("https://id.example.com/oauth2/authorize?" + url.Values{"state": {strings.Repeat("ä", 4096/2)}}.Encode())
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != long {
				t.Errorf("got %d with %d bytes of Location, want 303 with %d", response.StatusCode, len(response.Header.Get("Location")), len(long))
			}
		})
	}
}
