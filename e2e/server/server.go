package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"idp/internal/store/storetest"
)

// patience is how long a server may take to become ready or to stop. It is long because several test processes share a
// small machine.
const patience = 60 * time.Second

// Server is one running process of the binary under test.
type Server struct {
	Issuer      string // as configured
	Address     string // host:port that it listens on
	OpsURL      string
	DataDir     string
	DatabaseURL string

	Crowd int // how many of the interchangeable users there are

	fromNothing bool
	keyring     string
	seed        string
	set         map[string]string
	flags       []string
	cmd         *exec.Cmd
	done        chan struct{} // closed when the process has ended
	out         *output
}

// Option changes how a server is started.
type Option func(*Server)

// Issuer sets the issuer; PORT in it stands for the public port. The default is http://localhost:PORT.
func Issuer(url string) Option { return func(s *Server) { s.Issuer = url } }

// Set gives a setting by its environment variable; :PORT in it stands for the public port.
func Set(name, value string) Option { return func(s *Server) { s.set[name] = value } }

// Flag starts the server with a flag, such as --dev: a setting that nothing else can give.
func Flag(text string) Option { return func(s *Server) { s.flags = append(s.flags, text) } }

// RealHashing hashes passwords as a server does that was told nothing.
func RealHashing() Option {
	return func(s *Server) {
		Set("IDP_PASSWORD__MEMORY", "19MiB")(s)
		Set("IDP_PASSWORD__ITERATIONS", "2")(s)
	}
}

// Seed replaces the text of seed.yaml.
func Seed(text string) Option { return func(s *Server) { s.seed = text } }

// Database uses a database that exists already, for replicas and for a PostgreSQL that the test stops.
func Database(url string) Option { return func(s *Server) { s.DatabaseURL = url } }

// SQLite uses a SQLite file in the data folder, whatever engine the tests run on.
func SQLite() Option {
	return func(s *Server) { s.DatabaseURL = "sqlite:" + s.sqliteFile() }
}

// Keyring uses a key ring that exists already, for replicas.
func Keyring(path string) Option { return func(s *Server) { s.keyring = path } }

// Engine returns the engine that the tests run on.
func Engine() string {
	if engine := os.Getenv("IDP_TEST_ENGINE"); engine != "" {
		return engine
	}
	return "sqlite"
}

// Start starts a server of the test's own and returns when it is ready.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := prepare(t, options...)
	if err := s.start(t); err != nil {
		t.Fatalf("start idp serve: %v\n%s", err, s.out.Tail())
	}
	return s
}

// Refuse starts a server that must not come up, and returns its exit code and what it wrote.
func Refuse(t testing.TB, options ...Option) (code int, said string) {
	t.Helper()
	s := prepare(t, options...)
	if err := s.launch(t); err != nil {
		t.Fatalf("start idp serve: %v", err)
	}
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode(), s.out.String()
	case <-time.After(patience):
		s.Kill()
		t.Fatalf("the server still runs after %s, want it to refuse to start\n%s", patience, s.out.Tail())
		return 0, ""
	}
}

// Shared returns the server that IDP_E2E_URL names, or starts one.
func Shared(t testing.TB, options ...Option) *Server {
	t.Helper()
	url := os.Getenv("IDP_E2E_URL")
	if url == "" {
		return Start(t, append([]Option{func(s *Server) { s.Crowd, s.seed = CrowdSize, seedText }}, options...)...)
	}
	return &Server{Issuer: strings.TrimSuffix(url, "/"), Crowd: CrowdSize, out: &output{}}
}

// foreign reports whether somebody else started the server.
func (s *Server) foreign() bool { return s.DataDir == "" }

func prepare(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{Issuer: "http://localhost:PORT", DataDir: t.TempDir(), Crowd: ownCrowd, seed: withCrowd(ownCrowd), set: map[string]string{}, out: &output{}}
	usual := s.seed
	for _, option := range options {
		option(s)
	}
	if !s.fromNothing && s.DatabaseURL == "" && s.keyring == "" && s.seed == usual && len(s.flags) == 0 {
		s.begin(t)
	}
	if s.DatabaseURL == "" {
		switch Engine() {
		case "sqlite":
			SQLite()(s)
		case "postgres":
			s.DatabaseURL = storetest.EmptyPostgres(t)
		default:
			t.Fatalf("IDP_TEST_ENGINE is %q, want sqlite or postgres", Engine())
		}
	}
	if s.keyring == "" {
		s.keyring = filepath.Join(s.DataDir, "keyring")
		secret := make([]byte, 32)
		rand.Read(secret)
		write(t, s.keyring, "k1:"+base64.StdEncoding.EncodeToString(secret)+"\n")
	}
	seedFile := filepath.Join(s.DataDir, "seed.yaml")
	write(t, seedFile, s.seed)
	writeSecrets(t, s.DataDir)

	port, ops := freePort(t), freePort(t)
	s.Issuer = strings.ReplaceAll(s.Issuer, "PORT", strconv.Itoa(port))
	for name, value := range s.set {
		s.set[name] = strings.ReplaceAll(value, ":PORT", ":"+strconv.Itoa(port))
	}
	s.Address = net.JoinHostPort("localhost", strconv.Itoa(port))
	s.OpsURL = "http://" + net.JoinHostPort("localhost", strconv.Itoa(ops))
	for name, value := range map[string]string{
		"IDP_ISSUER": s.Issuer, "IDP_LISTEN": s.Address, "IDP_OPS_LISTEN": strings.TrimPrefix(s.OpsURL, "http://"),
		"IDP_DATA_DIR": s.DataDir, "IDP_DATABASE_URL": s.DatabaseURL, "IDP_KEYRING_FILE": s.keyring, "IDP_SEED_FILE": seedFile,
		// Debug, because the tests search the log for secrets, and a level that nobody searches is where they hide.
		"IDP_LOG_FORMAT": "json", "IDP_LOG_LEVEL": "debug",
		// Every test signs in from one address.
		"IDP_THROTTLE__PER_ADDRESS": "100000",
		"IDP_THROTTLE__STARTS":      "1000000",
		"IDP_THROTTLE__PUSHED":      "1000000",
		"IDP_SHUTDOWN_DELAY":        "0s",
		// A thousand tests sign in, and few of them are about the hash.
		"IDP_PASSWORD__MEMORY": "64KiB", "IDP_PASSWORD__ITERATIONS": "1",
	} {
		if _, given := s.set[name]; !given {
			s.set[name] = value
		}
	}
	t.Cleanup(s.Kill)
	return s
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write %s: %v", filepath.Base(path), err)
	}
}

