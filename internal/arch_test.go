// Package internal_test holds the shape of the program to what docs/ARCHITECTURE.md says: who may import whom
// (arch_test.go), what source files may not contain (arch_source_test.go, arch_vars_test.go, arch_wire_test.go), and what the
// tree of files looks like (arch_tree_test.go). Every failure names the place and the reason; arch_rules_test.go proves that the rules
// can fail.
package internal_test

import (
	"fmt"
	"strings"
	"testing"
)

// floor is one floor of the building and the packages on it; "x/..." stands for x and everything below.
type floor struct {
	number   int
	packages []string
	because  string
}

var floors = []floor{
	{0, []string{"internal/idp", "internal/secret", "internal/config", "internal/logctx", "internal/panics", "internal/jws", "internal/untrusted"}, "F0 is vocabulary: it knows nobody"},
	{1, []string{"internal/store", "internal/store/sqldb", "internal/store/migrations", "internal/outbound", "internal/outbox"}, "F1 is the database, and the network outside"},
	{2, []string{
		"internal/keys", "internal/audit", "internal/throttle", "internal/session", "internal/auth",
		"internal/upstream", "internal/account", "internal/interaction", "internal/trace", "internal/directory",
		"internal/client", "internal/authdetail", "internal/registration", "internal/clientkeys", "internal/crossdevice", "internal/subject",
		"internal/provider", "internal/resource",
	}, "F2 are the services: they know no protocol and no pages"},
	{3, []string{"internal/oauth/...", "internal/jobs"}, "F3 is the protocol: it never knows a page"},
	{4, []string{"internal/handlers/...", "internal/doctor", "internal/sampleapp"}, "F4 speaks to browsers and administrators"},
	{5, []string{"cmd/idp"}, "F5 wires everything"},
}

// sideways lists the imports allowed between packages of one floor; "x/..." stands for x and everything below.
var sideways = []struct{ from, to, because string }{
	{"internal/...", "internal/idp", "the nouns are for everyone"},
	{"internal/...", "internal/panics", "a goroutine anywhere may panic"},
	{"internal/idp", "internal/untrusted", "a client's key set is an outsider's text"},
	{"internal/logctx", "internal/secret", "what looks like a secret is known in one place"},
	{"internal/store", "internal/store/sqldb", "the store's statements run on an engine"},
	{"internal/store", "internal/store/migrations", "the store brings its schema up to date"},
	{"internal/auth", "internal/throttle", "a wrong password counts"},
	{"internal/auth", "internal/audit", "a sign-in is an event"},
	{"internal/account", "internal/auth", "changing a password asks for the old one"},
	{"internal/account", "internal/audit", "a changed account is an event"},
	{"internal/account", "internal/session", "a changed password ends the other sessions"},
	{"internal/account", "internal/upstream", "what an upstream says becomes an account, a link or a refusal"},
	{"internal/account", "internal/throttle", "anybody may try to create an account"},
	{"internal/client", "internal/audit", "a changed client is an event"},
	{"internal/crossdevice", "internal/audit", "what a person allows another device is an event"},
	{"internal/crossdevice", "internal/throttle", "a wrong user code counts"},
	{"internal/registration", "internal/audit", "an application that registers itself is an event"},
	{"internal/interaction", "internal/throttle", "anybody may begin a sign-in"},
	{"internal/registration", "internal/throttle", "anybody may try to register"},
	{"internal/registration", "internal/client", "a secret is kept in one way, whoever registered the client"},
	{"internal/session", "internal/audit", "an ended session is an event"},
	{"internal/authdetail", "internal/audit", "a changed type of authorization details is an event"},
	{"internal/provider", "internal/audit", "a changed provider is an event"},
	{"internal/provider", "internal/upstream", "what a provider's row must satisfy is known where it is used"},
	{"internal/provider", "internal/directory", "a provider's secret is sealed and opened in one way"},
	{"internal/resource", "internal/audit", "a changed resource is an event"},
	{"internal/oauth/...", "internal/oauth/...", "the wall has rooms"},
	{"internal/handlers/...", "internal/handlers/...", "the table of routes mounts pages and api; both render by ui"},
}

