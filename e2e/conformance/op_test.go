package conformance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
)

// op is the server under test, and the address at which the suite would be.
type op struct {
	*server.Server
	suite     *suite
	roots     *x509.CertPool
	transport *http.Transport // of who has no certificate
	meta      map[string]any  // the discovery document; numbers are json.Number
	keys      []map[string]any
	people    []*somebody
	next      atomic.Int32 // who plays next
}

// suite listens for what the server fetches and posts, on this machine. What a browser brings to the suite's own address, suiteURL, stays in the
// browser (run.visit).
type suite struct {
	url      string
	listener *httptest.Server
	mu       sync.Mutex
	paths    map[string]http.HandlerFunc
}

// serve answers at a path, and returns its address. The path begins with a run's own alias.
func (s *suite) serve(path string, answer http.HandlerFunc) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths[path] = answer
	return s.url + path
}

// ServeHTTP finds who answers.
func (s *suite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.paths[r.URL.Path]
	s.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

// startOP starts the server as docs/conformance/README.md says: it ends TLS itself, and has the clients and the person of that folder.
func startOP(t testing.TB, options ...server.Option) *op {
	t.Helper()
	own := t.TempDir()
	certificate := selfSigned(t, "idp.test", "mtls.idp.test", "localhost")
	writePEM(t, filepath.Join(own, "tls.crt"), "CERTIFICATE", certificate.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(own, "tls.key"), "PRIVATE KEY", key)

	s := &op{suite: &suite{paths: map[string]http.HandlerFunc{}}, roots: x509.NewCertPool()}
	s.roots.AddCert(certificate.Leaf)
	s.suite.listener = httptest.NewUnstartedServer(s.suite)
	s.suite.listener.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.suite.listener.StartTLS()
	t.Cleanup(s.suite.listener.Close)
	s.suite.url = strings.Replace(s.suite.listener.URL, "127.0.0.1", "localhost", 1)

	s.Server = server.Start(t, append([]server.Option{
		server.Issuer(testedURL), server.Seed(s.crowd(t)),
		server.Set("IDP_TLS__CERT_FILE", filepath.Join(own, "tls.crt")), server.Set("IDP_TLS__KEY_FILE", filepath.Join(own, "tls.key")),
		server.Set("IDP_CLIENT_REGISTRATION__MODE", "open"), server.Set("IDP_CLIENT_REGISTRATION__GRANT_TYPES", "authorization_code,refresh_token,implicit"),
		server.Set("IDP_CLIENT_REGISTRATION__SCOPES", "openid,profile,email,address,phone,offline_access"),
		server.Set("IDP_CLIENT_REGISTRATION__PER_HOUR", "1000000"), server.Set("IDP_CLIENT_REGISTRATION__QUOTA", "100000"),
		server.Set("IDP_MTLS__CERTIFICATES", "tls"),
		server.Set("IDP_OUTBOUND__ALLOW", "localhost"), server.Set("IDP_OUTBOUND__CA_FILE", filepath.Join(own, "tls.crt")),
		server.Set("IDP_THROTTLE__PER_ACCOUNT", "1000"), server.Set("IDP_LIMITS__LOOP", "0"), // many modules share a session
	}, options...)...)
	s.transport = s.dialer(nil)
	t.Cleanup(s.transport.CloseIdleConnections)
	s.loadClients(t, own)
	s.discover(t)
	return s
}

// somebody is the person of user.yaml, or one with the same claims and another address: one alone has no more than a hundred sessions, and no browser more
// than sixteen sign-ins at once.
type somebody struct {
	address string
	signIn  sync.Once
	cookies []*http.Cookie // of a browser that is signed in, after signIn
}

// crowd returns the seed file.
func (s *op) crowd(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "user.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	head, person, ok := strings.Cut(string(text), "users:\n")
	if !ok {
		t.Fatal("user.yaml has no users")
	}
	name, _, _ := strings.Cut(testAddress, "@")
	var b strings.Builder
	b.WriteString(head + "users:\n" + person)
	s.people = append(s.people, &somebody{address: testAddress})
	for n := range 15 {
		other := name + strconv.Itoa(n+2)
		b.WriteString(strings.NewReplacer("username: "+name, "username: "+other, testAddress, other+"@example.com").Replace(person))
		s.people = append(s.people, &somebody{address: other + "@example.com"})
	}
	return b.String()
}

// anybody returns the next of the people.
func (s *op) anybody() *somebody { return s.people[int(s.next.Add(1))%len(s.people)] }

// loadClients applies the file of clients. Only what the server calls itself has another address: nobody listens at the suite's.
func (s *op) loadClients(t testing.TB, own string) {
	t.Helper()
	if err := os.CopyFS(own, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(own, "clients.yaml")
	text, err := os.ReadFile(file)
	if err == nil {
		for _, name := range []string{"backchannel_logout_uri: ", "backchannel_client_notification_endpoint: "} {
			text = bytes.ReplaceAll(text, []byte(name+suiteURL), []byte(name+s.suite.url))
		}
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Run(t, "client", "apply", "-f", file, "--yes")
}

// dialer returns a transport that reaches the server by every name, with a client certificate if there is one.
func (s *op) dialer(certificate *tls.Certificate) *http.Transport {
	config := &tls.Config{RootCAs: s.roots}
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	return &http.Transport{
		TLSClientConfig: config, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Address)
		},
	}
}

// discover reads the discovery document and the keys, and waits until the clients are known, which takes the server up to a second.
func (s *op) discover(t testing.TB) {
	t.Helper()
	s.meta = s.fetch(t, testedURL+"/.well-known/openid-configuration")
	address, _ := s.meta["jwks_uri"].(string)
	list, _ := s.fetch(t, address)["keys"].([]any)
	for _, one := range list {
		if key, ok := one.(map[string]any); ok {
			s.keys = append(s.keys, key)
		}
	}
	if len(s.keys) == 0 {
		t.Fatal("the server publishes no keys")
	}
}

func (s *op) fetch(t testing.TB, address string) map[string]any {
	t.Helper()
	res, err := (&http.Client{Transport: s.transport, Timeout: time.Minute}).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var found map[string]any
	decoder := json.NewDecoder(res.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&found); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, res.StatusCode, err)
	}
	return found
}

// endpoint returns an address from the discovery document.
func (s *op) endpoint(name string) string {
	address, _ := s.meta[name].(string)
	return address
}

// lists reports whether a list of the discovery document has a value.
func (s *op) lists(name, value string) bool {
	list, _ := s.meta[name].([]any)
	for _, one := range list {
		if one == value {
			return true
		}
	}
	return false
}

func selfSigned(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
