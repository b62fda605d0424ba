package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// excuse lets one file break a rule, with a reason.
type excuse struct{ file, because string }

// mayReadProcess lists who may ask for the environment and end the process, besides tests.
var mayReadProcess = []string{"cmd/idp"}

// maySkip lists the test files that may leave a test out. Everything else runs or fails: a missing engine or browser is
// no reason to be green. Skipping under testing.Short needs no entry, because no target of the Makefile sets it.
var maySkip = []excuse{
	{"deploy/deploy_test.go", "needs nginx, Caddy and systemd's tools, which only CI is sure to have; CI=true makes their absence a failure"},
	{"e2e/browser/browser.go", "without a Chromium there is no browser to test in; CI=true makes that a failure"},
	{"e2e/browser/gallery/pages_test.go", "writing the pictures of docs/screenshots is no test: make screenshots asks for it"},
	{"internal/store/sqldb/sqldb_test.go", "some of its tests are about one engine alone, and each engine has its run"},
	{"internal/store/plans_early_test.go", "SQLite keeps no plans of its own accord"},
	{"internal/store/storetest/cluster_test.go", "tests the PostgreSQL helper itself; without the variable only SQLite is being tested, and CI=true makes it a failure"},
}

// maySleep lists the test files that may wait for real time outside a synctest bubble.
var maySleep = []excuse{}

func excused(list []excuse, file string) bool {
	return slices.ContainsFunc(list, func(e excuse) bool { return e.file == file })
}

// processRule: a package that reads the environment has inputs that nobody passes; one that ends the process cannot be
// tested and skips the others' clean-up.
func processRule(s *source, report func(ast.Node, string)) {
	if s.isTest || isSupport(s.pkg) || matchesAny(mayReadProcess, s.pkg) {
		return
	}
	why := func(at ast.Node, name string) {
		report(at, name+" is for cmd/idp: return an error, or take the value as a parameter")
	}
	s.uses("os", []string{"Exit", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv"}, why)
	s.uses("syscall", []string{"Exit", "Getenv", "Environ"}, why)
	s.uses("flag", []string{"Parse", "String", "Bool", "Int", "Duration"}, why)
}

// timeRule: where time decides, it is a parameter; so tests state it, and two statements of one request agree.
func timeRule(s *source, report func(ast.Node, string)) {
	if s.isTest || isSupport(s.pkg) || !(matches("internal/store/...", s.pkg) || matches("internal/oauth/claims", s.pkg) || declaresDecide(s)) {
		return
	}
	s.uses("time", []string{"Now", "Since", "Until"}, func(at ast.Node, name string) {
		report(at, name+": time is a parameter here, so that a test can state it and one request has one now")
	})
}

// declaresDecide reports whether the file holds interaction's decision.
func declaresDecide(s *source) bool {
	if s.pkg != "internal/interaction" {
		return false
	}
	for _, decl := range s.syntax.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "Decide" {
			return true
		}
	}
	return false
}

var (
	sqlClock = regexp.MustCompile(`(?i)\bnow\s*\(\s*\)|\bCURRENT_(TIMESTAMP|DATE|TIME)\b|\bclock_timestamp\b|\b(date)?time\s*\(\s*'now'|\bunixepoch\b`)
	sqlStar  = regexp.MustCompile(`(?i)\b(SELECT|RETURNING)\s+(DISTINCT\s+)?([A-Za-z_]+\.)?\*`)
)

// sqlRule: the database's clock is a second clock, and * breaks scans when a later migration adds a column.
func sqlRule(s *source, report func(ast.Node, string)) {
	if s.isTest || isSupport(s.pkg) {
		return
	}
	s.literals(func(at ast.Node, text string) {
		if found := sqlStar.FindString(text); found != "" {
			report(at, fmt.Sprintf("%q: list the columns (xxxCols), so that a later migration breaks no scan", found))
		}
		if found := sqlClock.FindString(text); found != "" && matches("internal/store/...", s.pkg) {
			report(at, fmt.Sprintf("%q: pass now as a parameter: two clocks in one program disagree", found))
		}
	})
}

// mayRecover lists the files that catch panics themselves, besides package panics.
var mayRecover = []excuse{
	{"internal/handlers/middleware.go", "a request that panics is answered"},
	{"internal/handlers/routes.go", "the mux panics over two routes of one pattern"},
	{"internal/store/sqldb/pgx_convoy.go", "a panic of one caller's destination goes on at its owner"},
}

// mayGo lists the files that start goroutines outside of package panics' net.
var mayGo = []excuse{
	{"cmd/idp/serve.go", "starts loops that call their rounds through package panics, and servers that have a net for each request"},
	{"internal/logctx/buffer.go", "moves bytes that are lines already"},
}

// panicRule: outside of a request nothing catches a panic, so that one over an outsider's words would end the whole service.
func panicRule(s *source, report func(ast.Node, string)) {
	if s.isTest || isSupport(s.pkg) || s.pkg == "internal/panics" {
		return
	}
	caught := s.imported("idp/internal/panics") != "" || excused(mayGo, s.path)
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch at := n.(type) {
		case *ast.GoStmt:
			if !caught {
				report(at, "a panic in this goroutine ends the service: call what it does through package panics, or add the file to mayGo with a reason")
			}
		case *ast.CallExpr:
			switch f := at.Fun.(type) {
			case *ast.SelectorExpr:
				if f.Sel.Name == "Go" && !caught {
					report(at, "a panic in this goroutine ends the service: call what it does through package panics, or add the file to mayGo with a reason")
				}
			case *ast.Ident:
				if f.Name == "recover" && !excused(mayRecover, s.path) {
					report(at, "package panics catches, and keeps the cause and its place")
				}
			}
		}
		return true
	})
}

