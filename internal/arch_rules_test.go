package internal_test

import (
	"go/ast"
	"strings"
	"testing"
)

// The rules prove themselves here: each catches what it names, and leaves alone what only looks like it.

func TestRules_ImportsThatPointUpAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to       string
		ours, fromTest bool
		want           string // part of the reason; "" if allowed
	}{
		{"internal/idp", "internal/store", true, false, "floor 0 may not import floor 1"},
		{"internal/store", "internal/idp", true, false, ""},
		{"internal/secret", "internal/idp", true, false, ""},
		{"internal/secret", "internal/logctx", true, false, "sideways"},
		{"internal/auth", "internal/throttle", true, false, ""},
		{"internal/throttle", "internal/auth", true, false, "sideways"},
		{"internal/account", "internal/session", true, false, ""},
		{"internal/session", "internal/oauth", true, false, "floor 2 may not import floor 3"},
		{"internal/oauth", "internal/handlers/pages", true, false, "floor 3 may not import floor 4"},
		{"internal/oauth", "internal/oauth/grant", true, false, ""},
		{"internal/jobs", "internal/oauth", true, false, "sideways"},
		{"internal/handlers", "internal/oauth", true, false, ""},
		{"internal/handlers/pages", "internal/oauth", true, false, "can issue nothing"},
		{"internal/handlers/api", "internal/oauth/claims", true, false, "can issue nothing"},
		{"internal/handlers/pages", "internal/handlers/ui", true, false, ""},
		{"internal/handlers", "internal/config", true, false, "small Config"},
		{"internal/store", "internal/config", true, false, "small Config"},
		{"cmd/idp", "internal/config", true, false, ""},
		{"internal/auth", "internal/store/storetest", true, false, "stays out of the program"},
		{"internal/auth", "internal/store/storetest", true, true, ""},
		{"internal/oauth", "github.com/ory/fosite/compose", false, false, ""},
		{"internal/oauth/grant", "github.com/ory/fosite", false, false, ""},
		{"internal/handlers", "github.com/ory/fosite", false, false, "one wall"},
		{"internal/handlers", "github.com/ory/fosite", false, true, "one wall"},
		{"internal/keys", "github.com/go-jose/go-jose/v3", false, false, "uses v4"},
		{"internal/keys", "github.com/go-jose/go-jose/v4", false, false, ""},
		{"internal/store", "github.com/jackc/pgx/v5", false, false, "one package knows PostgreSQL"},
		{"internal/store", "github.com/jackc/pgx/v5", false, true, ""},
		{"internal/store/storetest", "github.com/jackc/pgx/v5", false, false, ""},
		{"internal/store/sqldb", "github.com/jackc/pgx/v5/pgxpool", false, false, ""},
		{"internal/session", "modernc.org/sqlite", false, false, "one package knows SQLite"},
		{"internal/session", "math/rand/v2", false, false, "may be guessed"},
		{"internal/session", "testing", false, false, "for tests"},
		{"internal/session", "testing", false, true, ""},
		{"internal/idp", "net/http", false, false, "no I/O"},
		{"internal/oauth/claims", "internal/store", true, false, "pure function"},
	}
	for _, test := range tests {
		got := checkImport(test.from, test.to, test.ours, test.fromTest)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("checkImport(%s → %s, in test: %t) = %q, want %q", test.from, test.to, test.fromTest, got, test.want)
		}
	}
}

func TestRules_SourceThatBreaksARuleIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rule rule
		path string
		code string
		want int // line of the finding; 0 for none
	}{
		{"os.Exit in a service", processRule, "internal/auth/a.go", "package p\nimport \"os\"\nfunc f() { os.Exit(1) }", 3},
		{"os.Getenv under another name", processRule, "internal/auth/a.go", "package p\nimport sys \"os\"\nvar x = sys.Getenv(\"A\")", 3},
		{"os.Getenv in the command", processRule, "cmd/idp/a.go", "package main\nimport \"os\"\nvar x = os.Getenv(\"A\")", 0},
		{"os.Getenv in a test", processRule, "internal/auth/a_test.go", "package p\nimport \"os\"\nvar x = os.Getenv(\"A\")", 0},
		{"a variable called os", processRule, "internal/auth/a.go", "package p\nimport _ \"os\"\nfunc f(os struct{ Exit func() }) { os.Exit() }", 0},
		{"a comment about os.Exit", processRule, "internal/auth/a.go", "package p\n// never os.Exit(1)\nfunc f() {}", 0},

		{"time.Now in the store", timeRule, "internal/store/a.go", "package p\nimport \"time\"\nfunc f() { _ = time.Now() }", 3},
		{"time.Now passed as a value", timeRule, "internal/store/a.go", "package p\nimport \"time\"\nvar now = time.Now", 3},
		{"time.Since in claims", timeRule, "internal/oauth/claims/a.go", "package p\nimport \"time\"\nfunc f(t time.Time) { _ = time.Since(t) }", 3},
		{"time.Now beside Decide", timeRule, "internal/interaction/a.go", "package p\nimport \"time\"\nfunc Decide() { _ = time.Now() }", 3},
		{"time.Now elsewhere in interaction", timeRule, "internal/interaction/a.go", "package p\nimport \"time\"\nfunc Begin() { _ = time.Now() }", 0},
		{"time.Now in a service", timeRule, "internal/auth/a.go", "package p\nimport \"time\"\nfunc f() { _ = time.Now() }", 0},

		{"now() in SQL", sqlRule, "internal/store/a.go", "package p\nconst q = `UPDATE t SET\n x = NOW ()`", 2},
		{"CURRENT_TIMESTAMP in SQL", sqlRule, "internal/store/a.go", "package p\nconst q = \"VALUES (current_timestamp)\"", 2},
		{"a column called known", sqlRule, "internal/store/a.go", "package p\nconst q = `SELECT known (x) FROM t`", 0},
		{"now() in a comment", sqlRule, "internal/store/a.go", "package p\n// never now()\nconst q = `SELECT 1`", 0},
		{"SELECT *", sqlRule, "internal/session/a.go", "package p\nconst q = `SELECT  * FROM t`", 2},
		{"SELECT t.*", sqlRule, "internal/store/a.go", "package p\nconst q = `SELECT t.* FROM t`", 2},
		{"RETURNING *", sqlRule, "internal/store/a.go", "package p\nconst q = `DELETE FROM t RETURNING *`", 2},
		{"count(*)", sqlRule, "internal/store/a.go", "package p\nconst q = `SELECT count(*) FROM t`", 0},

		{"go without a net", panicRule, "internal/auth/a.go", "package p\nfunc f() {\n\tgo f()\n}", 3},
		{"a group's Go without a net", panicRule, "internal/auth/a.go", "package p\nimport \"sync\"\nfunc f(g *sync.WaitGroup) { g.Go(func() {}) }", 3},
		{"go with a net", panicRule, "internal/auth/a.go", "package p\nimport \"idp/internal/panics\"\nfunc f() { go panics.Call(nil) }", 0},
		{"recover elsewhere", panicRule, "internal/auth/a.go", "package p\nfunc f() { recover() }", 2},
		{"recover in package panics", panicRule, "internal/panics/a.go", "package p\nfunc f() { recover() }", 0},

		{"func init", initRule, "internal/auth/a.go", "package p\n\nfunc init() {}", 3},
		{"a method called init", initRule, "internal/auth/a.go", "package p\ntype x int\nfunc (x) init() {}", 0},

		{"t.Skip", skipRule, "internal/auth/a_test.go", "package p\nimport \"testing\"\nfunc TestX(t *testing.T) { t.Skip(\"no\") }", 3},
		{"t.Skip when short", skipRule, "internal/auth/a_test.go", "package p\nimport \"testing\"\nfunc TestX(t *testing.T) { if testing.Short() { t.Skip(\"slow\") } }", 0},
		{"t.Skip when not short", skipRule, "internal/auth/a_test.go", "package p\nimport \"testing\"\nfunc TestX(t *testing.T) { if !testing.Short() { t.Skip(\"slow\") } }", 3},
		{"t.SkipNow in a package for tests", skipRule, "internal/store/storetest/a.go", "package p\nimport \"testing\"\nfunc X(t testing.TB) { t.SkipNow() }", 3},

		{"time.Sleep in a test", sleepRule, "internal/auth/a_test.go", "package p\nimport \"time\"\nfunc f() { time.Sleep(1) }", 3},
		{"time.Sleep in a bubble", sleepRule, "internal/auth/a_test.go", "package p\nimport (\n\"time\"\n_ \"testing/synctest\"\n)\nfunc f() { time.Sleep(1) }", 0},

		{"work left in a comment", commentRule, "internal/auth/a.go", "package p\n\n// TO" + "DO: mend", 3},
		{"a package of leftovers", nameRule, "internal/util/a.go", "package util", 1},
		{"interface{}", anyRule, "internal/auth/a.go", "package p\nvar x = func(interface{}) {}", 2},
		{"any", anyRule, "internal/auth/a.go", "package p\nvar x = func(any) {}", 0},
		{"an interface with methods", anyRule, "internal/auth/a.go", "package p\ntype x interface{ M() }", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(test.path, test.path[:strings.LastIndexByte(test.path, '/')], []byte(test.code))
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			test.rule(s, func(at ast.Node, why string) {
				got = s.set.Position(at.Pos()).Line
				if why == "" {
					t.Error("a finding without a reason")
				}
			})
			if got != test.want {
				t.Errorf("found in line %d, want %d", got, test.want)
			}
		})
	}
}

