package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idp/internal/config"
)

// writePair writes a certificate that has no name, has expired and vouches for itself, with its key.
func writePair(t *testing.T, folder string, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestCertificateFiles_AFaultIsLoggedOnceAndTriedAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var lines bytes.Buffer
	f := &certificateFiles{cert: filepath.Join(folder, "tls.crt"), key: filepath.Join(folder, "tls.key"), logger: slog.New(slog.NewTextHandler(&lines, nil))}
	writePair(t, folder, 1)
	if err := f.load(f.stamp()); err != nil {
		t.Fatal(err)
	}
	shown := func() int64 {
		f.looked = time.Time{}
		c, err := f.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.Int64()
	}
	writePair(t, folder, 2)
	good, err := os.ReadFile(f.key)
	if err != nil {
		t.Fatal(err)
	}
	when := time.Now()
	put := func(text []byte) { // one stamp whatever is in it, as with a file whose permissions change
		t.Helper()
		if err := errors.Join(os.WriteFile(f.key, text, 0o600), os.Chtimes(f.key, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	put(bytes.Repeat([]byte("x"), len(good)))
	for range 3 {
		if got := shown(); got != 1 {
			t.Errorf("a broken key: certificate %d is shown, want the old one, 1", got)
		}
	}
	if n := strings.Count(lines.String(), "cannot be used: the old one stays"); n != 1 {
		t.Errorf("the fault was logged %d times, want once:\n%s", n, lines.String())
	}
	put(good)
	if got := shown(); got != 2 {
		t.Errorf("mended: certificate %d is shown, want the new one, 2", got)
	}
}

func TestHealthcheck_TakesTheConfiguredCertificateAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	c := &config.Config{Issuer: "https://id.example.com", TLS: config.TLS{CertFile: filepath.Join(folder, "tls.crt"), KeyFile: filepath.Join(folder, "tls.key")}}
	mine := writePair(t, folder, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are broken off
	srv.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &mine, nil }}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	var said bytes.Buffer
	ask := func() error {
		said.Reset()
		return askHealth(context.Background(), newApp(nil, nil, &said, &said), c, srv.Listener.Addr().String())
	}
	if err := ask(); err != nil || said.Len() > 0 {
		t.Errorf("the certificate of the file, signed by itself, without names, expired: got %v, said %q", err, said.String())
	}
	writePair(t, folder, 2)
	if err := ask(); !errors.Is(err, errOtherCertificate) {
		t.Errorf("another certificate: got %v, want %v", err, errOtherCertificate)
	}
	if err := os.WriteFile(c.TLS.KeyFile, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil || !strings.Contains(said.String(), "would not start again") {
		t.Errorf("a pair that does not fit: got %v, said %q, want it alive with a warning", err, said.String())
	}
}
