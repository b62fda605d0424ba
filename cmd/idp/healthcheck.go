package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/config"
)

const healthcheckTimeout = 2 * time.Second

func newHealthcheckCmd(a *app) *cobra.Command {
	return a.withConfig(&cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on this machine whether it is alive; for containers without a shell",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			address, err := dialAddress(c.Listen)
			if err != nil {
				return err
			}
			if err := askHealth(cmd.Context(), a, c, address); err != nil {
				return err
			}
			a.say("The server at %s is alive.", address)
			return nil
		},
	})
}

// dialAddress returns where to reach a server that listens on addr: one on all interfaces is reached on the loopback one.
func dialAddress(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("listen address %s: %w", addr, err)
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}

// askHealth asks the server at an address, in the way that the settings say it speaks.
func askHealth(ctx context.Context, a *app, c *config.Config, address string) error {
	if !endsTLS(c) {
		return checkHealth(ctx, "http://"+address+"/healthz", nil)
	}
	address = "https://" + address + "/healthz"
	verify, err := healthTLS(a, c)
	if err != nil {
		return err
	}
	err = checkHealth(ctx, address, verify)
	if !errors.Is(err, errOtherCertificate) {
		return err
	}
	// The files may have changed a moment ago: the server looks at them once in lookEvery, and this look counts.
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lookEvery + lookEvery/10):
	}
	if verify, err = healthTLS(a, c); err != nil {
		return err
	}
	return checkHealth(ctx, address, verify)
}

var errOtherCertificate = errors.New("it shows another certificate than tls.cert_file")

// healthTLS takes the certificate of tls.cert_file and no other, whose key the handshake proves. What it says of names and dates is for clients to
// judge: a server whose certificate has expired, or has no name because somebody signed it himself, is alive. A pair that cannot be used is not what
// the server shows, which keeps the one before it: there is nothing to compare with, and to call it dead would have it restarted, and end it.
func healthTLS(a *app, c *config.Config) (*tls.Config, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	pair, broken := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	if broken != nil {
		a.say("Warning: tls.cert_file and tls.key_file: %v. A server that runs keeps the pair it had, and would not start again.", broken)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: issuer.Hostname(),
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter: one certificate, to the byte
		VerifyConnection: func(s tls.ConnectionState) error {
			if broken == nil && !bytes.Equal(s.PeerCertificates[0].Raw, pair.Certificate[0]) {
				return errOtherCertificate
			}
			return nil
		},
	}, nil
}

// checkHealth asks for an address once. Neither a proxy of the environment nor a redirect may answer in the server's place.
func checkHealth(ctx context.Context, address string, verify *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: verify}
	resp, err := transport.RoundTrip(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s within %s: the server hangs, or the machine is overloaded", address, healthcheckTimeout)
	case errors.Is(err, errOtherCertificate):
		return fmt.Errorf("%s: %w: another program may have the port, or the server cannot read the new files, see its log", address, err)
	case err != nil:
		return fmt.Errorf("no server at %s: %w; start it, or check the setting listen", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d instead of 200: another program may have the port, see the setting listen", address, resp.StatusCode)
	}
	return nil
}