// freePort finds a port that nobody listens on, and keeps it for this server until the test ends: dozens of servers start at once, in several
// processes, and two that took one port would answer for each other. The UDP port of the same number, which nobody uses, stands for it
// while the server does not listen yet. Ports that the kernel gives to outgoing connections are none of these.
func freePort(t testing.TB) int {
	t.Helper()
	var err error
	for range 200 {
		port := 10_000 + mathrand.IntN(20_000)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		var kept net.PacketConn
		if kept, err = net.ListenPacket("udp", address); err != nil {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			_ = kept.Close()
			continue
		}
		_ = l.Close() // it was only to know
		t.Cleanup(func() { _ = kept.Close() })
		return port
	}
	t.Fatalf("find a free port: %v", err)
	return 0
}

// environment is the process's whole environment: nothing of the tester's own settings gets in.
func (s *Server) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.DataDir}
	for name, value := range s.set {
		env = append(env, name+"="+value)
	}
	return env
}

func (s *Server) launch(t testing.TB) error {
	cmd := exec.Command(Binary(t), append([]string{"serve"}, s.flags...)...)
	cmd.Env = s.environment()
	cmd.Dir = s.DataDir
	cmd.Stdout, cmd.Stderr = s.out, s.out
	cmd.SysProcAttr = leash()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		_ = cmd.Wait() // the exit code is in ProcessState
		close(done)
	}()
	return nil
}

func (s *Server) start(t testing.TB) error {
	if err := s.launch(t); err != nil {
		return err
	}
	deadline := time.After(patience)
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		if s.ready() {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended with code %d before it was ready", s.cmd.ProcessState.ExitCode())
		case <-deadline:
			s.Kill()
			return fmt.Errorf("it was not ready after %s", patience)
		case <-pause.C:
		}
	}
}

func (s *Server) ready() bool {
	client := http.Client{Timeout: 2 * time.Second}
	res, err := client.Get(s.OpsURL + "/readyz")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Log returns everything that the process has written so far, over all restarts.
func (s *Server) Log() string { return s.out.String() }

// Running reports whether the process lives.
func (s *Server) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Hangup sends the process a SIGHUP.
func (s *Server) Hangup(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatalf("send SIGHUP: %v", err)
	}
}

// Kill ends the process as a crash would, and waits for its end.
func (s *Server) Kill() {
	if s.Running() {
		_ = s.cmd.Process.Kill() // it may have ended in between
		<-s.done
	}
}

// Stop asks the process to stop, waits, and returns its exit code.
func (s *Server) Stop(t testing.TB) int {
	t.Helper()
	if !s.Running() {
		t.Fatal("stop the server: it does not run")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("stop the server: %v", err)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		s.Kill()
		t.Fatalf("the server did not stop within %s of SIGTERM\n%s", patience, s.out.Tail())
	}
	return s.cmd.ProcessState.ExitCode()
}

// Restart starts the server again on the same data, after Stop, Kill, or its own end.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	if err := s.start(t); err != nil {
		t.Fatalf("restart idp serve: %v\n%s", err, s.out.Tail())
	}
}

// Run runs the command line with the server's settings and returns what it wrote to stdout; a failure ends the test.
func (s *Server) Run(t testing.TB, arguments ...string) string {
	t.Helper()
	code, text, said := s.Try(t, arguments...)
	if code != 0 {
		t.Fatalf("idp %s: exit code %d\n%s%s", strings.Join(arguments, " "), code, text, said)
	}
	return text
}

// Try is Run for a command that may fail: it returns the exit code, and what was written to stdout and stderr.
func (s *Server) Try(t testing.TB, arguments ...string) (code int, text, said string) {
	t.Helper()
	if s.foreign() && os.Getenv("IDP_E2E_TOKEN_FILE") == "" {
		t.Fatalf("idp %s: the server was not started by this test; with IDP_E2E_TOKEN_FILE, an administrator's access token, the command goes over its API", strings.Join(arguments, " "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t), arguments...)
	cmd.Env, cmd.Dir = s.environment(), s.DataDir
	if s.foreign() {
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "IDP_URL=" + s.Issuer, "IDP_TOKEN_FILE=" + os.Getenv("IDP_E2E_TOKEN_FILE")}
	}
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("idp %s: %v", strings.Join(arguments, " "), err)
	}
	return cmd.ProcessState.ExitCode(), string(out), errText.String()
}
