package config

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// derive fills in the defaults that depend on other settings or on the service manager.
func (l *loader) derive() {
	c := l.c
	if strings.EqualFold(c.OpsListen, "off") {
		c.OpsListen = ""
	}
	issuerSet := c.Issuer != ""
	if c.Listen == "" {
		c.Listen = "localhost:8080"
		if u, err := url.Parse(c.Issuer); issuerSet && err == nil {
			switch {
			case !isLoopback(u.Hostname()):
				c.Listen = ":8080"
			case u.Scheme == "http" && u.Port() != "":
				c.Listen = net.JoinHostPort("localhost", u.Port())
			}
		}
	}
	if !issuerSet {
		if _, port, err := net.SplitHostPort(c.Listen); err == nil {
			c.Issuer = "http://localhost:" + port
		} else {
			c.Issuer = "http://localhost:8080"
		}
	}
	if !c.isSet("shutdown_delay") && !c.IssuerLoopback() {
		c.ShutdownDelay = 3 * time.Second
	}
	if c.ClientDocuments.Trust == "" {
		c.ClientDocuments.Trust = "off"
		if c.MCP {
			c.ClientDocuments.Trust = "approval"
		}
	}
	if !c.isSet("throttle.starts") {
		c.Throttle.Starts = 300
		if c.IssuerLoopback() { // where everybody, and every test run, has one address
			c.Throttle.Starts = 100_000
		}
	}
	if !c.isSet("throttle.pushed") {
		c.Throttle.Pushed = 6000
		if c.IssuerLoopback() {
			c.Throttle.Pushed = 1_000_000
		}
	}
	if c.DataDir == "" {
		// systemd gives several folders separated by colons if the unit asks for several; the first is ours.
		c.DataDir, _, _ = strings.Cut(l.env["STATE_DIRECTORY"], ":")
		if c.DataDir == "" {
			c.DataDir = "idp-data"
		}
	}
	if c.Database.URL == "" {
		c.Database.URL = Secret("sqlite:" + filepath.Join(c.DataDir, "idp.db"))
	}
	if c.KeyringFile == "" {
		credential := filepath.Join(l.env["CREDENTIALS_DIRECTORY"], "keyring")
		switch {
		case l.env["CREDENTIALS_DIRECTORY"] != "" && exists(credential):
			c.KeyringFile = credential
			c.origins["keyring_file"] = "credential keyring"
		case c.SQLite():
			c.KeyringFile = filepath.Join(c.DataDir, "keyring")
		}
	}
}

// SQLite reports whether the database is SQLite, so that this process is the only one.
func (c *Config) SQLite() bool { return strings.HasPrefix(c.Database.URL.Reveal(), "sqlite:") }

// CreateKeyring reports whether a key ring that is not there may be made: with PostgreSQL it may not, because a second replica
// with a ring of its own could not read what the first one wrote.
func (c *Config) CreateKeyring() bool { return c.SQLite() }

// IssuerLoopback reports whether the issuer's host is this machine.
func (c *Config) IssuerLoopback() bool {
	u, err := url.Parse(c.Issuer)
	return err == nil && isLoopback(u.Hostname())
}

// IssuerAt returns the issuer, with the port that the listener at addr really got where the issuer is derived from a listen address
// with port 0.
func (c *Config) IssuerAt(addr net.Addr) string {
	base, derived := strings.CutSuffix(c.Issuer, ":0")
	if tcp, ok := addr.(*net.TCPAddr); derived && ok {
		return base + ":" + strconv.Itoa(tcp.Port)
	}
	return c.Issuer
}

func isLoopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }
