package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// build makes the binary once for all tests of the process.
var build = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("IDP_TEST_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	folder, err := os.MkdirTemp("", "idp-e2e-binary-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the binary: %w", err)
	}
	path := filepath.Join(folder, "idp")
	cmd := exec.Command("go", "build", "-o", path, "idp/cmd/idp")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/idp: %w\n%s", err, out)
	}
	return path, nil
})

// Binary returns the path of the binary under test.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("build the binary under test: %v", err)
	}
	return path
}

// removeBinary removes what Binary built.
func removeBinary() error {
	path, err := build()
	if err != nil || os.Getenv("IDP_TEST_BINARY") != "" {
		return nil // nothing was built
	}
	return os.RemoveAll(filepath.Dir(path))
}