// forbidden lists imports that the floors alone would allow.
var forbidden = []struct{ from, to, because string }{
	{"internal/handlers/pages/...", "internal/oauth/...", "pages record steps on an interaction and can issue nothing"},
	{"internal/handlers/api/...", "internal/oauth/...", "the API administers; it can issue nothing"},
	{"internal/handlers/ui/...", "internal/oauth/...", "templates know view models only"},
	{"internal/handlers/ui/...", "internal/store/...", "templates know view models only"},
	{"internal/handlers/pages/...", "internal/handlers/api/...", "pages and API share services, not code"},
	{"internal/handlers/api/...", "internal/handlers/pages/...", "pages and API share services, not code"},
	{"internal/...", "internal/config", "other packages get their own small Config from cmd/idp"},
}

// confined lists what only certain packages may import; "x/..." stands for x and everything below. Tests are bound too,
// unless testsFree says otherwise.
var confined = []struct {
	path      string
	only      []string
	testsFree bool
	because   string
}{
	{"github.com/ory/...", []string{"internal/oauth/..."}, false, "fosite stays behind one wall, so that it can be replaced"},
	{"github.com/go-jose/go-jose/v3/...", []string{"internal/oauth/..."}, false, "fosite's old keys end at the wall; everyone else uses v4"},
	{"github.com/jackc/...", []string{"internal/store/sqldb"}, true, "one package knows PostgreSQL"},
	{"modernc.org/...", []string{"internal/store/sqldb"}, true, "one package knows SQLite"},
	{"database/sql", []string{"internal/store/sqldb"}, true, "statements go through sqldb.Querier"},
	{"github.com/pressly/goose/v3/...", []string{"internal/store/sqldb"}, true, "migrations run in one place"},
	{"github.com/spf13/...", []string{"cmd/idp"}, false, "only the command line reads flags"},
	{"github.com/danielgtaylor/huma/v2/...", []string{"internal/handlers/api/..."}, false, "the API's framework stays in the API"},
	{"github.com/go-crypt/...", []string{"internal/secret"}, true, "password hashes are verified in one place"},
	{"golang.org/x/crypto/argon2", []string{"internal/secret"}, true, "password hashes are made in one place"},
	{"golang.org/x/crypto/bcrypt", []string{"internal/secret"}, true, "password hashes are made in one place"},
	{"github.com/chromedp/...", []string{"e2e/..."}, true, "a browser is for tests"},
	{"github.com/google/go-cmp/...", nil, true, "for tests"},
	{"testing", nil, true, "for tests"},
	{"math/rand", nil, true, "crypto/rand only: nothing here may be guessed"},
	{"math/rand/v2", nil, true, "crypto/rand only: nothing here may be guessed"},
	{"log", nil, true, "log/slog, through a *slog.Logger that the constructor was given"},
	{"encoding/gob", nil, true, "stored blobs are versioned JSON"},
	{"unsafe", nil, true, "nothing here needs it"},
	{"net/http/pprof", []string{"cmd/idp", "internal/handlers"}, true, "it adds routes to the default mux when imported"},
}

// pure lists packages that may not reach certain parts of the standard library.
var pure = []struct{ from, to, because string }{
	{"internal/idp", "net/http", "nouns do no I/O"},
	{"internal/idp", "os", "nouns do no I/O"},
	{"internal/store/...", "net/http", "the database knows no HTTP"},
	{"internal/oauth/claims", "net/http", "claims are a pure function"},
	{"internal/oauth/claims", "internal/store/...", "claims are a pure function of what they are given"},
	{"internal/oauth/...", "html/template", "the protocol renders no HTML"},
}

