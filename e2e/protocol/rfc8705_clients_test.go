package protocol

// RFC 8705 §2 and §5, RFC 9440: clients with certificates, on TLS that this server ends and through a proxy's header. And TLS itself.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

// authority issues certificates.
type authority struct {
	t      *testing.T
	serial int64
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	pair := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// issue makes a certificate, signed by itself as long as there is no authority.
func (a *authority) issue(template *x509.Certificate) *tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	issuer, signer := a.cert, a.key
	if issuer == nil {
		issuer, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) client(template *x509.Certificate) *tls.Certificate {
	a.t.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template)
}

// host issues the certificate of a server and writes it to files.
func (a *authority) host(folder string, names ...string) {
	a.t.Helper()
	pair := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, filepath.Join(folder, "tls.key"), "PRIVATE KEY", key)
	writePEM(a.t, filepath.Join(folder, "tls.crt"), "CERTIFICATE", pair.Certificate[0])
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// over returns the site as somebody with a certificate reaches it, or with nil as somebody without one.
func (s *site) over(t *testing.T, a *authority, cert *tls.Certificate) *site {
	t.Helper()
	config := &tls.Config{RootCAs: a.pool()}
	if cert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) { // every name is this machine
		return new(net.Dialer).DialContext(ctx, network, s.Address)
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: config, ForceAttemptHTTP2: true}
	return newSite(t, s.Server, transport)
}

// x5c is a set with one key and its certificate.
func x5c(t *testing.T, cert *tls.Certificate) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: cert.Leaf.PublicKey, Certificates: []*x509.Certificate{cert.Leaf}}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// secured starts a server that ends TLS itself.
func secured(t *testing.T, a *authority, folder string, options ...server.Option) *site {
	t.Helper()
	a.host(folder, "localhost", "mtls.localhost")
	writePEM(t, filepath.Join(folder, "ca.pem"), "CERTIFICATE", a.cert.Raw)
	s := server.Start(t, append([]server.Option{
		server.Issuer("https://localhost:PORT"), server.Set("IDP_TLS__CERT_FILE", filepath.Join(folder, "tls.crt")), server.Set("IDP_TLS__KEY_FILE", filepath.Join(folder, "tls.key")),
	}, options...)...)
	return (&site{Server: s}).over(t, a, nil)
}

