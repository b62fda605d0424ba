package deploy_test

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
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.CleanUp(); err != nil {
		fmt.Println("--- FAIL: clean up:", err)
		code = 1
	}
	os.Exit(code)
}

// TestProxies_LetClientsSignInByCertificate does what the examples say under "Applications with certificates", to the letter, and signs in through them.
func TestProxies_LetClientsSignInByCertificate(t *testing.T) { // RFC 8705 §2.1, §2.2, §6.5; RFC 9440 §4
	t.Parallel()
	for name, start := range map[string]func(*testing.T, stage, string) *exec.Cmd{
		"nginx": func(t *testing.T, s stage, site string) *exec.Cmd {
			return nginxWith(t, s, withCertificates(t, site, "server {\n    listen 443", "\n}\n"))
		},
		"caddy": func(t *testing.T, s stage, site string) *exec.Cmd {
			return caddyWith(t, s, withCertificates(t, site, "id.example.com {", "\n}\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program(t, name)
			folder := t.TempDir()
			authority := newPair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
			forClients := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			job := newPair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "job"}, DNSNames: []string{"job.example"}, ExtKeyUsage: forClients}, authority)
			expired := newPair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "job"}, DNSNames: []string{"job.example"}, ExtKeyUsage: forClients, NotAfter: time.Now().Add(-time.Minute)}, authority)
			self := newPair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "self"}}, nil)
			other := newPair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "other"}}, nil)
			ca := filepath.Join(folder, "ca.pem")
			if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Leaf.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: self.Leaf.PublicKey, Certificates: []*x509.Certificate{self.Leaf}}}})
			if err != nil {
				t.Fatal(err)
			}
			const rest = "    grant_types: [client_credentials]\n    scopes: [api.read]\n"
			idp := server.Start(
				t, server.Issuer("https://id.example"), server.Set("IDP_TRUSTED_PROXIES", "127.0.0.1,::1"), server.Set("IDP_MTLS__CERTIFICATES", "header"),
				server.Set("IDP_MTLS__URL", "https://mtls.id.example"), server.Set("IDP_MTLS__CA_FILE", ca),
				server.Seed("clients:\n"+
					"  - client_id: job\n    client_name: Job\n    token_endpoint_auth_methods: [tls_client_auth]\n    tls_client_auth_san_dns: job.example\n"+rest+
					"  - client_id: self\n    client_name: Self\n    token_endpoint_auth_methods: [self_signed_tls_client_auth]\n    jwks: "+string(keys)+"\n"+rest),
			)
			s := stage{folder: folder, backend: idp.Address, tls: freeAddress(t), plain: freeAddress(t)}
			s.cert, s.key = certificate(t, s.folder)
			run(t, start(t, s, name), s.tls)

			ask := func(host, id string, shown, forged *tls.Certificate) (int, string) {
				t.Helper()
				config := &tls.Config{InsecureSkipVerify: true, ServerName: host} //nolint:gosec // the example's certificate is made here
				if shown != nil {
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
				}
				client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, s.tls)
				}}}
				form := url.Values{"client_id": {id}, "grant_type": {"client_credentials"}, "scope": {"api.read"}}
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+"/oauth2/token", strings.NewReader(form.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if forged != nil {
					request.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(forged.Leaf.Raw)+":")
					request.Header.Set("Client-Cert-Chain", ":"+base64.StdEncoding.EncodeToString(forged.Leaf.Raw)+":")
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatalf("ask through %s: %v", name, err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response.StatusCode, string(body)
			}
			const mtls, public = "mtls.id.example.com", "id.example.com"
			for _, c := range []struct {
				what, host, id string
				shown, forged  *tls.Certificate
				ok             bool
			}{
				{"an authority's certificate", mtls, "job", job, nil, true},
				{"a self-signed certificate", mtls, "self", self, nil, true},
				{"another certificate", mtls, "self", other, nil, false},
				{"an unknown authority's", mtls, "job", other, nil, false},
				{"one that has expired", mtls, "job", expired, nil, false},
				{"no certificate", mtls, "self", nil, nil, false},
				{"a forged header", mtls, "self", nil, self, false},
				{"a forged header beside another certificate", mtls, "self", other, self, false},
				{"a forged header beside the right one", mtls, "self", self, other, true},
				{"a forged header at the issuer", public, "self", nil, self, false},
				{"a certificate at the issuer, where nobody asks for one", public, "self", self, nil, false},
			} {
				status, body := ask(c.host, c.id, c.shown, c.forged)
				if c.ok != (status == http.StatusOK) || !c.ok && !strings.Contains(body, "invalid_client") && (c.shown != expired || !strings.Contains(body, "The SSL certificate error")) {
					t.Errorf("%s: got %d %s, want a token %v", c.what, status, body, c.ok)
				}
			}
		})
	}
}

// withCertificates returns an example with the second copy that its comment asks for: the block that begins and ends so, for the other name, with the
// comment's two lines.
func withCertificates(t *testing.T, name, begin, end string) string {
	t.Helper()
	site := read(t, map[string]string{"nginx": "nginx.conf", "caddy": "Caddyfile"}[name])
	var lines []string
	for _, found := range regexp.MustCompile(`(?m)^#mtls (.*)$`).FindAllStringSubmatch(site, -1) {
		lines = append(lines, found[1])
	}
	from := strings.Index(site, "\n"+begin)
	if len(lines) < 2 || from < 0 {
		t.Fatalf("%s: %d lines for certificates, want some, and a block that begins with %q at %d", name, len(lines), begin, from)
	}
	block := site[from:]
	block = block[:strings.Index(block, end)+len(end)]
	directive, header := strings.Join(lines[:len(lines)-1], "\n"), lines[len(lines)-1]
	second := regexp.MustCompile(`(proxy_set_header Client-Cert +"";|header_up -Client-Cert)\n`).ReplaceAllLiteralString(block, header+"\n")
	if second == block {
		t.Fatalf("%s: no line takes Client-Cert away", name)
	}
	second = strings.NewReplacer("server_name id.", "server_name mtls.id.", "\nid.example.com {", "\nmtls.id.example.com {").Replace(second)
	first := strings.Index(second, "{") + 1
	return site + second[:first] + "\n" + directive + second[first:]
}

// newPair issues a certificate, signed by itself if there is no authority.
func newPair(t *testing.T, template *x509.Certificate, authority *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(2), time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	issuer, signer := template, key
	if authority != nil {
		issuer, signer = authority.Leaf, authority.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
