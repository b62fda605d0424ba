package clients

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

// certificate is one with its key, and the files that have them.
type certificate struct {
	leaf              *x509.Certificate
	key               *ecdsa.PrivateKey
	certFile, keyFile string
}

// issue makes a certificate for host names; nobody vouches for it where by is nil.
func issue(t testing.TB, by *certificate, usage x509.ExtKeyUsage, names ...string) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, BasicConstraintsValid: true,
	}
	issuer, signer := of, key
	if by != nil {
		issuer, signer = by.leaf, by.key
	} else if usage == x509.ExtKeyUsageAny {
		of.IsCA, of.ExtKeyUsage, of.KeyUsage = true, nil, x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, of, issuer, key.Public(), signer)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("write a key: %v", err)
	}
	c := &certificate{key: key, certFile: filepath.Join(t.TempDir(), "cert.pem"), keyFile: filepath.Join(t.TempDir(), "key.pem")}
	if c.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatalf("read a certificate: %v", err)
	}
	for file, block := range map[string]*pem.Block{c.certFile: {Type: "CERTIFICATE", Bytes: der}, c.keyFile: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// thumbprint is what a token that is bound to the certificate says (RFC 8705 §3.1).
func (c *certificate) thumbprint() string {
	sum := sha256.Sum256(c.leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// jwks is what an application registers that signs its certificate itself (RFC 8705 §2.2.2).
func (c *certificate) jwks() string {
	return "{keys: [" + jwkText(jose.JSONWebKey{Key: c.key.Public(), KeyID: "tls", Certificates: []*x509.Certificate{c.leaf}}) + "]}"
}

// reply is what curl got.
type reply struct {
	status int
	said
}

// curl sends one request. exit is how it ended; with anything but 0 there is no reply.
func (s *tlsSite) curl(t testing.TB, as *certificate, address string, arguments ...string) (got reply, exit int) {
	t.Helper()
	all := []string{"--disable", "--silent", "--show-error", "--max-time", "30", "--cacert", s.own.certFile, "--write-out", "\n%{http_code}"}
	if as != nil {
		all = append(all, "--cert", as.certFile, "--key", as.keyFile)
	}
	cmd := exec.CommandContext(t.Context(), curlPath(t), append(append(all, arguments...), address)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		t.Logf("curl %s: %s", address, fault.String())
		return reply{}, ended.ExitCode()
	case err != nil:
		t.Fatalf("run curl: %v", err)
	}
	at := strings.LastIndex(out.String(), "\n")
	body := out.String()[:max(at, 0)]
	if got.status, err = strconv.Atoi(out.String()[at+1:]); err != nil {
		t.Fatalf("curl %s says %q", address, out.String())
	}
	if body != "" {
		if err := json.Unmarshal([]byte(body), &got.said); err != nil {
			t.Fatalf("%s answers %q: %v", address, body, err)
		}
	}
	return got, 0
}

// ask sends one request that must be answered.
func (s *tlsSite) ask(t testing.TB, as *certificate, address string, arguments ...string) reply {
	t.Helper()
	got, exit := s.curl(t, as, address, arguments...)
	if exit != 0 {
		t.Fatalf("curl %s ended with %d", address, exit)
	}
	return got
}

// tlsSite is a server that ends TLS itself, and the applications that have certificates.
type tlsSite struct {
	*server.Server
	own, job, other, self *certificate // the server's; of one authority; the application's own
	browsers, aliases     said         // the addresses for browsers, and for who has a certificate
}

func deployTLS(t testing.TB) *tlsSite {
	t.Helper()
	authority := issue(t, nil, x509.ExtKeyUsageAny, "authority.example")
	s := &tlsSite{
		own: issue(t, nil, x509.ExtKeyUsageServerAuth, "localhost", "mtls.localhost"), job: issue(t, authority, x509.ExtKeyUsageClientAuth, "job.example"),
		other: issue(t, authority, x509.ExtKeyUsageClientAuth, "other.example"), self: issue(t, nil, x509.ExtKeyUsageClientAuth, "self.example"),
	}
	seed := `  - {client_id: certified-job, client_name: Job, token_endpoint_auth_methods: [tls_client_auth], tls_client_auth_san_dns: job.example,
     tls_client_certificate_bound_access_tokens: true, grant_types: [client_credentials], scopes: [api.read]}
  - {client_id: self-job, client_name: Job, token_endpoint_auth_methods: [self_signed_tls_client_auth], jwks: ` + s.self.jwks() + `,
     tls_client_certificate_bound_access_tokens: true, grant_types: [client_credentials], scopes: [api.read]}
  - {client_id: self-app, client_name: App, token_endpoint_auth_methods: [self_signed_tls_client_auth], jwks: ` + s.self.jwks() + `,
     tls_client_certificate_bound_access_tokens: true, redirect_uris: ["http://127.0.0.1/callback"], grant_types: [authorization_code, refresh_token], scopes: [openid, email, offline_access]}
`
	s.Server = server.Start(t, server.Issuer("https://localhost:PORT"), server.Set("E2E_APP_SECRET", appSecret), server.Seed(strings.Replace((&site{}).seed(), "users:\n", seed+"users:\n", 1)),
		server.Set("IDP_TLS__CERT_FILE", s.own.certFile), server.Set("IDP_TLS__KEY_FILE", s.own.keyFile), server.Set("IDP_MTLS__CERTIFICATES", "tls"),
		server.Set("IDP_MTLS__CA_FILE", authority.certFile), server.Set("IDP_MTLS__URL", "https://mtls.localhost:PORT"))
	s.browsers = s.ask(t, nil, s.Issuer+"/.well-known/openid-configuration").said
	s.aliases = s.browsers.object("mtls_endpoint_aliases")
	if s.aliases.text("token_endpoint") == "" {
		t.Fatal("discovery has no mtls_endpoint_aliases")
	}
	return s
}

// form returns curl's arguments for a form.
func form(pairs ...string) (arguments []string) {
	for i := 0; i < len(pairs); i += 2 {
		arguments = append(arguments, "--data-urlencode", pairs[i]+"="+pairs[i+1])
	}
	return arguments
}

func TestCurl_ClientsThatProveThemselvesByCertificate(t *testing.T) { // RFC 8705 §2.1, §2.2, §3.2, §5
	t.Parallel()
	s := deployTLS(t)
	token, introspection := s.aliases.text("token_endpoint"), s.aliases.text("introspection_endpoint")
	for client, its := range map[string]*certificate{"certified-job": s.job, "self-job": s.self} {
		asking := form("grant_type", "client_credentials", "scope", "api.read", "client_id", client)
		got := s.ask(t, its, token, asking...)
		access := got.text("access_token")
		if got.status != http.StatusOK || access == "" {
			t.Errorf("%s with its certificate: %d %v", client, got.status, got.said)
			continue
		}
		for name, wrong := range map[string]*certificate{"no certificate": nil, "another's certificate": s.other} {
			if got := s.ask(t, wrong, token, asking...); got.status != http.StatusUnauthorized || got.text("error") != "invalid_client" {
				t.Errorf("%s with %s: %d %v, want invalid_client", client, name, got.status, got.said)
			}
			if got := s.ask(t, wrong, introspection, form("token", access, "client_id", client)...); got.status != http.StatusUnauthorized || got.text("error") != "invalid_client" {
				t.Errorf("%s introspects with %s: %d %v, want invalid_client", client, name, got.status, got.said)
			}
		}
		told := s.ask(t, its, introspection, form("token", access, "client_id", client)...)
		if told.said["active"] != true || told.object("cnf").text("x5t#S256") != its.thumbprint() {
			t.Errorf("introspection of the token of %s: %v, want it active and bound to the certificate", client, told.said)
		}
		// Browsers' addresses ask for no certificate, so there it is as if there were none.
		if got := s.ask(t, its, s.browsers.text("token_endpoint"), asking...); got.status != http.StatusUnauthorized {
			t.Errorf("%s at the address without certificates: %d, want 401", client, got.status)
		}
	}
}

func TestCurl_TokenServesOnlyWithTheCertificate(t *testing.T) { // RFC 8705 §3
	t.Parallel()
	s := deployTLS(t)
	u, redirectURI := someone(t), landing(t)
	p := visitor(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(s.own.leaf)
	p.HTTP.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	verifier := strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	g := p.open(s.browsers.text("authorization_endpoint") + "?" + url.Values{
		"client_id": {"self-app"}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid email offline_access"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()).login(u).submit("allow")
	exchange := form("grant_type", "authorization_code", "code", g.URL.Query().Get("code"), "redirect_uri", redirectURI, "client_id", "self-app", "code_verifier", verifier)
	token, userInfo := s.aliases.text("token_endpoint"), s.aliases.text("userinfo_endpoint")
	if got := s.ask(t, s.other, token, exchange...); got.status != http.StatusUnauthorized {
		t.Errorf("a stolen code with another certificate: %d %v, want 401", got.status, got.said)
	}
	got := s.ask(t, s.self, token, exchange...)
	if got.status != http.StatusOK {
		t.Fatalf("the code with the certificate: %d %v", got.status, got.said)
	}
	bearer := []string{"--header", "Authorization: Bearer " + got.text("access_token")}
	if info := s.ask(t, s.self, userInfo, bearer...); info.status != http.StatusOK || info.text("email") != u.Email {
		t.Errorf("UserInfo with the certificate: %d %v, want %s", info.status, info.said, u.Email)
	}
	for name, wrong := range map[string]*certificate{"no certificate": nil, "another certificate": s.other} {
		if info := s.ask(t, wrong, userInfo, bearer...); info.status != http.StatusUnauthorized {
			t.Errorf("UserInfo with %s: %d, want 401", name, info.status)
		}
	}
	refresh := form("grant_type", "refresh_token", "refresh_token", got.text("refresh_token"), "client_id", "self-app")
	if got := s.ask(t, s.other, token, refresh...); got.status != http.StatusUnauthorized {
		t.Errorf("refresh with another certificate: %d %v, want 401", got.status, got.said)
	}
	if got := s.ask(t, s.self, token, refresh...); got.status != http.StatusOK || got.text("access_token") == "" {
		t.Errorf("refresh with the certificate: %d %v", got.status, got.said)
	}
}

func TestCurl_OnlyStrongTLS(t *testing.T) { // RFC 9325 §4.2, FAPI 2.0 Security Profile §5.2.1
	t.Parallel()
	s := deployTLS(t)
	at := s.Issuer + "/.well-known/openid-configuration"
	const handshakeFailed = 35 // curl(1), EXIT CODES
	for _, c := range []struct {
		version, suite string
		want           int
	}{
		{"1.3", "", 0},
		{"1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0},
		{"1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", 0},
		{"1.2", "ECDHE-ECDSA-AES128-SHA256", handshakeFailed}, // CBC
		{"1.2", "ECDHE-ECDSA-AES128-SHA", handshakeFailed},
		{"1.2", "ECDHE-ECDSA-AES256-SHA", handshakeFailed},
		{"1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", handshakeFailed}, // good, but not among FAPI's
		{"1.1", "DEFAULT@SECLEVEL=0", handshakeFailed},
	} {
		arguments := []string{"--tlsv" + c.version, "--tls-max", c.version}
		if c.suite != "" {
			arguments = append(arguments, "--ciphers", c.suite)
		}
		if _, exit := s.curl(t, nil, at, arguments...); exit != c.want {
			t.Errorf("TLS %s %s: curl ended with %d, want %d", c.version, c.suite, exit, c.want)
		}
	}
}
