package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

func TestSeed_IsRefusedWithAPublicIssuer(t *testing.T) { // FL-21
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

// The protocol's tests can be pointed at a server that somebody else started: what they change there goes over its API.
func TestShared_CommandsForAnotherServerGoOverItsAPI(t *testing.T) {
	s := Start(t, SQLite())
	file := filepath.Join(t.TempDir(), "token")
	secret := filepath.Join(t.TempDir(), "secret")
	s.Run(t, "client", "create", "robot", "--type", "service", "--scope", "idp.admin", "--secret-file", secret)
	write(t, file, token(t, s, "robot", secret))

	t.Setenv("IDP_E2E_URL", s.Issuer+"/")
	t.Setenv("IDP_E2E_TOKEN_FILE", file)
	other := Shared(t)
	if other.Issuer != s.Issuer {
		t.Errorf("the issuer is %s, want %s", other.Issuer, s.Issuer)
	}
	other.Run(t, "user", "create", "far@example.test", "--no-password")
	if text := s.Run(t, "user", "list"); !strings.Contains(text, "far@example.test") {
		t.Errorf("the user is not there:\n%s", text)
	}
}

// token asks for an access token of an administrating client, which the server knows after a moment.
func token(t *testing.T, s *Server, client, secretFile string) string {
	t.Helper()
	secret, err := os.ReadFile(secretFile)
	if err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 100 {
		<-again.C
		res, err := http.PostForm(s.Issuer+"/oauth2/token", url.Values{
			"grant_type": {"client_credentials"}, "scope": {"idp.admin"}, "client_id": {client}, "client_secret": {strings.TrimSpace(string(secret))},
		})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			AccessToken string `json:"access_token"`
		}
		err = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		if err == nil && answer.AccessToken != "" {
			return answer.AccessToken
		}
	}
	t.Fatal("no access token for the administrating client")
	return ""
}
