package deploy_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stage is a proxy under test: the example's text is changed only where it names this world's addresses and files.
type stage struct {
	folder, cert, key   string
	backend, tls, plain string // addresses; of several replicas, parted by spaces
}

// TestProxies_ForgedHeadersEndAtTheProxy // SEC: throttling and audit see the peer's address, not what a client wrote
func TestProxies_ForgedHeadersEndAtTheProxy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		start func(t *testing.T, s stage) *exec.Cmd
	}{{"nginx", startNginx}, {"caddy", startCaddy}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			program(t, test.name)
			var mu sync.Mutex
			var got http.Header
			var host string
			backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/readyz" {
					return // the proxy itself asks
				}
				mu.Lock()
				defer mu.Unlock()
				got, host = r.Header.Clone(), r.Host
			}))
			t.Cleanup(backend.Close)
			s := stage{folder: t.TempDir(), backend: backend.Listener.Addr().String(), tls: freeAddress(t), plain: freeAddress(t)}
			s.cert, s.key = certificate(t, s.folder)
			run(t, test.start(t, s), s.tls)

			client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
				// The certificate is made here; the name must be the example's.
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "id.example.com"},
			}}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.tls+"/oauth2/authorize?state=a%2Fb", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = "id.example.com"
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded"} {
				request.Header.Set(name, "203.0.113.66")
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatalf("ask through the proxy: %v", err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				body, _ := io.ReadAll(response.Body)
				t.Fatalf("status %d, want 200\n%s", response.StatusCode, body)
			}
			mu.Lock()
			defer mu.Unlock()
			want := map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "id.example.com",
				"X-Forwarded-Port": "", "X-Forwarded-Prefix": "", "X-Real-IP": "", "Forwarded": "",
			}
			for name, value := range want {
				if seen := strings.Join(got.Values(name), ", "); seen != value {
					t.Errorf("%s = %q, want %q", name, seen, value)
				}
			}
			if host != "id.example.com" {
				t.Errorf("Host = %q, want the public name", host)
			}
		})
	}
}

func startNginx(t *testing.T, s stage) *exec.Cmd {
	t.Helper()
	return nginxWith(t, s, read(t, "nginx.conf"))
}

func nginxWith(t *testing.T, s stage, site string) *exec.Cmd {
	t.Helper()
	site = regexp.MustCompile(`(?m)^\s*listen \[::\].*\n`).ReplaceAllString(site, "")
	const line = "    server 127.0.0.1:8080 max_fails=0;\n"
	var lines strings.Builder
	for _, address := range strings.Fields(s.backend) {
		lines.WriteString(strings.Replace(line, "127.0.0.1:8080", address, 1))
	}
	site = strings.NewReplacer(
		"listen 80;", "listen "+s.plain+";", "listen 443 ", "listen "+s.tls+" ", line, lines.String(),
		"/etc/letsencrypt/live/id.example.com/fullchain.pem", s.cert, "/etc/letsencrypt/live/id.example.com/privkey.pem", s.key,
	).Replace(site)
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s/%s;\n", kind, s.folder, kind)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	conf := fmt.Sprintf("%sdaemon off;\npid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n", user, s.folder, paths.String(), site)
	path := filepath.Join(s.folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx := program(t, "nginx")
	if out, err := exec.Command(nginx, "-t", "-e", "stderr", "-c", path).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	return exec.Command(nginx, "-e", "stderr", "-c", path)
}

func startCaddy(t *testing.T, s stage) *exec.Cmd {
	t.Helper()
	return caddyWith(t, s, read(t, "Caddyfile"))
}

func caddyWith(t *testing.T, s stage, site string) *exec.Cmd {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.tls)
	_, plain, _ := net.SplitHostPort(s.plain)
	own := "\ttls " + s.cert + " " + s.key
	site = strings.NewReplacer("id.example.com {", "id.example.com {\n\tbind 127.0.0.1\n"+own, "127.0.0.1:8080", s.backend).Replace(site)
	site = strings.ReplaceAll(site, own+"\ntls {", own+" {")
	conf := fmt.Sprintf("{\n\tadmin off\n\thttps_port %s\n\thttp_port %s\n\tskip_install_trust\n}\n%s", port, plain, site)
	path := filepath.Join(s.folder, "Caddyfile")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t, "caddy"), "run", "--adapter", "caddyfile", "--config", path)
	cmd.Env = append(os.Environ(), "HOME="+s.folder, "XDG_DATA_HOME="+s.folder, "XDG_CONFIG_HOME="+s.folder)
	return cmd
}

// run starts a proxy, waits until it listens, and ends it with the test.
func run(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, log.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended at once", cmd.Path)
		case <-ctx.Done():
			t.Fatalf("%s does not listen on %s: %v", cmd.Path, address, err)
		case <-pause.C:
		}
	}
}

// freeAddress returns a loopback address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// certificate writes a certificate for the example's name.
func certificate(t *testing.T, folder string) (certPath, keyPath string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"id.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPath, keyPath = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{certPath: {Type: "CERTIFICATE", Bytes: der}, keyPath: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certPath, keyPath
}
