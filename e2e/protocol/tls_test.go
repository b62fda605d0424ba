package protocol

// TLS that this server ends: what it speaks, how its certificate changes while it runs, and how it is asked for its health.

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestTLS_OffersModernVersionsAndSuitesAlone(t *testing.T) { // RFC 9325 §3.1.1, §4.2; FAPI 2.0 Security Profile §5.2.1; protocol.md §3.7
	t.Parallel()
	a, folder := newAuthority(t), t.TempDir()
	s := secured(t, a, folder)
	for name, tc := range map[string]struct {
		low, high uint16
		suites    []uint16
		ok        bool
	}{
		"TLS 1.3":         {tls.VersionTLS13, tls.VersionTLS13, nil, true},
		"1.2 AES-128-GCM": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, true},
		"1.2 AES-256-GCM": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}, true},
		"1.2 ChaCha20":    {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, false},
		"1.2 CBC":         {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, false},
		"TLS 1.1":         {tls.VersionTLS10, tls.VersionTLS11, nil, false},
	} {
		conn, err := tls.Dial("tcp", s.Address, &tls.Config{RootCAs: a.pool(), ServerName: "localhost", MinVersion: tc.low, MaxVersion: tc.high, CipherSuites: tc.suites})
		if (err == nil) != tc.ok {
			t.Errorf("%s: got %v, want connected %v", name, err, tc.ok)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// shownAt returns the serial number of the certificate that the server shows.
func (s *site) shownAt(t *testing.T, a *authority) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Address, &tls.Config{RootCAs: a.pool(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestTLS_CertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	a, folder := newAuthority(t), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// As Kubernetes mounts a secret: tls.crt -> ..data/tls.crt, ..data -> a folder for each version.
	version := func(name string) string {
		t.Helper()
		into := filepath.Join(folder, name)
		must(os.Mkdir(into, 0o700))
		a.host(into, "localhost")
		return into
	}
	swap := func(name string) {
		t.Helper()
		must(os.Symlink(name, filepath.Join(folder, "..data_tmp")))
		must(os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
	}
	version("..1")
	swap("..1")
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
	}
	s := server.Start(t, server.Issuer("https://localhost:PORT"), server.Set("IDP_TLS__CERT_FILE", filepath.Join(folder, "tls.crt")), server.Set("IDP_TLS__KEY_FILE", filepath.Join(folder, "tls.key")))
	our := (&site{Server: s}).over(t, a, nil)
	before := our.shownAt(t, a)
	changed := func(what string) {
		t.Helper()
		eventually(t, 10*time.Second, what+": the new certificate is shown", func() bool { return our.shownAt(t, a) != before })
		before = our.shownAt(t, a)
		s.Run(t, "healthcheck")
	}

	version("..2")
	swap("..2")
	must(os.RemoveAll(filepath.Join(folder, "..1")))
	changed("the link was swapped")

	fresh := filepath.Join(t.TempDir(), "fresh")
	must(os.Mkdir(fresh, 0o700))
	a.host(fresh, "localhost")
	must(os.Rename(filepath.Join(fresh, "tls.crt"), filepath.Join(folder, "tls.crt")))
	eventually(t, 10*time.Second, "the certificate without its key is in the log", func() bool {
		if got := our.shownAt(t, a); got != before {
			t.Fatalf("certificate %d is shown before its key came, want the old one, %d", got, before)
		}
		return strings.Contains(s.Log(), "the new TLS certificate cannot be used: the old one stays")
	})
	s.Run(t, "healthcheck") // alive, though it would not start again
	must(os.Rename(filepath.Join(fresh, "tls.key"), filepath.Join(folder, "tls.key")))
	changed("the key was renamed into place")

	a.host(folder, "localhost")
	changed("the files were written over")
	if n := strings.Count(s.Log(), "TLS certificate read again"); n < 3 {
		t.Errorf("the log tells of %d new certificates, want 3", n)
	}
}

func TestTLS_HealthcheckKnowsACertificateThatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	nameless := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "idp"}})
	key, err := x509.MarshalPKCS8PrivateKey(nameless.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(folder, "tls.key"), "PRIVATE KEY", key)
	writePEM(t, filepath.Join(folder, "tls.crt"), "CERTIFICATE", nameless.Certificate[0])
	s := server.Start(t, server.Issuer("https://localhost:PORT"), server.Set("IDP_TLS__CERT_FILE", filepath.Join(folder, "tls.crt")), server.Set("IDP_TLS__KEY_FILE", filepath.Join(folder, "tls.key")))
	s.Run(t, "healthcheck")
}
