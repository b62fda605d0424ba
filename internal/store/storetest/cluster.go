package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// clusterVariable names the maintenance database of the server that scripts/with-postgres started.
const clusterVariable = "IDP_TEST_POSTGRES"

// clusterPatience bounds each visit to the maintenance database, so that a stuck server fails a test with a cause.
const clusterPatience = 60 * time.Second

// EmptyPostgres returns the address of a fresh, empty PostgreSQL database that is dropped when the test ends. It is for
// tests of what creates the tables: a started binary, the migrations themselves.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, "template0")
}

// CopyPostgres returns the address of a copy of the database at address, to which nobody may be connected. The copy is dropped when the test
// ends.
func CopyPostgres(t testing.TB, address string) string {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatalf("read the address of the database to copy: %v", err)
	}
	return freshDatabase(t, config.Database)
}

// postgresDSN returns the address of a fresh database with schema applied. The first caller of all test processes
// migrates a template, which takes a while; a copy of it takes some 30 ms. The template's name carries the digest of
// schema, so that a changed migration makes a new one.
func postgresDSN(t testing.TB, schema fs.FS, migrate func(ctx context.Context, dsn string) error) string {
	t.Helper()
	template, err := ensureTemplate(schema, migrate)
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	return freshDatabase(t, template)
}

// maintenance opens a connection to the maintenance database. Each visit has its own, because a connection that outlives
// a synctest bubble, or is shared by two, breaks them.
func maintenance(ctx context.Context) (*pgx.Conn, string, error) {
	dsn := os.Getenv(clusterVariable)
	if dsn == "" {
		return nil, "", fmt.Errorf("%s is not set: run the tests through scripts/with-postgres", clusterVariable)
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, "", fmt.Errorf("connect to the test server: %w", err)
	}
	return conn, dsn, nil
}

// inMaintenance runs fn with a connection to the maintenance database and that database's address.
func inMaintenance(fn func(ctx context.Context, conn *pgx.Conn, dsn string) error) error {
	// Not the test's context: that one has ended when its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), clusterPatience)
	defer cancel()
	conn, dsn, err := maintenance(ctx)
	if err != nil {
		return err
	}
	err = fn(ctx, conn, dsn)
	if closeErr := conn.Close(ctx); err == nil && closeErr != nil {
		err = fmt.Errorf("leave the maintenance database: %w", closeErr)
	}
	return err
}

// freshDatabase copies template and drops the copy when the test ends.
func freshDatabase(t testing.TB, template string) string {
	t.Helper()
	name := "idp_test_" + strings.ToLower(rand.Text()[:16])
	var address string
	err := inMaintenance(func(ctx context.Context, conn *pgx.Conn, dsn string) error {
		statement := "CREATE DATABASE " + quote(name) + " TEMPLATE " + quote(template)
		// PostgreSQL 15 writes every page of a copy to its log first, unless told to copy the files as the versions before it do.
		major, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
		if n, err := strconv.Atoi(major); err == nil && n >= 15 {
			statement += " STRATEGY file_copy"
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("copy %s: %w", template, err)
		}
		var err error
		address, err = withDatabase(dsn, name)
		return err
	})
	if err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		err := inMaintenance(func(ctx context.Context, conn *pgx.Conn, _ string) error {
			_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
			return err
		})
		if err != nil {
			t.Errorf("drop test database %s: %v", name, err)
		}
	})
	return address
}

// ensureTemplate returns the name of a database with schema applied, and makes it if no test process has done so yet.
func ensureTemplate(schema fs.FS, migrate func(ctx context.Context, dsn string) error) (string, error) {
	digest, err := digestOf(schema)
	if err != nil {
		return "", err
	}
	name := "idp_template_" + digest
	err = inMaintenance(func(ctx context.Context, conn *pgx.Conn, dsn string) error {
		ready, err := isTemplate(ctx, conn, name)
		if err != nil || ready {
			return err
		}
		// One process makes it, the others wait here. The lock goes with the connection.
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
			return fmt.Errorf("wait for the other test processes: %w", err)
		}
		if ready, err = isTemplate(ctx, conn, name); err != nil || ready {
			return err
		}
		return makeTemplate(ctx, conn, dsn, name, migrate)
	})
	return name, err
}

func makeTemplate(ctx context.Context, conn *pgx.Conn, dsn, name string, migrate func(ctx context.Context, dsn string) error) error {
	// What is there without the mark of a template was left by a process that died half-way.
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop the unfinished template: %w", err)
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("create the template: %w", err)
	}
	address, err := withDatabase(dsn, name)
	if err != nil {
		return err
	}
	if err := migrate(ctx, address); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	// PostgreSQL copies a database only while nobody is connected to it.
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+quote(name)+" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("mark the template as finished: %w", err)
	}
	return nil
}

func isTemplate(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	var ready bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&ready)
	if err != nil {
		return false, fmt.Errorf("look for the template: %w", err)
	}
	return ready, nil
}

// digestOf returns a short digest of every file's name and text.
func digestOf(schema fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(schema, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(schema, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// withDatabase returns dsn, a URL or a keyword string, with another database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // the last of two equal keywords counts
	}
	address, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("read %s as an address: %w", clusterVariable, err)
	}
	address.Path = "/" + name
	return address.String(), nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