func TestRules_VariablesThatChangeAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code string
		want       bool // refused
	}{
		{"a sentinel", `import "errors"; var ErrGone = errors.New("gone")`, false},
		{"a sentinel of our own kind", `var ErrGone = &Error{}`, false},
		{"an error that is none by name", `import "errors"; var gone = errors.New("gone")`, true},
		{"an overwritten sentinel", `import "errors"; var ErrGone = errors.New("gone"); func f() { ErrGone = nil }`, true},
		{"a compiled expression", `import "regexp"; var word = regexp.MustCompile("a+")`, false},
		{"an interface check", `var _ error = (*x)(nil)`, false},
		{"a table", `var names = map[string]int{"a": 1}`, false},
		{"a table that grows", `var names = map[string]int{"a": 1}; func f() { names["b"] = 2 }`, true},
		{"a list that is appended to", `var names = []string{"a"}; func f() { names = append(names, "b") }`, true},
		{"a table that shrinks", `var names = map[string]int{"a": 1}; func f() { delete(names, "a") }`, true},
		{"a list that is sorted", `import "slices"; var names = []string{"a"}; func f() { slices.Sort(names) }`, true},
		{"a table whose address is given away", `var names = []string{"a"}; func f() *[]string { return &names }`, true},
		{"a local variable of the same name", `var names = []string{"a"}; func f() { names := []string{}; names = append(names, "b"); _ = names }`, false},
		{"a counter", `var calls int; func f() { calls++ }`, true},
		{"a lock", `import "sync"; var mu sync.Mutex`, true},
		{"a client", `import "net/http"; var client = http.DefaultClient`, true},
		{"a pool made at start", `var pool = open()`, true},
		{"an embedded file", "import _ \"embed\"\n\n//go:embed a.txt\nvar text string", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse("internal/auth/a.go", "internal/auth", []byte("package p\n"+test.code))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			checkVariables([]*source{s}, func(_ *source, _ ast.Node, why string) { got = why })
			if (got != "") != test.want {
				t.Errorf("refused: %t (%s), want %t", got != "", got, test.want)
			}
		})
	}
}

func TestRules_VariableChangedInAnotherFileIsFound(t *testing.T) {
	t.Parallel()
	a, errA := parse("internal/auth/a.go", "internal/auth", []byte("package p\nvar names = map[string]int{}"))
	b, errB := parse("internal/auth/b.go", "internal/auth", []byte("package p\n\nfunc f() { names[\"x\"]++ }"))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	got := ""
	checkVariables([]*source{a, b}, func(_ *source, _ ast.Node, why string) { got = why })
	if !strings.Contains(got, "internal/auth/b.go:3") {
		t.Errorf("finding = %q, want it to name internal/auth/b.go:3", got)
	}
}

func TestRules_LongFilesAndPackagesWithoutDocAreFound(t *testing.T) {
	t.Parallel()
	long, err := parse("internal/auth/a.go", "internal/auth", []byte("package p\n"+strings.Repeat("\n", maxLines)))
	if err != nil {
		t.Fatal(err)
	}
	if tooLong(long) == "" {
		t.Errorf("a file of %d lines is not found too long", maxLines+1)
	}
	if lacksDoc([]string{"a.go", "b.go"}) == "" {
		t.Error("a package of two files without doc.go is not found")
	}
	if why := lacksDoc([]string{"a.go"}); why != "" {
		t.Errorf("a package of one file: %s, want it left alone", why)
	}
}

func TestRules_MachineWordsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want bool
	}{
		{"see /ro" + "ot/go", true},
		{"DIR=/ho" + "me/me/x", true},
		{`"/wo` + `rk/main"`, true},
		{"https://example.com/ho" + "me/x", false},
		{"ProtectHome=yes, /var/lib/idp", false},
		{"the network/", false},
		{"from proxy.golang" + ".org", true},
		{"golang.org/x/crypto", false},
		{"\x00/ro" + "ot/x", false},
	}
	for _, test := range tests {
		if got := len(machineWords([]byte(test.text))) > 0; got != test.want {
			t.Errorf("machineWords(%q) finds something: %t, want %t", test.text, got, test.want)
		}
	}
}
