package main

import (
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
			scheme, verify := "http://", (*tls.Config)(nil)
			if endsTLS(c) {
				if verify, err = healthTLS(c); err != nil {
					return err
				}
				scheme = "https://"
			}
			if err := checkHealth(cmd.Context(), scheme+address+"/healthz", verify); err != nil {
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

// healthTLS expects the certificate that the server was given, whatever name the address has.
func healthTLS(c *config.Config) (*tls.Config, error) {
	roots, err := authorities("tls.cert_file", c.TLS.CertFile)
	if err != nil {
		return nil, err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: issuer.Hostname()}, nil
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
	case err != nil:
		return fmt.Errorf("no server at %s: %w; start it, or check the setting listen", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d instead of 200: another program may have the port, see the setting listen", address, resp.StatusCode)
	}
	return nil
}
