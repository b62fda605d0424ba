package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// mend is what to do about a missing program.
const mend = "run scripts/prerequisites, which installs it as root on Debian and otherwise names the packages"

// python returns the interpreter that has the libraries.
func python(t testing.TB) string {
	t.Helper()
	path := os.Getenv("IDP_TEST_PYTHON")
	if path == "" {
		path = "/usr/bin/python3" // Debian's packages belong to Debian's Python, whatever comes first in PATH
	}
	if why := pythonLacks(path); why != "" {
		t.Fatalf("%s cannot run the applications: %s\nIt needs python3-authlib, python3-flask-dance, python3-social-auth-core and python3-jose: %s", path, why, mend)
	}
	return path
}

var pythonLacks = onceEach(func(path string) string {
	out, err := exec.Command(path, "-c", "import authlib.integrations.flask_client, flask_dance.consumer, social_core.backends.open_id_connect").CombinedOutput()
	if err != nil {
		return err.Error() + "\n" + string(out)
	}
	return ""
})

// node returns Node.js, with openid-client installed as the lock file says.
func node(t testing.TB) string {
	t.Helper()
	path, why := nodeWithPackages()
	if why != "" {
		t.Fatalf("the application of openid-client cannot run: %s", why)
	}
	return path
}

var nodeWithPackages = sync.OnceValues(func() (path, why string) {
	// scripts/prerequisites puts a newer Node.js there if the machine's is too old.
	local, err := filepath.Abs(filepath.Join("..", "..", ".cache", "node", "node_modules", ".bin"))
	if err != nil {
		return "", err.Error()
	}
	if err := os.Setenv("PATH", local+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return "", err.Error()
	}
	path, err = exec.LookPath("node")
	if err != nil {
		return "", "there is no node (Debian: nodejs npm): " + mend
	}
	out, err := exec.Command(path, "-p", "process.versions.node.split('.')[0]").Output()
	if major, convErr := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || convErr != nil || major < 20 {
		return "", "openid-client needs Node.js 20, " + path + " is " + string(out) + ": " + mend
	}
	if installed() {
		return path, ""
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	install.Dir = "node"
	if out, err := install.CombinedOutput(); err != nil {
		return "", "npm ci in e2e/clients/node: " + err.Error() + "\n" + string(out)
	}
	return path, ""
})

// curlPath returns curl.
func curlPath(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("there is no curl (Debian: curl): %s", mend)
	}
	return path
}

// installed reports whether node_modules is what the lock file wants.
func installed() bool {
	want, err := os.Stat(filepath.Join("node", "package-lock.json"))
	if err != nil {
		return false
	}
	have, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json"))
	return err == nil && !have.ModTime().Before(want.ModTime())
}

// onceEach makes a function remember its answers.
func onceEach(fn func(string) string) func(string) string {
	var mu sync.Mutex
	known := map[string]string{}
	return func(key string) string {
		mu.Lock()
		defer mu.Unlock()
		answer, ok := known[key]
		if !ok {
			answer = fn(key)
			known[key] = answer
		}
		return answer
	}
}
