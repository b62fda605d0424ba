package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The example in the reference works as it stands, once its secrets are where it says.
func TestDocs_ExampleCanBeLoaded(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(docsHead, "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs_head.md has no example")
	}
	secrets := t.TempDir()
	for name, text := range map[string]string{"database-url": "postgres://idp:x@db/idp\n", "keyring": "k1:x"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, strings.ReplaceAll(example, "/run/secrets", secrets), nil)
	if got := c.Database.URL.Reveal(); got != "postgres://idp:x@db/idp" || c.CreateKeyring() {
		t.Errorf("database.url: got %q, create key ring %v", got, c.CreateKeyring())
	}
}
