package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// binVariable names the folder of PostgreSQL's programs, as scripts/with-postgres found it.
const binVariable = "IDP_TEST_POSTGRES_BIN"

// Server is a PostgreSQL server of one test's own, which it may stop and start: the shared one serves other tests.
type Server struct {
	bin, folder string
	owner       *syscall.Credential // nil: the one we run as

	process *exec.Cmd
	leash   io.Closer // closing it, or our death, stops the server
	log     bytes.Buffer
}

// StartServer makes a server with an empty database, reachable through a Unix socket only. It is gone when the test ends.
func StartServer(t testing.TB) *Server {
	t.Helper()
	bin := os.Getenv(binVariable)
	if bin == "" {
		t.Fatalf("%s is not set: run the tests through scripts/with-postgres", binVariable)
	}
	// Not t.TempDir: a socket's path may have about 100 bytes, and another user must get in.
	folder, err := os.MkdirTemp("/tmp", "idp-server-")
	if err != nil {
		t.Fatalf("make the server's folder: %v", err)
	}
	s := &Server{bin: bin, folder: folder}
	t.Cleanup(func() {
		s.Stop(t)
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("remove the server's folder: %v", err)
		}
	})
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root.
		if s.owner, err = unprivileged(); err != nil {
			t.Fatalf("find a user for the server: %v", err)
		}
		if err := os.Chown(folder, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatalf("hand over the server's folder: %v", err)
		}
	}
	initdb := s.command(filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(folder, "data"), "--username=idp",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Start(t)
	return s
}

// URL returns the address of the server's empty database. It stays the same over Stop and Start.
func (s *Server) URL() string { return "postgres://idp@/postgres?host=" + s.folder }

// Start starts the server after Stop and returns when it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	// The shell waits at the other end of a pipe: when the test process dies, however that happens, the server goes too.
	// synchronous_commit stays on: what was answered must be there after Stop. Only a crash of the machine needs fsync.
	const script = `"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`
	s.process = s.command("/bin/sh", "-c", script, "sh", filepath.Join(s.bin, "postgres"),
		"-D", filepath.Join(s.folder, "data"), "-k", s.folder, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "max_connections=200", "-c", "timezone=UTC")
	s.log.Reset()
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	leash, err := s.process.StdinPipe()
	if err != nil {
		t.Fatalf("connect to the server's shell: %v", err)
	}
	s.leash = leash
	if err := s.process.Start(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
	if err := s.waitReady(); err != nil {
		s.Stop(t)
		t.Fatalf("the server did not come up: %v\n%s", err, s.log.String())
	}
}

// Stop ends the server at once, as a crash would; it does nothing if the server is down.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	_ = s.leash.Close()
	// The status is that of a server killed by us.
	_ = s.process.Wait()
	s.process = nil
}

func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), clusterPatience)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}

// command returns a command that runs as the server's user, in a folder that this user may enter.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	if s.owner != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	}
	return cmd
}

// unprivileged returns the user that a server started by root runs as.
func unprivileged() (*syscall.Credential, error) {
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id %q: %w", found.Uid, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id %q: %w", found.Gid, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
