package protocol

// RFC 8705 §3, §4: tokens that are bound to certificates, which a proxy passes on (RFC 9440).

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"idp/e2e/server"
)

// newCertificate returns a certificate that nobody vouches for, in DER.
func newCertificate(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	return der
}

// presenting sends a certificate as a proxy does that has ended TLS.
func presenting(as auth, der []byte) auth {
	return func(header http.Header, form url.Values) {
		as(header, form)
		header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(der)+":")
	}
}

func TestMTLS_TokensAreBoundToTheCertificate(t *testing.T) { // RFC 8705 §3, §3.1, §3.2, §3.3, §4; protocol.md §3.7
	t.Parallel()
	s := start(t, server.Set("IDP_MTLS__CERTIFICATES", "header"), server.Set("IDP_TRUSTED_PROXIES", "127.0.0.0/8,::1/128"))
	if s.meta["tls_client_certificate_bound_access_tokens"] != true {
		t.Errorf("tls_client_certificate_bound_access_tokens is %v", s.meta["tls_client_certificate_bound_access_tokens"])
	}
	one, two := newCertificate(t), newCertificate(t)
	sum := sha256.Sum256(one)
	ask := func(token string, der []byte) *answer {
		req := newRequest(t, http.MethodGet, s.endpoint(t, "userinfo_endpoint"), nil)
		if der != nil {
			presenting(nobody, der)(req.Header, nil)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return s.call(t, req)
	}
	for _, c := range []server.Client{server.CertBound(), server.CertPublic()} {
		g := s.browser(t).az(c, "scope", "openid offline_access").through(s.user(t)).wantCode()
		pairs := []string{"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect}
		if g.verifier != "" {
			pairs = append(pairs, "code_verifier", g.verifier)
		}
		s.token(t, usual(c), pairs...).wantError(http.StatusBadRequest, "invalid_request")
		got := s.token(t, presenting(usual(c), one), pairs...).tokens()
		if cnf, _ := s.verify(t, got.access).claims["cnf"].(map[string]any); cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s: cnf %v, want the certificate's thumbprint", c.ID, cnf)
		}
		ask(got.access, one).want(http.StatusOK)
		ask(got.access, two).want(http.StatusUnauthorized)
		ask(got.access, nil).want(http.StatusUnauthorized)
		refresh := []string{"grant_type", "refresh_token", "refresh_token", got.refresh}
		s.token(t, usual(c), refresh...).wantError(http.StatusBadRequest, "invalid_request", "invalid_grant")
		if c.Secret == "" { // nothing else protects it
			s.token(t, presenting(usual(c), two), refresh...).wantError(http.StatusBadRequest, "invalid_grant")
			s.token(t, presenting(usual(c), one), refresh...).tokens()
			continue
		}
		if cnf, _ := s.introspect(t, c, got.access).wantActive(true).json["cnf"].(map[string]any); cnf["x5t#S256"] == nil {
			t.Errorf("introspection says cnf %v", cnf)
		}
	}
}
