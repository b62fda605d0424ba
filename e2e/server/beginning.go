package server

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"idp/internal/store/storetest"
)

// beginning is what a server with the usual seed has made of an empty database: tables, keys, users and clients. To make it takes several
// times as long as the rest of a start, so it is made once for each test process, and servers begin with copies.
type beginning struct {
	keyring  []byte
	sqlite   []byte // the file; empty on PostgreSQL
	postgres string // the address of the database; empty on SQLite
}

// FromNothing gives the server an empty database and a key ring of its own: for tests of the first start, and of what is unlike from one
// installation to the next.
func FromNothing() Option { return func(s *Server) { s.fromNothing = true } }

// begun is the beginning on the engine of the tests.
var begun struct {
	once sync.Once
	beginning
	err error
}

func makeBeginning() {
	begun.err = process.Do(func(t testing.TB) {
		s := Start(t, FromNothing())
		if code := s.Stop(t); code != 0 {
			t.Fatalf("the server that makes the beginning ended with code %d\n%s", code, s.out.Tail())
		}
		begun.keyring = read(t, s.keyring)
		if Engine() == "postgres" {
			begun.postgres = s.DatabaseURL
		} else {
			begun.sqlite = read(t, s.sqliteFile())
		}
	})
}

// begin gives s a copy of the beginning.
func (s *Server) begin(t testing.TB) {
	t.Helper()
	if begun.once.Do(makeBeginning); begun.err != nil {
		t.Fatalf("make the database that servers begin with: %v", begun.err)
	}
	s.keyring = filepath.Join(s.DataDir, "keyring")
	write(t, s.keyring, string(begun.keyring))
	if begun.postgres != "" {
		s.DatabaseURL = storetest.CopyPostgres(t, begun.postgres)
		return
	}
	write(t, s.sqliteFile(), string(begun.sqlite))
	SQLite()(s)
}

func (s *Server) sqliteFile() string { return filepath.Join(s.DataDir, "idp.db") }

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read %s: %v", filepath.Base(path), err)
	}
	return text
}

// process is what all tests of the process share. CleanUp ends it.
var process = NewLifetime()

// CleanUp removes what the tests of the process shared: the binary, if it was built, and the beginning of databases.
func CleanUp() error {
	if err := process.end(); err != nil {
		return fmt.Errorf("remove what servers began with: %w", err)
	}
	return removeBinary()
}
