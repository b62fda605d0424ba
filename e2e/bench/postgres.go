package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// binVariable names the folder of PostgreSQL's programs, as scripts/with-postgres found it.
const binVariable = "IDP_TEST_POSTGRES_BIN"

// cluster is a PostgreSQL server that keeps what it answered: the one of scripts/with-postgres does not sync, and a commit that
// costs nothing would flatter every figure.
type cluster struct {
	*process
	socket string // folder
}

func (c *cluster) url(database string) string {
	return "postgres://idp@/" + database + "?host=" + c.socket
}

// startCluster makes a cluster in folder, whose socket is in a folder of its own: a socket's path may have about 100 bytes.
func startCluster(ctx context.Context, folder, socket string, pinned bool) (*cluster, error) {
	bin := os.Getenv(binVariable)
	if bin == "" {
		return nil, fmt.Errorf("%s is not set: run `make bench`, or scripts/with-postgres go run ./e2e/bench", binVariable)
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	for _, one := range []string{folder, socket} {
		if as == nil {
			break
		}
		if err := os.Chown(one, int(as.Uid), int(as.Gid)); err != nil {
			return nil, fmt.Errorf("hand the cluster's folder over: %w", err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = "/", environment()
		if as != nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		}
		return cmd
	}
	data := filepath.Join(folder, "data")
	if out, err := command("initdb", "--pgdata="+data, "--username=idp", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// The defaults but for what a server of some size sets: fsync, synchronous_commit and full_page_writes stay on.
	server := command("postgres", "-D", data, "-k", socket, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700",
		"-c", "max_connections=200", "-c", "shared_buffers=256MB", "-c", "wal_compression=on", "-c", "max_wal_size=4GB",
		"-c", "checkpoint_timeout=30min", "-c", "timezone=UTC", "-c", "log_min_messages=warning")
	p, _, err := spawn(server, pinned, syscall.SIGQUIT)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	c := &cluster{process: p, socket: socket}
	if err := c.await(ctx); err != nil {
		p.end()
		return nil, fmt.Errorf("PostgreSQL did not come up: %w\n%s", err, p.log)
	}
	return c, nil
}

func (c *cluster) await(ctx context.Context) error {
	deadline := time.After(patience)
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.done:
			return errors.New("it has ended")
		case <-deadline:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// create makes an empty database.
func (c *cluster) create(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// unprivileged returns the user that a server started by root runs as; nil if we are somebody else.
func unprivileged() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id %q: %w", found.Uid, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id %q: %w", found.Gid, err)
	}
	return &owner{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
