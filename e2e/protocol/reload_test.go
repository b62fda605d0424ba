package protocol

// What SIGHUP (systemctl reload) changes in a server that runs.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestReload_TakesUpTheLevelAndTheClientFilesAndNothingThatIsWrong(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "clients"), 0o700); err != nil {
		t.Fatal(err)
	}
	settings := "bootstrap: {dir: " + filepath.Join(folder, "clients") + "}\n"
	spa := func(id, scheme string) string {
		return "client_id: " + id + "\ntoken_endpoint_auth_methods: [none]\nredirect_uris: [" + scheme + "://" + id + ".example/cb]\n"
	}
	put("clients/one.yaml", spa("one", "https"))
	put("idp.yaml", settings)
	s := start(t, server.Flag("--config="+filepath.Join(folder, "idp.yaml")), server.Set("IDP_LOG_LEVEL", ""))
	hangup := func(want string) string {
		t.Helper()
		before := len(s.Log())
		s.Hangup(t)
		eventually(t, 20*time.Second, "the log says "+want+" after SIGHUP", func() bool { return strings.Contains(s.Log()[before:], want) })
		return s.Log()[before:]
	}

	put("clients/two.yaml", spa("two", "https"))
	hangup(`"msg":"reloaded"`)
	s.Run(t, "client", "get", "two")

	// A fault in the settings, or in a file that they name, leaves all as it was; what is wrong is said.
	put("idp.yaml", settings+"log: {level: debug}\nnonsense: 1\n")
	if said := hangup("the settings before stay in force"); !strings.Contains(said, "nonsense") {
		t.Errorf("the log does not name the fault:\n%s", said)
	}
	put("clients/three.yaml", spa("three", "https")+"---\n"+spa("four", "javascript"))
	put("idp.yaml", settings+"log: {level: debug}\n")
	if said := hangup("the settings before stay in force"); !strings.Contains(said, "three.yaml:") {
		t.Errorf("the log does not name the file:\n%s", said)
	}
	if code, _, _ := s.Try(t, "client", "get", "three"); code != 3 {
		t.Errorf("a file with a fault was applied in part: exit code %d, want 3", code)
	}
	quiet := len(s.Log())
	s.get(t, s.Issuer+"/.well-known/openid-configuration")
	if strings.Contains(s.Log()[quiet:], `"route":"/.well-known/openid-configuration"`) {
		t.Error("a reload that failed changed the level of the log")
	}

	// What works takes effect, what needs a restart is named; and nobody was thrown out.
	put("clients/three.yaml", spa("three", "https"))
	put("idp.yaml", settings+"log: {level: debug}\nbrand: {name: Another}\n")
	if said := hangup("wait for a restart"); !strings.Contains(said, "brand.name") || strings.Contains(said, "log.level") {
		t.Errorf("the log does not name brand.name alone:\n%s", said)
	}
	s.Run(t, "client", "get", "three")
	loud := len(s.Log())
	s.get(t, s.Issuer+"/.well-known/openid-configuration")
	eventually(t, 20*time.Second, "the log has the line of a request for discovery", func() bool { // lines are written in batches
		return strings.Contains(s.Log()[loud:], `"route":"/.well-known/openid-configuration"`)
	})
}