// initRule: what runs before main can neither fail nor be tested.
func initRule(s *source, report func(ast.Node, string)) {
	for _, decl := range s.syntax.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			report(f, "func init: make the value in a constructor that can return an error")
		}
	}
}

// skipRule: a test that leaves itself out proves nothing.
func skipRule(s *source, report func(ast.Node, string)) {
	if excused(maySkip, s.path) || !s.isTest && !isSupport(s.pkg) || s.imported("testing") == "" {
		return
	}
	short := shortBlocks(s)
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
			return true
		}
		if _, ok := selector.X.(*ast.Ident); !ok {
			return true
		}
		for _, block := range short {
			if block.Pos() <= call.Pos() && call.End() <= block.End() {
				return true
			}
		}
		report(call, "a test runs or fails: give it what it needs, or add the file to maySkip with a reason")
		return true
	})
}

// shortBlocks returns the bodies of "if testing.Short()".
func shortBlocks(s *source) []ast.Node {
	var blocks []ast.Node
	name := s.imported("testing")
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		branch, ok := n.(*ast.IfStmt)
		if !ok {
			return true
		}
		if call, ok := branch.Cond.(*ast.CallExpr); ok {
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Short" {
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == name {
					blocks = append(blocks, branch.Body)
				}
			}
		}
		return true
	})
	return blocks
}

// sleepRule: a test that sleeps is slow where it need not be and flaky where it must not be.
func sleepRule(s *source, report func(ast.Node, string)) {
	if !s.isTest && !isSupport(s.pkg) || s.imported("testing/synctest") != "" || excused(maySleep, s.path) {
		return
	}
	s.uses("time", []string{"Sleep"}, func(at ast.Node, _ string) {
		report(at, "time.Sleep in a test belongs in a testing/synctest bubble; outside, wait for the event itself")
	})
}

// commentRule: what is left to do is an issue, not a comment.
func commentRule(s *source, report func(ast.Node, string)) {
	for _, group := range s.syntax.Comments {
		for _, comment := range group.List {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X:"} {
				if strings.Contains(comment.Text, word) {
					report(comment, word+" in a comment: do it, or file it as an issue")
				}
			}
		}
	}
}

// nameRule: a package is named by what it owns.
func nameRule(s *source, report func(ast.Node, string)) {
	last := s.pkg[strings.LastIndexByte(s.pkg, '/')+1:]
	if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "manager", "base", "misc"}, last) {
		report(s.syntax.Name, fmt.Sprintf("package %s: name it by the noun it owns", last))
	}
}

// anyRule: one spelling.
func anyRule(s *source, report func(ast.Node, string)) {
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if i, ok := n.(*ast.InterfaceType); ok && len(i.Methods.List) == 0 && i.Methods.Opening != token.NoPos {
			report(i, "interface{}: write any")
		}
		return true
	})
}

func TestSource_OnlyTheCommandReadsTheProcess(t *testing.T) { t.Parallel(); enforce(t, processRule) }
func TestSource_TimeIsPassedWhereItDecides(t *testing.T)    { t.Parallel(); enforce(t, timeRule) }
func TestSource_SQLHasNoClockAndNoStar(t *testing.T)        { t.Parallel(); enforce(t, sqlRule) }
func TestSource_PanicsEndNothing(t *testing.T)              { t.Parallel(); enforce(t, panicRule) }
func TestSource_NoInit(t *testing.T)                        { t.Parallel(); enforce(t, initRule) }
func TestSource_NoTestLeavesItselfOut(t *testing.T)         { t.Parallel(); enforce(t, skipRule) }
func TestSource_NoTestSleeps(t *testing.T)                  { t.Parallel(); enforce(t, sleepRule) }
func TestSource_NothingIsLeftToDo(t *testing.T)             { t.Parallel(); enforce(t, commentRule) }
func TestSource_PackagesAreNamedByNouns(t *testing.T)       { t.Parallel(); enforce(t, nameRule) }
func TestSource_AnyIsSpelledAny(t *testing.T)               { t.Parallel(); enforce(t, anyRule) }
