package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSeed_TwiceIsTheSame(t *testing.T) { // FL-21
	t.Parallel()
	s := Start(t, SQLite())
	s.Stop(t)
	s.Restart(t)
	if log := s.Log(); strings.Count(log, `"msg":"seeded"`) != 2 || !strings.Contains(log, `"created":0,"updated":0`) {
		t.Errorf("the second start created or changed something:\n%s", linesWith(log, "seed"))
	}
}

func TestSeed_RefusedWithAPublicIssuer(t *testing.T) { // FL-21
	t.Parallel()
	code, said := Refuse(t, SQLite(), Issuer("https://login.example.com"))
	if code == 0 || !strings.Contains(said, "seed_file") {
		t.Errorf("exit code %d, said %q, want a refusal that names seed_file", code, said)
	}
}

func TestStart_PlainHTTPOnlyOnThisMachine(t *testing.T) { // without --dev the server is production-strict
	t.Parallel()
	code, said := Refuse(t, SQLite(), Issuer("http://id.example.test"))
	if code == 0 || !strings.Contains(said, "issuer") {
		t.Errorf("exit code %d, said %q, want a refusal that names the issuer", code, said)
	}
}

func TestStart_FilesAreForTheOwnerOnly(t *testing.T) { // secrets at rest
	t.Parallel()
	s := Start(t, SQLite())
	err := filepath.WalkDir(s.DataDir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(entry.Name(), "idp.db") && entry.Name() != "keyring" && entry.Name() != "setup-token" {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o, want it closed to others", entry.Name(), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatalf("walk the data folder: %v", err)
	}
}

func TestStart_FirstAdministratorByAFileNotByTheLog(t *testing.T) { // issue row: never a password in a log
	t.Parallel()
	s := Start(t, SQLite())
	text, err := os.ReadFile(filepath.Join(s.DataDir, "setup-token"))
	if err != nil {
		t.Fatalf("read the one-time token: %v\n%s", err, s.out.Tail())
	}
	// "#token=" is what the page's script looks for; without it whoever opens the address finds an empty field.
	_, token, ok := strings.Cut(strings.TrimSpace(string(text)), "/setup#token=")
	if !ok || len(token) < 26 {
		t.Fatalf("the file holds no token behind /setup#token=: %d bytes", len(text))
	}
	if strings.Contains(s.Log(), token) {
		t.Error("the log holds the one-time token")
	}
	if !strings.Contains(s.Log(), "setup-token") {
		t.Error("the log does not say where the one-time token is")
	}
}

func TestReplicas_ServeOneIssuer(t *testing.T) {
	t.Parallel()
	all := Replicas(t, 2)
	client := http.Client{Transport: Transport(all...)}
	for range 4 {
		res, err := client.Get(all[0].Issuer + "/readyz")
		if err != nil {
			t.Fatalf("ask a replica: %v", err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("readyz: status %d, want 200", res.StatusCode)
		}
	}
}

func linesWith(text, word string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
