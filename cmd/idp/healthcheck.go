package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
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
			if err := checkHealth(cmd.Context(), "http://"+address+"/healthz"); err != nil {
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

// checkHealth asks for url once. Neither a proxy of the environment nor a redirect may answer in the server's place.
func checkHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s within %s: the server hangs, or the machine is overloaded", url, healthcheckTimeout)
	case err != nil:
		return fmt.Errorf("no server at %s: %w; start it, or check the setting listen", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d instead of 200: another program may have the port, see the setting listen", url, resp.StatusCode)
	}
	return nil
}