func TestMTLS_BothMethodsWorkOnOurOwnTLS(t *testing.T) { // protocol.md §3.4; RFC 8705 §2.1, §2.2; protocol.md §3.7
	t.Parallel()
	a, folder := newAuthority(t), t.TempDir()
	subject := pkix.Name{CommonName: "app, one", Organization: []string{"Example"}, Country: []string{"DE"}}
	uri := &url.URL{Scheme: "spiffe", Host: "example", Path: "/app"}
	good := a.client(&x509.Certificate{Subject: subject, DNSNames: []string{"app.example"}, URIs: []*url.URL{uri}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, EmailAddresses: []string{"app@example.com"}})
	otherName := a.client(&x509.Certificate{Subject: pkix.Name{CommonName: "other"}})
	expired := a.client(&x509.Certificate{Subject: subject, DNSNames: []string{"app.example"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	forServers := a.issue(&x509.Certificate{Subject: subject, DNSNames: []string{"app.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	stranger := newAuthority(t).client(&x509.Certificate{Subject: subject, DNSNames: []string{"app.example"}})
	self := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "self"}})
	names := map[string]string{
		"dn": `tls_client_auth_subject_dn: 'CN=app\, one,O=Example,C=DE'`, "dns": "tls_client_auth_san_dns: app.example", "uri": "tls_client_auth_san_uri: spiffe://example/app",
		"ip": "tls_client_auth_san_ip: 192.0.2.1", "email": "tls_client_auth_san_email: app@example.com",
	}
	seed := "clients:\n" + machine("self", "self_signed_tls_client_auth", "jwks: "+x5c(t, self)) + machine("plain", "client_secret_basic", "secret_file: secrets/web")
	for id, line := range names {
		seed += machine(id, "tls_client_auth", line)
	}
	s := secured(t, a, folder, server.Seed(seed), server.Set("IDP_MTLS__CERTIFICATES", "tls"), server.Set("IDP_MTLS__CA_FILE", filepath.Join(folder, "ca.pem")))
	want := func(what string, id string, cert *tls.Certificate, ok bool) {
		t.Helper()
		a := s.over(t, a, cert).mine(t, named(server.Client{ID: id}))
		if got := a.status == http.StatusOK; got != ok || !ok && a.json["error"] != "invalid_client" {
			t.Errorf("%s as %s: got %d %s, want token %v", what, id, a.status, a.body, ok)
		}
	}
	for id := range names {
		want("the certificate", id, good, true)
		want("another name", id, otherName, false)
	}
	want("nothing", "dns", nil, false)
	want("an expired one", "dns", expired, false)
	want("a server's", "dns", forServers, false)
	want("an unknown authority's", "dns", stranger, false)
	want("self-signed", "dns", self, false)
	want("the registered one", "self", self, true)
	want("an authority's", "self", good, false)
	want("nothing", "self", nil, false)
	want("a certificate", "plain", good, false)
	with := s.over(t, a, self)
	access := with.mine(t, named(server.Client{ID: "self"})).want(http.StatusOK).str("access_token")
	with.form(t, "introspection_endpoint", named(server.Client{ID: "self"}), "token", access).wantActive(true)
	with.form(t, "revocation_endpoint", named(server.Client{ID: "self"}), "token", access).want(http.StatusOK)
	// Whoever has a certificate may use another method all the same.
	with.mine(t, basic(server.Client{ID: "plain", Secret: server.Web().Secret})).want(http.StatusOK)
	methods, _ := s.meta["token_endpoint_auth_methods_supported"].([]any)
	listed := map[any]bool{}
	for _, m := range methods {
		listed[m] = true
	}
	if !listed["tls_client_auth"] || !listed["self_signed_tls_client_auth"] {
		t.Errorf("discovery lists %v, want both methods", methods)
	}
}

func TestMTLS_AliasesAskForCertificatesAndTheIssuerDoesNot(t *testing.T) { // RFC 8705 §5
	t.Parallel()
	a, folder := newAuthority(t), t.TempDir()
	self := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "self"}})
	s := secured(t, a, folder, server.Seed("clients:\n"+machine("self", "self_signed_tls_client_auth", "jwks: "+x5c(t, self))),
		server.Set("IDP_MTLS__CERTIFICATES", "tls"), server.Set("IDP_MTLS__URL", "https://mtls.localhost"))
	aliases, _ := s.meta["mtls_endpoint_aliases"].(map[string]any)
	if got := aliases["token_endpoint"]; got != "https://mtls.localhost/oauth2/token" {
		t.Fatalf("aliases = %v, want the token endpoint at mtls.localhost", aliases)
	}
	for _, name := range []string{"revocation_endpoint", "introspection_endpoint", "userinfo_endpoint", "pushed_authorization_request_endpoint", "device_authorization_endpoint", "backchannel_authentication_endpoint"} {
		if _, has := aliases[name]; !has {
			t.Errorf("aliases have no %s", name)
		}
	}
	with := s.over(t, a, self)
	with.mine(t, named(server.Client{ID: "self"})).wantError(http.StatusUnauthorized, "invalid_client") // nobody asked for the certificate
	with.meta["token_endpoint"] = aliases["token_endpoint"]
	with.mine(t, named(server.Client{ID: "self"})).want(http.StatusOK)
}

func TestMTLS_HeaderCountsFromTrustedProxiesOnly(t *testing.T) { // RFC 9440 §2.1, §4; RFC 8705 §6.5
	t.Parallel()
	self := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "self"}})
	other := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "other"}})
	sequence := func(c *tls.Certificate) string {
		return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
	}
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: self.Certificate[0]})))
	seed := server.Seed("clients:\n" + machine("self", "self_signed_tls_client_auth", "jwks: "+x5c(t, self)))
	header := server.Set("IDP_MTLS__CERTIFICATES", "header")
	as := func(values ...string) auth {
		return func(h http.Header, f url.Values) {
			h["Client-Cert"] = values
			f.Set("client_id", "self")
		}
	}
	trusting := start(t, seed, header, server.Set("IDP_TRUSTED_PROXIES", "127.0.0.0/8, ::1"))
	trusting.mine(t, as(sequence(self))).want(http.StatusOK)
	trusting.mine(t, as(escaped)).want(http.StatusOK)
	for name, values := range map[string][]string{
		"another's": {sequence(other)}, "none": nil, "empty": {""}, "an empty sequence": {"::"}, "two": {sequence(self), sequence(other)}, "garbage": {":%%%:"}, "no DER": {":AAAA:"},
		"unfinished": {sequence(self)[:40]}, "a bad escape": {"%zz"},
	} {
		if a := trusting.mine(t, as(values...)); a.json["error"] != "invalid_client" {
			t.Errorf("%s: got %d %s, want invalid_client", name, a.status, a.body)
		}
	}
	distrusting := start(t, seed, header, server.Set("IDP_TRUSTED_PROXIES", "192.0.2.1"))
	distrusting.mine(t, as(sequence(self))).wantError(http.StatusUnauthorized, "invalid_client")
	off := start(t, seed, server.Set("IDP_TRUSTED_PROXIES", "127.0.0.0/8, ::1"))
	off.mine(t, as(sequence(self))).wantError(http.StatusUnauthorized, "invalid_client")
}
