package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"idp/internal/config"
	"idp/internal/oauth"
)

// lookEvery is how often, at most, a handshake looks whether the certificate's files changed.
const lookEvery = time.Second

// endsTLS reports whether the server speaks https itself.
func endsTLS(c *config.Config) bool { return c.TLS.CertFile != "" }

// secure wraps the public listener where the server ends TLS itself.
func secure(c *config.Config, l net.Listener, logger *slog.Logger) (net.Listener, error) {
	if !endsTLS(c) {
		return l, nil
	}
	files := &certificateFiles{cert: c.TLS.CertFile, key: c.TLS.KeyFile, logger: logger}
	if err := files.load(files.stamp()); err != nil {
		return nil, err
	}
	return tls.NewListener(l, tlsConfig(c, files)), nil
}

// tlsConfig is TLS 1.3, and of 1.2 what has forward secrecy and authenticated encryption (RFC 9325 §4.2, FAPI 2.0 Security Profile §5.2.1). A client's
// certificate is asked for and not verified: that its owner has the key is seen in the handshake, whose it is by package clientauth.
func tlsConfig(c *config.Config, files *certificateFiles) *tls.Config {
	t := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: files.get,
	}
	if c.MTLS.Certificates != "tls" {
		return t
	}
	u, err := url.Parse(c.MTLS.URL)
	if c.MTLS.URL == "" || err != nil {
		t.ClientAuth = tls.RequestClientCert
		return t
	}
	asking := t.Clone()
	asking.ClientAuth = tls.RequestClientCert
	t.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == u.Hostname() {
			return asking, nil
		}
		return nil, nil //nolint:nilnil // crypto/tls: go on with the configuration that there is
	}
	return t
}

// certificateFiles is the server's certificate, read again when its files change. Safe for concurrent use.
type certificateFiles struct {
	cert, key string
	logger    *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	as     fileStamp // of what is loaded, or was tried last
	failed string    // why what was tried last could not be used
	looked time.Time
}

// fileStamp tells one state of the two files from another. Both are seen through symbolic links: Kubernetes swaps one to bring a new pair.
type fileStamp struct{ cert, key os.FileInfo }

func (f *certificateFiles) stamp() fileStamp {
	var s fileStamp
	s.cert, _ = os.Stat(f.cert) // load says why it is not there
	s.key, _ = os.Stat(f.key)
	return s
}

// same compares file numbers too: what an archive brings may have the time of the file before it.
func (s fileStamp) same(old fileStamp) bool {
	return sameFile(s.cert, old.cert) && sameFile(s.key, old.key)
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// get implements tls.Config.GetCertificate. Files that cannot be used, such as a certificate whose key is still on its way, leave the old pair in
// place. They are tried again at each look, because a mended permission changes no stamp, and each fault is logged once.
func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		if s := f.stamp(); f.failed != "" || !s.same(f.as) {
			f.again(s)
		}
	}
	return f.loaded, nil
}

func (f *certificateFiles) again(s fileStamp) {
	err := f.load(s)
	if err == nil {
		f.failed = ""
		f.logger.Info("TLS certificate read again", slog.Time("good_until", f.loaded.Leaf.NotAfter))
		return
	}
	if err.Error() != f.failed {
		f.failed = err.Error()
		f.logger.Error("the new TLS certificate cannot be used: the old one stays", slog.Any("error", err), slog.Time("old_good_until", f.loaded.Leaf.NotAfter))
	}
}

// load reads the files, which have a stamp. The caller holds the lock, or is alone.
func (f *certificateFiles) load(s fileStamp) error {
	f.as = s
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("tls.cert_file and tls.key_file: %w", err)
	}
	f.loaded = &pair
	return nil
}

// mtls returns what the protocol must know about clients' certificates.
func mtls(c *config.Config) (oauth.MTLS, error) {
	m := oauth.MTLS{Accepted: c.MTLS.Certificates != "off", Origin: c.MTLS.URL}
	if !m.Accepted || c.MTLS.CAFile == "" {
		return m, nil
	}
	var err error
	m.Roots, err = authorities("mtls.ca_file", c.MTLS.CAFile)
	return m, err
}

// authorities reads the certificates of a file that a setting names.
func authorities(setting, name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(setting + ": " + name + " holds no certificate in PEM")
	}
	return pool, nil
}
