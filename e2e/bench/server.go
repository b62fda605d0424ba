package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is the binary under test, on one database.
type server struct {
	*process
	binary  string
	folder  string
	issuer  string
	address string
	ops     string
	env     []string
	pinned  bool
}

// newServer writes key ring and seed file and chooses ports; start starts.
func newServer(o *options, folder, databaseURL string, users int) (*server, error) {
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	keyring, seed := filepath.Join(folder, "keyring"), filepath.Join(folder, "seed.yaml")
	if err := os.WriteFile(keyring, []byte("k1:"+base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return nil, err
	}
	secretFile := filepath.Join(folder, "client-secret")
	if err := os.WriteFile(secretFile, []byte(clientSecret+"\n"), 0o600); err != nil {
		return nil, err
	}
	private, err := signingKey()
	if err != nil {
		return nil, err
	}
	jwk, err := publicJWK(private)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(seed, seedText(users, secretFile, jwk), 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	ops, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{
		binary: binary, folder: folder, issuer: "http://localhost:" + strconv.Itoa(port), pinned: !o.Unpinned,
		address: "localhost:" + strconv.Itoa(port), ops: "localhost:" + strconv.Itoa(ops),
	}
	s.env = environment("HOME="+folder, "IDP_ISSUER="+s.issuer, "IDP_LISTEN="+s.address, "IDP_OPS_LISTEN="+s.ops, "IDP_DATA_DIR="+folder,
		"IDP_DATABASE_URL="+databaseURL, "IDP_KEYRING_FILE="+keyring, "IDP_LOG_FORMAT=json",
		// Everybody signs in from one address here.
		"IDP_THROTTLE__PER_ADDRESS=100000", "IDP_THROTTLE__STARTS=1000000", "IDP_THROTTLE__PUSHED=10000000", "IDP_SHUTDOWN_DELAY=0s")
	s.env = append(s.env, o.Environment...)
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// start starts the server and returns how long it took until it was ready. The log goes to a file, as a service's does.
func (s *server) start(ctx context.Context, seeded bool) (time.Duration, error) {
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(s.binary, "serve")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.folder, s.env, log, log
	if seeded {
		cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "IDP_SEED_FILE="+filepath.Join(s.folder, "seed.yaml"))
	}
	p, began, err := spawn(cmd, s.pinned, syscall.SIGTERM)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s.binary, err)
	}
	s.process = p
	c := newConn(s.ops)
	defer c.close()
	request := []byte("GET /readyz HTTP/1.1\r\nHost: " + s.ops + "\r\n\r\n")
	deadline := time.After(2 * patience)
	for {
		if a, err := c.send(request); err == nil && a.status == 200 {
			return time.Since(began), nil
		}
		select {
		case <-p.done:
			err = errors.New("it has ended")
		case <-deadline:
			err = errors.New("it is not ready after a minute")
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(500 * time.Microsecond):
			continue
		}
		p.end()
		return 0, fmt.Errorf("%s serve: %w\n%s", s.binary, err, s.logTail())
	}
}

func (s *server) logTail() string {
	text, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