// matches reports whether pattern, which may end in "/...", names path.
func matches(pattern, path string) bool {
	if base, below := strings.CutSuffix(pattern, "/..."); below {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	for _, pattern := range patterns {
		if matches(pattern, path) {
			return true
		}
	}
	return false
}

// isSupport reports whether a package exists for tests only: storetest, upstreamtest, testidp, everything in e2e, and the
// programs in scripts that a developer runs.
func isSupport(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return matches("e2e/...", path) || matches("scripts/...", path) || matches("deploy/...", path) ||
		strings.HasSuffix(last, "test") || strings.HasPrefix(last, "test")
}

func floorOf(path string) (floor, bool) {
	for _, f := range floors {
		if matchesAny(f.packages, path) {
			return f, true
		}
	}
	return floor{}, false
}

// checkImport returns why a file of package from may not import to, or "". Both are without the module's name if they
// belong to it.
func checkImport(from, to string, ours, fromTest bool) string {
	for _, rule := range confined {
		if matches(rule.path, to) && !matchesAny(rule.only, from) && (!rule.testsFree || !fromTest && !isSupport(from)) {
			return fmt.Sprintf("%s is for %s: %s", rule.path, orNobody(rule.only), rule.because)
		}
	}
	if fromTest || isSupport(from) {
		return ""
	}
	for _, rule := range pure {
		if matches(rule.from, from) && matches(rule.to, to) {
			return rule.because
		}
	}
	if !ours {
		return ""
	}
	if isSupport(to) {
		return "a package for tests stays out of the program"
	}
	for _, rule := range forbidden {
		if matches(rule.from, from) && matches(rule.to, to) && from != to {
			return rule.because
		}
	}
	here, known := floorOf(from)
	there, knownThere := floorOf(to)
	switch {
	case !known || !knownThere:
		return "" // TestFloors_EveryPackageIsOnOne says so
	case there.number < here.number:
		return ""
	case there.number > here.number:
		return fmt.Sprintf("floor %d may not import floor %d: %s. Pass a function in, or move the noun to internal/idp", here.number, there.number, here.because)
	}
	for _, edge := range sideways {
		if matches(edge.from, from) && matches(edge.to, to) {
			return ""
		}
	}
	return fmt.Sprintf("both are on floor %d and this sideways edge is not in the table: %s", here.number, here.because)
}

func orNobody(only []string) string {
	if len(only) == 0 {
		return "tests, if anybody"
	}
	return strings.Join(only, ", ")
}

func TestFloors_ImportsGoDown(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		for _, spec := range f.syntax.Imports {
			to := strings.Trim(spec.Path.Value, `"`)
			short, ours := strings.CutPrefix(to, "idp/")
			if why := checkImport(f.pkg, short, ours, f.isTest); why != "" {
				t.Errorf("%s: %s imports %s: %s", f.at(spec), f.pkg, to, why)
			}
		}
	}
}

func TestFloors_EveryPackageIsOnOne(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range sources(t) {
		if seen[f.pkg] || f.isTest || isSupport(f.pkg) {
			continue
		}
		seen[f.pkg] = true
		if _, known := floorOf(f.pkg); !known {
			t.Errorf("%s:1: package %s is on no floor: add it to the table in internal/arch_test.go and to docs/ARCHITECTURE.md", f.path, f.pkg)
		}
	}
}

// TestFloors_EveryEntryIsUsed keeps the tables true: a package that is gone, and an edge that nobody takes, go.
func TestFloors_EveryEntryIsUsed(t *testing.T) {
	t.Parallel()
	packages, taken := map[string]bool{}, map[int]bool{}
	for _, f := range sources(t) {
		packages[f.pkg] = true
		for _, spec := range f.syntax.Imports {
			to, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "idp/")
			here, _ := floorOf(f.pkg)
			there, known := floorOf(to)
			if !ours || f.isTest || isSupport(f.pkg) || !known || here.number != there.number {
				continue
			}
			for i, edge := range sideways {
				if matches(edge.from, f.pkg) && matches(edge.to, to) {
					taken[i] = true
				}
			}
		}
	}
	for _, f := range floors {
		for _, name := range f.packages {
			if !packages[strings.TrimSuffix(name, "/...")] {
				t.Errorf("floor %d names %s, which does not exist: remove it from the table in internal/arch_test.go", f.number, name)
			}
		}
	}
	for i, edge := range sideways {
		if !taken[i] {
			t.Errorf("no file takes the sideways edge from %s to %s: remove it from the table in internal/arch_test.go", edge.from, edge.to)
		}
	}
}
